"""Which review of a text stands, by the rules alone."""

from dataclasses import replace

from store.opinions import Decision, by_text, of_current_text, undo

FIRST = Decision(1, "positive", 7)
SECOND = Decision(2, "negative", 8, replaces=1)
THIRD = Decision(3, "spam", 7, replaces=2)
OTHER_TEXT = Decision(4, "unclear", 7)


def back(number: int, of: int) -> Decision:
    """A row that takes review ``of`` back."""
    return Decision(number, "positive", 7, withdraws=of)


def numbers(decisions: list[Decision]) -> list[int]:
    return [decision.number for decision in decisions]


def test_each_text_has_its_own_reviews_in_any_order_of_rows() -> None:
    texts = by_text([OTHER_TEXT, THIRD, FIRST, SECOND])
    assert [numbers(reviews) for reviews in texts] == [[1, 2, 3], [4]]


def test_what_was_taken_back_counts_no_more() -> None:
    assert [numbers(reviews) for reviews in by_text([FIRST, SECOND, back(3, 2)])] == [[1]]
    assert by_text([FIRST, back(2, 1)]) == []


def test_a_review_after_one_that_was_taken_back_belongs_to_the_same_text() -> None:
    again = Decision(4, "unclear", 8, replaces=1)
    assert [numbers(reviews) for reviews in by_text([FIRST, SECOND, back(3, 2), again])] == [[1, 4]]
    # The one between was taken back by its reviewer later than the next one was given.
    assert [numbers(reviews) for reviews in by_text([FIRST, SECOND, THIRD, back(4, 2)])] == [[1, 3]]


def test_reviews_of_the_text_that_stands_are_newest_first() -> None:
    assert numbers(of_current_text([FIRST, SECOND, OTHER_TEXT], 2)) == [2, 1]
    assert of_current_text([FIRST, SECOND], None) == []


def test_undo_takes_back_the_own_newest_and_brings_back_what_stood_before() -> None:
    assert undo([FIRST, SECOND, THIRD], 3, 7) == (THIRD, SECOND)
    assert undo([FIRST, SECOND, THIRD], 3, 8) == (SECOND, THIRD)
    assert undo([FIRST, SECOND, THIRD, back(4, 3)], 2, 7) == (FIRST, SECOND)
    assert undo([FIRST], 1, 7) == (FIRST, None)
    assert undo([replace(FIRST, revoked=True), SECOND], 2, 8) == (SECOND, None)
    assert undo([FIRST], 1, 8) is None
    assert undo([FIRST], None, 7) is None
