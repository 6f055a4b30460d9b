"""Read the predictions of two models for a bounded number of comments: one step of a comparison.

Steps follow the comments' numbers. Each step is a few short queries outside any write transaction, so a comparison of
millions of comments blocks nobody. Comments that change during a comparison count as the step finds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, extract, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch import Label
from store.blind import not_waiting_for_audit
from store.comments import ShownLabel
from store.comparisons import ComparisonOrder
from store.disputes import disputed
from store.groups import is_copied
from store.held_back import is_held_back
from store.tables import comments, predictions, reviews

# The number of comments in a step: a fraction of a second.
STEP_COMMENTS = 5_000
# The most flipped comments of each direction that a step returns as candidates for examples.
CANDIDATES = 10
# Candidates are chosen by a permutation of the numbers modulo MODULUS, so that they do not depend on the order of
# arrival: FACTOR is odd and near the golden ratio of MODULUS, which spreads neighbours far apart (Knuth, The Art of
# Computer Programming, volume 3, section 6.4).
MODULUS, FACTOR = 65_536, 40_503
DECIDED = (ShownLabel.POSITIVE, ShownLabel.NEGATIVE)


@dataclass(frozen=True, slots=True)
class PairCount:
    """``n`` comments of one platform and month (UTC) by the labels of both models.

    A label is None where a model has no prediction; its ``uncertain`` is then False.
    """

    platform: str
    year: int
    month: int
    old_label: Label | None
    old_uncertain: bool
    new_label: Label | None
    new_uncertain: bool
    n: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A comment that both models and people have labelled.

    ``reviewed`` is the label of the newest review: None without one, for copies of another comment's review, and while
    reviewers dispute it. ``blind`` is the label of the audit's blind decision, or None. None also stands for unclear
    and spam. ``held_back`` is whether the comment is never used for training.
    """

    old_probability: float
    new_probability: float
    reviewed: ShownLabel | None
    blind: ShownLabel | None
    held_back: bool


@dataclass(frozen=True, slots=True)
class Flip:
    """A comment whose labels differ; those with the lowest ``rank`` become examples."""

    rank: int
    comment_number: int
    comment_version: int
    old_probability: float
    new_probability: float


@dataclass(frozen=True, slots=True)
class Step:
    """The comments with numbers up to ``done_up_to``: counts, judged comments and candidates for examples."""

    done_up_to: int
    pairs: Sequence[PairCount]
    judged: Sequence[Judged]
    flips: Sequence[Flip]


async def read_step(
    connection: AsyncConnection, order: ComparisonOrder, after: int, last: int, size: int = STEP_COMMENTS
) -> Step:
    """Read the next ``size`` comments with numbers above ``after``, at most ``last``. Raises TransientStoreError."""
    of = comments.c
    ahead = select(of.number).where(of.number > after, of.number <= last).order_by(of.number)
    end = (await connection.execute(ahead.offset(size - 1).limit(1))).scalar()
    done = last if end is None else int(end)
    sides = _Sides(order, [of.number > after, of.number <= done, *_matching(order)])
    pairs = [_pair(*row) for row in await connection.execute(sides.pairs())]
    judged = [_judged(*row) for row in await connection.execute(sides.judged())]
    flips = [Flip(*row) for label in Label for row in await connection.execute(sides.flips(label))]
    return Step(done, pairs, judged, flips)


class _Sides:
    """The queries of a step over ``comments`` that meet ``conditions``, joined with the predictions of both models."""

    def __init__(self, order: ComparisonOrder, conditions: Sequence[ColumnElement[bool]]) -> None:
        self._old, self._new = predictions.alias("old"), predictions.alias("new")
        self._on_old = _of_model(self._old, order.old_model_number)
        self._on_new = _of_model(self._new, order.new_model_number)
        self._conditions = conditions

    def pairs(self) -> Select[Any]:
        """Count comments by platform, month and both labels, with or without predictions."""
        of, old, new = comments.c, self._old.c, self._new.c
        year, month = extract("year", of.created_at), extract("month", of.created_at)
        groups = (of.platform, year, month, old.label, old.uncertain, new.label, new.uncertain)
        joined = (
            select(*groups, func.count())
            .outerjoin_from(comments, self._old, self._on_old)
            .outerjoin(self._new, self._on_new)
        )
        return self._limited(joined).group_by(*groups)

    def judged(self) -> Select[Any]:
        """Select comments with a decided review or a blind decision."""
        of = comments.c
        columns = (self._old.c.probability, self._new.c.probability, of.review_label, of.blind_label, is_held_back())
        unusable = or_(disputed(), is_copied())
        query = (
            select(*columns, reviews.c.number.is_(None).label("withdrawn"), unusable.label("unusable"))
            .join_from(comments, self._old, self._on_old)
            .join(self._new, self._on_new)
            .outerjoin(reviews, reviews.c.number == of.review_number)
        )
        return self._limited(query).where(or_(of.review_label.in_(DECIDED), of.blind_label.in_(DECIDED)))

    def flips(self, old_label: Label) -> Select[Any]:
        """Select candidates among the comments that the old model labels ``old_label`` and the new one does not.

        Comments that wait for the audit are left out, because examples show what the models say.
        """
        of, old, new = comments.c, self._old.c, self._new.c
        rank = ((of.number % MODULUS) * FACTOR) % MODULUS
        query = (
            select(rank.label("sorted_by"), of.number, of.version, old.probability, new.probability)
            .join_from(comments, self._old, self._on_old)
            .join(self._new, self._on_new)
        )
        flipped = self._limited(query).where(old.label == old_label, new.label != old_label, not_waiting_for_audit())
        return flipped.order_by("sorted_by", of.number).limit(CANDIDATES)

    def _limited(self, query: Select[Any]) -> Select[Any]:
        # MySQL would read a platform's comments through its index and sort them.
        return query.with_hint(comments, "FORCE INDEX (PRIMARY)", "mysql").where(*self._conditions)


def _of_model(side: FromClause, model: int) -> ColumnElement[bool]:
    return and_(side.c.comment_number == comments.c.number, side.c.model_number == model)


def _matching(order: ComparisonOrder) -> list[ColumnElement[bool]]:
    of = comments.c
    return [
        *([] if order.platform is None else [of.platform == order.platform]),
        *([] if order.created_from is None else [of.created_at >= order.created_from]),
        *([] if order.created_to is None else [of.created_at < order.created_to]),
    ]


def _pair(
    platform: str,
    year: Any,
    month: Any,
    old: str | None,
    unsure: bool | None,
    new: str | None,
    also: bool | None,
    n: int,
) -> PairCount:
    labels = (None if label is None else Label(label) for label in (old, new))
    old_label, new_label = labels
    return PairCount(platform, int(year), int(month), old_label, bool(unsure), new_label, bool(also), n)


def _judged(
    old: float, new: float, reviewed: str | None, blind: str | None, held_back: Any, withdrawn: bool, unusable: bool
) -> Judged:
    usable = not withdrawn and not unusable
    return Judged(old, new, _decided(reviewed) if usable else None, _decided(blind), bool(held_back))


def _decided(label: str | None) -> ShownLabel | None:
    return ShownLabel(label) if label in DECIDED else None
