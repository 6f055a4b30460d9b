"""Compute the current review of a text, the effect of a withdrawal, and disputes, as pure functions.

Each review names the one that it replaced, which groups the reviews of one text. An edit starts a new group: if an
earlier text is restored, its old reviews are not.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of ``reviews`` without its text. A row with ``withdraws`` withdraws that review and is not a review itself.

    ``copied`` is whether the reviewer decided another comment with the same text, ``revoked`` whether the reviewer has
    since withdrawn that group decision.
    """

    number: int
    label: str
    reviewer_number: int | None
    replaces: int | None = None
    withdraws: int | None = None
    copied: bool = False
    revoked: bool = False


def by_text(decisions: Iterable[Decision]) -> list[list[Decision]]:
    """Return the reviews of one comment, one list per text, oldest first, without withdrawn ones.

    The last review of a list is current, or was when an edit replaced the text. ``decisions`` may be in any order.
    """
    ordered = sorted(decisions, key=lambda decision: decision.number)
    withdrawn = {decision.withdraws for decision in ordered}
    first: dict[int, int] = {}
    texts: dict[int, list[Decision]] = {}
    for decision in ordered:
        if decision.withdraws is None:
            before = decision.number if decision.replaces is None else decision.replaces
            first[decision.number] = first.get(before, before)
            reviews = texts.setdefault(first[decision.number], [])
            if decision.number not in withdrawn:
                reviews.append(decision)
    return [reviews for reviews in texts.values() if reviews]


def of_current_text(decisions: Iterable[Decision], current: int | None) -> list[Decision]:
    """Return the reviews of the text whose newest review is ``current``, newest first."""
    for reviews in by_text(decisions):
        if reviews[-1].number == current:
            return reviews[::-1]
    return []


def undo(
    decisions: Sequence[Decision], current: int | None, reviewer_number: int | None
) -> tuple[Decision, Decision | None] | None:
    """Return the review that an undo by this reviewer withdraws, and the one that then becomes current.

    The first is the reviewer's newest review of the current text; the second is never a revoked one. Return None if
    there is nothing to withdraw.
    """
    reviews = of_current_text(decisions, current)
    withdrawn = next((review for review in reviews if review.reviewer_number == reviewer_number), None)
    if withdrawn is None:
        return None
    return withdrawn, next((review for review in reviews if review is not withdrawn and not review.revoked), None)


@dataclass(frozen=True, slots=True)
class Weighed:
    """The opinions on one text, by reviewer number.

    ``opinions`` are the current ones, oldest first; after a dispute is resolved, the resolving one is the first.
    ``independent`` is the latest label of each reviewer except those who resolved a dispute, who saw the other labels.
    """

    disputed: bool
    opinions: Mapping[int | None, Decision]
    independent: Mapping[int | None, str]


def weigh(one_text: Iterable[Decision]) -> Weighed:
    """Weigh the decisions on one text, oldest first and without withdrawn ones, as ``by_text`` returns them.

    The text is disputed while the current opinions of different reviewers differ; a reviewer who changes their own
    label does not start a dispute. Any decision by a person outside a dispute resolves it. Copied decisions are
    ignored: they are weighed only on the comment that the reviewer saw.
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
    """Count the pairs of independent opinions: (first reviewer, second reviewer, first label, second label).

    The reviewer with the lower number is first; 0 is a reviewer without an account.
    """
    ordered = sorted((who or 0, label) for who, label in weighed.independent.items())
    return Counter((one, other, label, others) for (one, label), (other, others) in combinations(ordered, 2))


def pattern(weighed: Weighed, labels: Sequence[str]) -> Counter[tuple[int, ...]]:
    """Return a count of 1 for the tuple of reviewers per label; empty if fewer than two reviewers gave a label."""
    given = Counter(weighed.independent.values())
    return Counter([tuple(given[label] for label in labels)] if given.total() > 1 else [])
