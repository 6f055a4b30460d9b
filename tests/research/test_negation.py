"""Generated comments with negations."""

from collections.abc import Mapping

import pytest

from model.training.data import Comment, digest, part_of
from research.cases import read_cases
from research.negation import negations

pytestmark = pytest.mark.programs


@pytest.fixture(scope="module")
def generated() -> Mapping[str, Comment]:
    """All generated comments by digest, with a weight of 0.2."""
    return negations(0.2)


def test_negations_are_balanced_and_in_the_train_part(generated: Mapping[str, Comment]) -> None:
    positive = sum(one.positive for one in generated.values())
    assert len(generated) > 3_000
    assert 0.4 < positive / len(generated) < 0.6
    assert {part_of(key) for key in generated} == {"train"}
    assert {one.weight for one in generated.values()} == {0.2}
    assert all(digest(one.text) == key for key, one in generated.items())


def test_negations_reverse_the_label(generated: Mapping[str, Comment]) -> None:
    by_text = {one.text: one.positive for one in generated.values()}
    pairs = [
        (one, text)
        for text in by_text
        if "实在太" in text and (one := text.replace("实在太", "一点也不").removesuffix("了")) in by_text
    ]
    assert len(pairs) > 20
    assert all(by_text[one] != by_text[other] for one, other in pairs)


def test_double_negations_reverse_the_label_of_single_ones(generated: Mapping[str, Comment]) -> None:
    by_text = {one.text: one.positive for one in generated.values()}
    for double, single in (("没有什么不", "没有什么"), ("没有任何地方不", "没有任何地方"), ("谁会不", "谁会")):
        pairs = [
            (text, other) for text in by_text if double in text and (other := text.replace(double, single)) in by_text
        ]
        assert pairs
        assert all(by_text[one] != by_text[other] for one, other in pairs)


def test_negations_do_not_contain_test_cases(generated: Mapping[str, Comment]) -> None:
    cases = {case.text for case in read_cases()}
    assert {digest(text) for text in cases}.isdisjoint(generated)
    assert cases.isdisjoint(one.text for one in generated.values())
