"""List reviews, newest first, and count a reviewer's reviews."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.blind import held_blindly
from store.comments import Keyset, LabelSource, Models, ShownLabel, review_fields
from store.groups import is_copied
from store.models import read_models
from store.ranges import HOUR, bucket_of
from store.review_work import NOBODY
from store.rows import built, columns_of
from store.tables import comments, reviewer_counts, reviews


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """A filter for reviews; None does not filter. ``reviewed_from`` is inclusive, ``reviewed_to`` exclusive.

    ``reviewer_number`` 0 are reviews by commands, ``model_number`` 0 those of comments without a prediction.
    ``corrected`` reviews differ from the model's label. ``counted`` excludes withdrawn reviews and copies for identical
    texts, as the counts of reviews do.
    """

    reviewer_number: int | None = None
    platform: str | None = None
    label: ShownLabel | None = None
    reviewed_from: datetime | None = None
    reviewed_to: datetime | None = None
    model_number: int | None = None
    corrected: bool | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class ListedReview:
    """A review of a comment, with the text that the reviewer saw.

    ``from_uncertain`` is whether ``from_label`` came from a model that was uncertain, ``stands`` whether the review is
    current, ``too_fast`` whether it was faster than reading. ``group_number`` is the number of the group decision that
    the review belongs to, None if there is none.
    """

    number: int
    platform: str
    id: str
    version: int
    text: str
    label: ShownLabel
    reviewer: str
    reason: str | None
    reviewed_at: datetime
    from_label: ShownLabel | None
    from_source: LabelSource | None
    from_probability: float | None
    from_uncertain: bool
    stands: bool
    withdrawn: bool
    too_fast: bool
    group_number: int | None


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """A page of reviews. ``next`` is the keyset of the next page, None on the last page."""

    items: Sequence[ListedReview]
    next: Keyset | None


async def list_reviews(
    connection: AsyncConnection, filters: ReviewFilter, after: Keyset | None, limit: int, reader: int | None = None
) -> ReviewPage:
    """Return a page of at most ``limit`` reviews after ``after``, newest first.

    ``reader`` is the number of the account that reads the page. Reviews of comments that are leased to it for the
    random audit are left out, because they reveal labels. Raises TransientStoreError.
    """
    of = reviews.c
    withdrawal = reviews.alias("withdrawals").c
    withdrawn = exists().where(withdrawal.comment_number == of.comment_number, withdrawal.withdraws == of.number)
    query = (
        select(
            *columns_of(reviews, ListedReview),
            *(of.comment_version, of.from_model_number, comments.c.platform, comments.c.id, comments.c.review_number),
            withdrawn.label("withdrawn"),
        )
        .join_from(reviews, comments, comments.c.number == of.comment_number)
        .where(of.withdraws.is_(None), *_conditions(filters), *([~withdrawn, ~is_copied()] if filters.counted else []))
        .order_by(of.number.desc())
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(of.number < after.number)
    if hidden := await held_blindly(connection, reader):
        query = query.where(of.comment_number.not_in(hidden))
    known = await read_models(connection)
    found = [_listed(row, known) for row in await connection.execute(query)]
    last = found[limit - 1] if len(found) > limit else None
    return ReviewPage(found[:limit], Keyset(last.reviewed_at, last.number) if last else None)


async def count_done(connection: AsyncConnection, reviewer_number: int, since: datetime) -> int:
    """Count a reviewer's reviews from the hour of ``since`` on, without withdrawn ones."""
    of = reviewer_counts.c
    query = select(func.sum(of.n)).where(
        of.bucket == HOUR, of.begins >= bucket_of(HOUR, since), of.reviewer_number == reviewer_number
    )
    return int((await connection.execute(query)).scalar() or 0)


def _conditions(filters: ReviewFilter) -> list[ColumnElement[bool]]:
    of = reviews.c
    equal = (
        (func.coalesce(of.reviewer_number, NOBODY), filters.reviewer_number),
        (func.coalesce(of.from_model_number, NOBODY), filters.model_number),
        (comments.c.platform, filters.platform),
        (of.label, filters.label),
    )
    found: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if filters.corrected is not None:
        corrected = and_(of.from_model_label.is_not(None), func.coalesce(of.from_model_label != of.label, false()))
        found.append(corrected if filters.corrected else not_(corrected))
    if filters.reviewed_from is not None:
        found.append(of.reviewed_at >= filters.reviewed_from)
    if filters.reviewed_to is not None:
        found.append(of.reviewed_at < filters.reviewed_to)
    return found


def _listed(row: Any, known: Models) -> ListedReview:
    stands = row.number == row.review_number
    return built(ListedReview, row, **review_fields(row, known), stands=stands, withdrawn=bool(row.withdrawn))
