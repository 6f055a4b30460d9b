"""The mean of several networks."""

from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from liuyan.errors import UsageError
from model.artifact import read_artifact
from model.training.card import card
from research.mean import mean

pytestmark = pytest.mark.trains


def test_mean_of_two_artifacts(tiny_artifact: Path) -> None:
    first = read_artifact(tiny_artifact)
    second = replace(first, weights={name: 3 * one for name, one in first.weights.items()}, sha256="b" * 64)
    both = mean([first, second])
    assert all(numpy.allclose(both.weights[name], 2 * first.weights[name]) for name in first.weights)
    assert both.sha256 == f"{first.sha256}+{second.sha256}"
    assert both.words == first.words
    assert len(both.ngrams) == 0


def test_mean_of_one_artifact(tiny_artifact: Path) -> None:
    first = read_artifact(tiny_artifact)
    assert mean([first]) is first


def test_artifacts_with_different_words_or_widths(tiny_artifact: Path) -> None:
    first = read_artifact(tiny_artifact)
    wider = replace(first, configuration=replace(first.configuration, sizes={"embedding": 8, "hidden": 16}))
    with pytest.raises(UsageError, match="have different words or widths"):
        mean([first, replace(first, words=[*first.words, "新"])])
    with pytest.raises(UsageError, match="have different words or widths"):
        mean([first, wider])


def test_the_model_card_names_all_artifacts(tiny_artifact: Path) -> None:
    first = read_artifact(tiny_artifact)
    metrics = dict(first.metrics)
    metrics["options"] = metrics["options"] | {"network": f"{'a' * 64}+{'b' * 64}"}
    text = card(replace(first, metrics=metrics), {})
    assert "weights are the mean of those of `aaaaaaaaaaaa` and `bbbbbbbbbbbb`" in text
