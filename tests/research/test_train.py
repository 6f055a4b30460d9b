"""`python -m research.train`: cross-validation, search, negations and the mean of several artifacts."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from liuyan.errors import LiuyanError
from model.artifact import read_artifact
from model.training.data import digest, part_of
from research.train.__main__ import app
from research.train.folds import fold_of, part_in_fold, part_without
from tests.model.fixtures import shop_data

pytestmark = pytest.mark.trains

SIZES = ["--set", "words=300", "--set", "embedding=4", "--set", "hidden=4", "--set", "epochs=1", "--no-snownlp"]
Train = Callable[..., str]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """A function that runs `python -m research.train` on 240 made-up comments and returns its output."""
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "cache"))
    data = shop_data(tmp_path)

    def run(*arguments: object) -> str:
        command = ["--data-dir", data, "--output", tmp_path / "model", *SIZES, *arguments]
        result = CliRunner().invoke(app, list(map(str, command)), catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return run


def test_folds_partition_all_but_the_test_part() -> None:
    keys = [f"{number:016x}" for number in range(500)]
    parts = [[part_in_fold(number, 5)(key) for key in keys] for number in range(5)]
    for key, places in zip(keys, zip(*parts, strict=True), strict=True):
        expected = ["test"] * 5 if part_of(key) == "test" else ["train"] * 4 + ["validation"]
        assert sorted(places) == expected
    assert {fold_of(key, 5) for key in keys} == set(range(5))


def test_teachers_are_trained_on_the_train_part_only() -> None:
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


def test_a_search_resumes(train: Train, tmp_path: Path) -> None:
    assert train("--search", "1").startswith("best of 1 trials: validation_accuracy")
    again = train("--search", "2").splitlines()
    assert again[0].startswith("best of 2 trials")
    assert any(line.startswith("--set rate=") for line in again)
    assert train("--search", "2").splitlines() == again
    assert (tmp_path / "cache" / "searches.db").exists()


def test_generated_negations(train: Train, tmp_path: Path) -> None:
    train("--set", "negations=0.1")
    metrics = read_artifact(tmp_path / "model").metrics
    assert metrics["rows"]["train"]["negations"] > 3_000
    assert "negations" not in metrics["rows"]["validation"]


def test_start_from_the_mean_of_two_artifacts(train: Train, tmp_path: Path) -> None:
    train()
    train("--start", tmp_path / "model", "--output", tmp_path / "later")
    names = ("model", "later", "mean")
    both = ("--start", tmp_path / "later", "--start", tmp_path / "model")
    train(*both, "--set", "epochs=0", "--output", tmp_path / "mean")
    first, second, middle = (read_artifact(tmp_path / name) for name in names)
    for name, weights in middle.weights.items():
        assert abs((first.weights[name] + second.weights[name]) / 2 - weights).max() < 2e-3
    assert middle.metrics["options"]["network"] == f"{second.sha256}+{first.sha256}"
    assert len(middle.ngrams) > 0


def test_options_that_cannot_be_combined(train: Train, tiny_artifact: Path) -> None:
    with pytest.raises(LiuyanError, match="cannot use an earlier model"):
        train("--folds", "2", "--teacher", tiny_artifact)
    with pytest.raises(LiuyanError, match="leaves nothing to train on"):
        train("--folds", "1")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("rate", r"--set rate is not an option of a training\. Use NAME=VALUE"),
        ("speed=1", "--set speed=1 is not an option of a training"),
        ("rate=fast", "--set rate=fast: the value must be a number"),
        ("epochs=1.5", r"--set epochs=1\.5: the value must be a whole number"),
    ],
)
def test_invalid_options(train: Train, change: str, sentence: str) -> None:
    with pytest.raises(LiuyanError, match=sentence):
        train("--set", change)


def test_held_out_comments_are_left_out(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = tmp_path / "digests.txt"
    digests.write_text("\n".join(digest(f"第{number}次来，很好") for number in range(30)), encoding="ascii")
    train("--output", tmp_path / "all")
    monkeypatch.setattr("research.heldout.HELD_OUT", digests)
    train()
    learned = [rows_of(tmp_path / name) for name in ("all", "model")]
    assert learned == [240, 210]


def rows_of(folder: Path) -> int:
    """Return how many comments of the data folder the model in ``folder`` used, in all parts."""
    return sum(rows["shop"] for rows in read_artifact(folder).metrics["rows"].values())
