"""The rules of reviews, as pure functions: which review of a text stands, and what taking one back leaves.

Each review names the one that stood before it, so that the reviews of one text hang together. An edit begins anew: a
text that comes back does not bring its old reviews with it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of ``reviews`` without its text; a row with ``withdraws`` takes that one back and is no review itself.
    ``copied`` says that its reviewer decided another comment with the same text, not this one."""

    number: int
    label: str
    reviewer_number: int | None
    replaces: int | None = None
    withdraws: int | None = None
    copied: bool = False


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


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the reviewers of one text think together.

    ``opinions`` are their current ones, oldest first: after a dispute was resolved they begin with the resolving one.
    ``independent`` is the latest label of each reviewer who did not see the others' labels in a dispute.
    """

    disputed: bool
    opinions: Mapping[int | None, Decision]
    independent: Mapping[int | None, str]


def weigh(one_text: Iterable[Decision]) -> Weighed:
    """Weigh the decisions of one text, oldest first and without what was taken back (as ``by_text`` gives them).

    The text is disputed while different reviewers' current opinions differ. A person who changes their mind disputes
    nothing. The decision of somebody who is no party to a dispute resolves it, whatever it says. A copied decision is
    weighed with the comment that its reviewer saw, and only there.
    """
    opinions: dict[int | None, Decision] = {}
    independent: dict[int | None, str] = {}
    resolvers: set[int | None] = set()
    disputed = False
    for decision in one_text:
        if decision.copied:
            continue
        who = decision.reviewer_number
        if disputed and who not in opinions:
            opinions, disputed = {who: decision}, False
            resolvers.add(who)
            continue
        opinions.pop(who, None)
        opinions[who] = decision
        if who not in resolvers:
            independent[who] = decision.label
        disputed = len({opinion.label for opinion in opinions.values()}) > 1
    return Weighed(disputed, opinions, independent)


def pairs(weighed: Weighed) -> Counter[tuple[int, int, str, str]]:
    """Which labels each two reviewers gave the text: (first reviewer, second, the first's label, the second's). The
    lower number is first; 0 is a reviewer without an account."""
    ordered = sorted((who or 0, label) for who, label in weighed.independent.items())
    return Counter((one, other, label, others) for (one, label), (other, others) in combinations(ordered, 2))


def pattern(weighed: Weighed, labels: Sequence[str]) -> Counter[tuple[int, ...]]:
    """How many reviewers gave the text each of ``labels``; nothing where fewer than two gave any."""
    given = Counter(weighed.independent.values())
    return Counter([tuple(given[label] for label in labels)] if given.total() > 1 else [])
