"""`liuyan model train`: reviews, an initial artifact and n-grams."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from liuyan.cli import app
from model.artifact import SHIPPED, read_artifact
from model.labeller import load_labeller
from model.training.data import digest, part_of
from tests.model.fixtures import shop_data

pytestmark = pytest.mark.trains

SIZES = ["--words", "300", "--embedding", "4", "--hidden", "4", "--epochs", "1", "--no-snownlp"]
Train = Callable[..., str]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """A function that runs `liuyan model train` on 240 made-up comments and returns its output."""
    monkeypatch.setenv("LIUYAN_CACHE_DIR", str(tmp_path / "cache"))
    data = shop_data(tmp_path)

    def run(*arguments: object) -> str:
        command = ["model", "train", "--data-dir", data, "--output", tmp_path / "model", *SIZES, *arguments]
        result = CliRunner().invoke(app, list(map(str, command)), catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return run


def test_reviews_and_an_earlier_model(train: Train, tmp_path: Path) -> None:
    reviews = tmp_path / "reviews.csv"
    rows = "".join(f"第{number}回不亏,positive\n" for number in range(30))
    reviews.write_text(f"text,label\n{rows}没说清楚,unclear\n", encoding="utf-8")
    train("--reviews", reviews, "--reviews-weight", "3")
    metrics = read_artifact(tmp_path / "model").metrics
    assert sum(rows.get("reviews", 0) for rows in metrics["rows"].values()) == 30
    train("--start", tmp_path / "model", "--output", tmp_path / "next")
    first, second = (read_artifact(tmp_path / name) for name in ("model", "next"))
    assert second.words == first.words
    assert len(first.ngrams) > 0
    assert second.ngrams.keys.tolist() == first.ngrams.keys.tolist()


def test_both_models_are_evaluated_on_reviews_kept_aside(train: Train, tmp_path: Path) -> None:
    # Irony that the training comments lack: the initial model takes it for praise.
    texts = [f"第{number}回，好什么好" for number in range(150)]
    reviews = tmp_path / "reviews.csv"
    reviews.write_text("text,label\n" + "".join(f"{text},negative\n" for text in texts), encoding="utf-8")
    assert "kept aside" not in train("--rate", "0.1")
    output = train(
        "--reviews", reviews, "--rate", "0.1", "--start", tmp_path / "model", "--output", tmp_path / "corrected"
    )
    aside = [text for text in texts if part_of(digest(text)) == "test"]
    before, after = (_negative(tmp_path / name, aside) for name in ("model", "corrected"))
    assert before < after
    assert output.splitlines()[-1] == (
        f"correct on {after} of {len(aside)} reviews that were kept aside (initial model: {before})"
    )


def _negative(folder: Path, texts: list[str]) -> int:
    """Return how many of ``texts`` the model labels negative."""
    return sum(one.label == "negative" for one in load_labeller(folder).predict(texts))


def test_start_from_the_shipped_model(train: Train, tmp_path: Path) -> None:
    train("--start", "shipped")
    shipped, trained = read_artifact(SHIPPED), read_artifact(tmp_path / "model")
    assert trained.words == shipped.words
    assert trained.metrics["before"]["sha256"] == shipped.sha256


def test_without_n_grams(train: Train, tmp_path: Path) -> None:
    train("--ngrams", "0")
    assert len(read_artifact(tmp_path / "model").ngrams) == 0
    train("--ngrams", "7", "--output", tmp_path / "few")
    assert len(read_artifact(tmp_path / "few").ngrams) == 7
    train("--ngrams", "0", "--start", tmp_path / "few", "--output", tmp_path / "none")
    assert len(read_artifact(tmp_path / "none").ngrams) == 0


def test_held_out_comments_are_left_out(train: Train, tmp_path: Path) -> None:
    digests = tmp_path / "digests.txt"
    digests.write_text("\n".join(digest(f"第{number}次来，很好") for number in range(30)), encoding="ascii")
    train("--output", tmp_path / "all")
    train("--heldout", digests)
    rows = [read_artifact(tmp_path / name).metrics["rows"].values() for name in ("all", "model")]
    assert [sum(part["shop"] for part in parts) for parts in rows] == [240, 210]
