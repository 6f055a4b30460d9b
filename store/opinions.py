"""The rules of reviews, as pure functions: which review of a text stands, and what taking one back leaves.

Each review names the one that stood before it, so that the reviews of one text hang together. An edit begins anew: a
text that comes back does not bring its old reviews with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of ``reviews`` without its text; a row with ``withdraws`` takes that one back and is no review itself."""

    number: int
    label: str
    reviewer_number: int | None
    replaces: int | None = None
    withdraws: int | None = None


def by_text(decisions: Iterable[Decision]) -> list[list[Decision]]:
    """The reviews of one comment, those of each text that it had in a list, oldest first; without what was taken back.

    Of each list the last one stands, or stood when an edit replaced the text. ``decisions`` are in any order.
    """
    ordered = sorted(decisions, key=lambda decision: decision.number)
    gone = {decision.withdraws for decision in ordered}
    first: dict[int, int] = {}
    texts: dict[int, list[Decision]] = {}
    for decision in ordered:
        if decision.withdraws is None:
            before = decision.number if decision.replaces is None else decision.replaces
            first[decision.number] = first.get(before, before)
            reviews = texts.setdefault(first[decision.number], [])
            if decision.number not in gone:
                reviews.append(decision)
    return [reviews for reviews in texts.values() if reviews]


def of_current_text(decisions: Iterable[Decision], standing: int | None) -> list[Decision]:
    """The reviews of the text of which ``standing`` is the newest review, newest first."""
    for reviews in by_text(decisions):
        if reviews[-1].number == standing:
            return reviews[::-1]
    return []


def undo(
    decisions: Sequence[Decision], standing: int | None, reviewer_number: int | None
) -> tuple[Decision, Decision | None] | None:
    """What an undo by this reviewer takes back, the newest own review of the text that stands, and the review that
    stands then; None when there is nothing to take back."""
    reviews = of_current_text(decisions, standing)
    taken = next((review for review in reviews if review.reviewer_number == reviewer_number), None)
    if taken is None:
        return None
    return taken, next((review for review in reviews if review is not taken), None)
