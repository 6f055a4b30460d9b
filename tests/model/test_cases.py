"""Hand-written comments by category, with labels by a person.

A case labelled ``uncertain`` has no sentiment or a balanced one, so its probability belongs inside the uncertain band.
The floors are the results of the shipped model; docs/model.md lists its errors. Raise the floors and shorten that list
when a better model ships.
"""

from collections import Counter
from pathlib import Path

import pytest

from model.labeller import Labeller
from research.cases import UNCERTAIN, Result, judge, read_cases

DOCUMENT = Path(__file__).parents[2] / "docs" / "model.md"

# Minimum number of correct labels per category.
FLOORS = {
    "plain": 12,
    "emoji": 8,
    "traditional": 6,
    "full width": 6,
    "repeated": 6,
    "mixed English": 6,
    "url mention topic": 6,
    "kaomoji": 6,
    "negation": 15,
    "contrast": 10,
    "double negation": 26,
    "comparison": 16,
    "irony": 11,
    "mixed aspects": 15,
    "question": 17,
    "placeholder": 13,
}
# Categories of texts without sentiment.
NEUTRAL = {"question", "placeholder"}


@pytest.fixture(scope="module")
def results(shipped: Labeller) -> list[Result]:
    return judge(shipped)


def test_cases_cover_every_category() -> None:
    cases = read_cases()
    assert len(cases) == 200
    assert len({case.text for case in cases}) == len(cases)
    assert {case.category for case in cases} == set(FLOORS)
    for category in FLOORS:
        labels = {case.label for case in cases if case.category == category}
        assert labels - {UNCERTAIN} == (set() if category in NEUTRAL else {"positive", "negative"})


def test_every_category_reaches_its_floor(results: list[Result]) -> None:
    correct = Counter(one.case.category for one in results if one.correct)
    assert {category: correct[category] for category in FLOORS if correct[category] < FLOORS[category]} == {}


def test_errors_are_documented(results: list[Result]) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    wrong = {one.case.text for one in results if not one.correct}
    assert {text for text in wrong if text not in document} == set()
