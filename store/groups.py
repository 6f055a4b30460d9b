"""Groups of comments with the same text: how many there are, and what was decided for all of them.

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

# Occurrences are counted up to here.
COUNTED = 10_000
# Copies that arrive later are offered again once this much time has passed since the decision.
COPIES_WAIT = timedelta(days=30)


class GroupState(StrEnum):
    """How far a decision for a text has come."""

    STORING = "storing"
    STORED = "stored"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"


# States in which reviews remain to be stored or withdrawn.
UNFINISHED = (GroupState.STORING, GroupState.WITHDRAWING)
DECIDED = (GroupState.STORING, GroupState.STORED)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """How many comments without a review share a text; ``more`` says that there are more than were counted."""

    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class GroupLabel:
    """What a decision copies to the comments with the same text, which ``folded_sha256`` identifies. ``number`` is the
    decision's, ``too_fast`` says that it was made faster than the text can be read."""

    number: int
    folded_sha256: str
    label: ShownLabel
    reason: str | None
    too_fast: bool


@dataclass(frozen=True, slots=True)
class EarlierDecision:
    """What was decided for the same text before, and for how many comments."""

    label: ShownLabel
    decided_at: datetime
    occurrences: int


@dataclass(frozen=True, slots=True)
class GroupDecision:
    """A decision for a text. ``occurrences`` is the number of comments that shared it, ``more_occurrences`` says that
    there are more than were counted. Of their reviews ``stored`` are stored, and ``withdrawn`` of these withdrawn;
    ``skipped`` comments were edited, erased or reviewed by themselves."""

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
    """Conditions on ``comments``: the comment has this text, no review, and does not wait for the random audit.

    A comment of the sample without a review has no blind decision either, since that is a review too. So this leaves
    out the whole sample instead of asking for ``blind_label``, and the index ``comments_by_text`` has every column.
    """
    of = comments.c
    return [of.folded_digest == digest, of.review_label.is_(None), of.audit_rank.is_(None)]


def text_is_undecided(digest: Column[int | None], now: datetime) -> ColumnElement[bool]:
    """That the text ``digest`` was not decided lately, so that its copies are offered."""
    of = group_decisions.c
    return ~exists().where(of.folded_digest == digest, of.copies_wait_until > now)


async def unfinished_texts(connection: AsyncConnection) -> Sequence[int]:
    """The texts whose copies are being reviewed or given back, which may be many. Raises TransientStoreError."""
    of = group_decisions.c
    query = select(of.folded_digest).where(of.state.in_(UNFINISHED)).distinct()
    return (await connection.execute(query)).scalars().all()


def is_copied() -> ColumnElement[bool]:
    """Condition on ``reviews``: the review was copied from the one of another comment with the same text."""
    of = group_decisions.c
    return and_(reviews.c.group_number.is_not(None), ~exists().where(of.review_number == reviews.c.number))


async def count_occurrences(connection: AsyncConnection, digest: int) -> Occurrences:
    """How many comments a decision for this text would apply to. Raises TransientStoreError."""
    some = select(comments.c.number).where(*in_group(digest)).limit(COUNTED + 1)
    found = (await connection.execute(select(func.count()).select_from(some.subquery()))).scalar_one()
    return Occurrences(min(found, COUNTED), found > COUNTED)


async def earlier_decision(connection: AsyncConnection, digest: int) -> EarlierDecision | None:
    """The newest decision for this text that was not withdrawn. Raises TransientStoreError."""
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
    """The decision with this number; None when there is none. Raises TransientStoreError."""
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
