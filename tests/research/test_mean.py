"""Several networks as one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from liuyan.errors import UsageError
from model.artifact import read_artifact
from model.training.card import card
from research.mean import mean

pytestmark = pytest.mark.trains


def test_the_mean_of_two_lies_between_them(tiny_artifact: Path) -> None:
    first = read_artifact(tiny_artifact)
    second = replace(first, weights={name: 3 * one for name, one in first.weights.items()}, sha256="b" * 64)
    both = mean([first, second])
    assert all(torch.allclose(both.weights[name], 2 * first.weights[name]) for name in first.weights)
    assert both.sha256 == f"{first.sha256}+{second.sha256}"
    assert both.words == first.words
    assert len(both.ngrams) == 0


def test_one_alone_stays_as_it_is(tiny_artifact: Path) -> None:
    first = read_artifact(tiny_artifact)
    assert mean([first]) is first


def test_other_words_or_widths_have_no_mean(tiny_artifact: Path) -> None:
    first = read_artifact(tiny_artifact)
    wider = replace(first, configuration=replace(first.configuration, sizes={"embedding": 8, "hidden": 16}))
    with pytest.raises(UsageError, match="their words or widths differ"):
        mean([first, replace(first, words=[*first.words, "新"])])
    with pytest.raises(UsageError, match="their words or widths differ"):
        mean([first, wider])


def test_the_card_names_them_all(tiny_artifact: Path) -> None:
    first = read_artifact(tiny_artifact)
    told = dict(first.metrics)
    told["options"] = told["options"] | {"network": f"{'a' * 64}+{'b' * 64}"}
    text = card(replace(first, metrics=told), {})
    assert "the artifact `aaaaaaaaaaaa`, which with `bbbbbbbbbbbb` makes the mean that it has for weights" in text
