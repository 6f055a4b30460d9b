"""Groups of comments with the same text: count the comments and read the decisions for all of them.

group_decisions.py stores and withdraws the decisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Column, ColumnElement, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.comments import ShownLabel
from store.review_tables import group_decisions
from store.tables import comments, reviews

# The most occurrences that are counted.
COUNTED = 10_000
# Copies that arrive after a decision are offered once it is this old.
COPIES_WAIT = timedelta(days=30)


class GroupState(StrEnum):
    """The progress of a decision for a text."""

    STORING = "storing"
    STORED = "stored"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"


# States in which reviews remain to be stored or withdrawn.
UNFINISHED = (GroupState.STORING, GroupState.WITHDRAWING)
DECIDED = (GroupState.STORING, GroupState.STORED)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The number of comments without a review that share a text; ``more`` means that there are more than ``count``."""

    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class GroupLabel:
    """The label that a decision copies to all comments with the same text.

    ``folded_sha256`` identifies the text, ``number`` the decision. ``too_fast`` means that the decision took less time
    than reading the text does.
    """

    number: int
    folded_sha256: str
    label: ShownLabel
    reason: str | None
    too_fast: bool


@dataclass(frozen=True, slots=True)
class EarlierDecision:
    """An earlier decision for the same text, and how many comments it reviewed."""

    label: ShownLabel
    decided_at: datetime
    occurrences: int


@dataclass(frozen=True, slots=True)
class GroupDecision:
    """A decision for a text.

    ``occurrences`` counts the comments that shared the text; ``more_occurrences`` means that there are more.
    ``stored`` counts the stored reviews, ``withdrawn`` those of them that were withdrawn, and ``skipped`` the comments
    left out because they were edited, erased or reviewed separately.
    """

    number: int
    label: ShownLabel
    state: GroupState
    decided_at: datetime
    occurrences: int
    more_occurrences: bool
    stored: int
    skipped: int
    withdrawn: int


def in_group(digest: int) -> list[ColumnElement[bool]]:
    """Return conditions on ``comments``: the comment has this text and no review, and does not wait for the audit.

    A sampled comment without a review has no blind decision either, because a blind decision is a review. Excluding
    the whole sample instead of testing ``blind_label`` lets the index ``comments_by_text`` cover every column.
    """
    of = comments.c
    return [of.folded_digest == digest, of.review_label.is_(None), of.audit_rank.is_(None)]


def text_is_undecided(digest: Column[int | None], now: datetime) -> ColumnElement[bool]:
    """Return the condition that no recent decision on the text ``digest`` makes its copies wait."""
    of = group_decisions.c
    return ~exists().where(of.folded_digest == digest, of.copies_wait_until > now)


async def unfinished_texts(connection: AsyncConnection) -> Sequence[int]:
    """Return the digests of texts with an unfinished decision, which may be many. Raises TransientStoreError."""
    of = group_decisions.c
    query = select(of.folded_digest).where(of.state.in_(UNFINISHED)).distinct()
    return (await connection.execute(query)).scalars().all()


def is_copied() -> ColumnElement[bool]:
    """Return a condition on ``reviews``: the review is a copy of another comment's review of the same text."""
    of = group_decisions.c
    return and_(reviews.c.group_number.is_not(None), ~exists().where(of.review_number == reviews.c.number))


def is_revoked() -> ColumnElement[bool]:
    """Return a condition on ``reviews``: the review belongs to a decision for a text that was withdrawn.

    It also holds if a later review of the comment kept this review from being withdrawn with the decision.
    """
    of = group_decisions.c
    return exists().where(of.number == reviews.c.group_number, of.state.not_in(DECIDED))


async def count_occurrences(connection: AsyncConnection, digest: int) -> Occurrences:
    """Count the comments that a decision for this text would apply to. Raises TransientStoreError."""
    some = select(comments.c.number).where(*in_group(digest)).limit(COUNTED + 1)
    found = (await connection.execute(select(func.count()).select_from(some.subquery()))).scalar_one()
    return Occurrences(min(found, COUNTED), found > COUNTED)


async def earlier_decision(connection: AsyncConnection, digest: int) -> EarlierDecision | None:
    """Return the newest decision for this text that was not withdrawn. Raises TransientStoreError."""
    of = group_decisions.c
    query = (
        select(of.label, of.decided_at, of.stored)
        .where(of.folded_digest == digest, of.state.in_(DECIDED))
        .order_by(of.number.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else EarlierDecision(ShownLabel(row.label), row.decided_at, row.stored)


async def read_group(connection: AsyncConnection, number: int) -> GroupDecision | None:
    """Return the decision with this number, or None. Raises TransientStoreError."""
    of = group_decisions.c
    row = (await connection.execute(select(group_decisions).where(of.number == number))).one_or_none()
    if row is None:
        return None
    return GroupDecision(
        number=row.number,
        label=ShownLabel(row.label),
        state=GroupState(row.state),
        decided_at=row.decided_at,
        occurrences=max(row.occurrences, row.stored + row.skipped),
        more_occurrences=row.more_occurrences,
        stored=row.stored,
        skipped=row.skipped,
        withdrawn=row.withdrawn,
    )
