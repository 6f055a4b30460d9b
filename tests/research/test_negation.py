"""Comments made by rule."""

import csv
from pathlib import Path

import pytest

from model.training.data import digest, part_of
from research.negation import negations

pytestmark = pytest.mark.programs

CASES = Path(__file__).parents[1] / "model" / "cases.csv"


def test_both_labels_alike_and_in_the_train_part_alone() -> None:
    made = negations(0.2)
    positive = sum(one.positive for one in made.values())
    assert len(made) > 3_000
    assert 0.4 < positive / len(made) < 0.6
    assert {part_of(key) for key in made} == {"train"}
    assert {one.weight for one in made.values()} == {0.2}
    assert all(digest(one.text) == key for key, one in made.items())


def test_what_negates_decides() -> None:
    by_text = {one.text: one.positive for one in negations(1.0).values()}
    pairs = [
        (one, text)
        for text in by_text
        if "实在太" in text and (one := text.replace("实在太", "一点也不").removesuffix("了")) in by_text
    ]
    assert len(pairs) > 20
    assert all(by_text[one] != by_text[other] for one, other in pairs)


def test_none_of_the_cases_that_judge_it() -> None:
    with CASES.open(encoding="utf-8", newline="") as stream:
        cases = [case["text"] for case in csv.DictReader(stream)]
    assert {digest(text) for text in cases}.isdisjoint(negations(1.0))
    assert not [text for text in cases for one in negations(1.0).values() if one.text == text]
