"""Test the rules for the current review of a text."""

from dataclasses import replace

from store.opinions import Decision, by_text, of_current_text, undo

FIRST = Decision(1, "positive", 7)
SECOND = Decision(2, "negative", 8, replaces=1)
THIRD = Decision(3, "spam", 7, replaces=2)
OTHER_TEXT = Decision(4, "unclear", 7)


def back(number: int, of: int) -> Decision:
    """Return a row that withdraws review ``of``."""
    return Decision(number, "positive", 7, withdraws=of)


def numbers(decisions: list[Decision]) -> list[int]:
    return [decision.number for decision in decisions]


def test_reviews_are_grouped_by_text_in_any_order_of_rows() -> None:
    texts = by_text([OTHER_TEXT, THIRD, FIRST, SECOND])
    assert [numbers(reviews) for reviews in texts] == [[1, 2, 3], [4]]


def test_withdrawn_reviews_do_not_count() -> None:
    assert [numbers(reviews) for reviews in by_text([FIRST, SECOND, back(3, 2)])] == [[1]]
    assert by_text([FIRST, back(2, 1)]) == []


def test_a_review_after_a_withdrawn_one_belongs_to_the_same_text() -> None:
    again = Decision(4, "unclear", 8, replaces=1)
    assert [numbers(reviews) for reviews in by_text([FIRST, SECOND, back(3, 2), again])] == [[1, 4]]
    # The second review is withdrawn after the third was added.
    assert [numbers(reviews) for reviews in by_text([FIRST, SECOND, THIRD, back(4, 2)])] == [[1, 3]]


def test_reviews_of_the_current_text_are_newest_first() -> None:
    assert numbers(of_current_text([FIRST, SECOND, OTHER_TEXT], 2)) == [2, 1]
    assert of_current_text([FIRST, SECOND], None) == []


def test_undo_withdraws_ones_newest_review_and_returns_the_next_current_one() -> None:
    assert undo([FIRST, SECOND, THIRD], 3, 7) == (THIRD, SECOND)
    assert undo([FIRST, SECOND, THIRD], 3, 8) == (SECOND, THIRD)
    assert undo([FIRST, SECOND, THIRD, back(4, 3)], 2, 7) == (FIRST, SECOND)
    assert undo([FIRST], 1, 7) == (FIRST, None)
    assert undo([replace(FIRST, revoked=True), SECOND], 2, 8) == (SECOND, None)
    assert undo([FIRST], 1, 8) is None
    assert undo([FIRST], None, 7) is None
