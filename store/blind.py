"""Store the blind decisions of the random audit, the only decisions on which accuracy is measured.

A comment of the audit sample waits until its current text has a blind decision; other reviews do not end the wait.
Meanwhile no other queue offers the comment, and bulk decisions leave it out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.clock import database_now
from store.review_tables import blind_decisions
from store.session import WriteSession
from store.tables import comments, review_claims, reviews
from store.types import stored_time


@dataclass(frozen=True, slots=True)
class Claim:
    """A reviewer's lease on a comment. ``blind`` is whether the task still hides all predictions and reviews."""

    given_at: datetime | None
    blind: bool


def waits_for_audit() -> ColumnElement[bool]:
    """Return the condition that a comment is in the sample and its current text has no valid blind decision."""
    return and_(comments.c.audit_rank.is_not(None), comments.c.blind_label.is_(None))


def not_waiting_for_audit() -> ColumnElement[bool]:
    """Return the condition that a comment is outside the sample or has a valid blind decision."""
    return or_(comments.c.audit_rank.is_(None), comments.c.blind_label.is_not(None))


def not_decided_by(reviewer: int | None) -> ColumnElement[bool]:
    """Return the condition that this reviewer can still decide the comment's current text blindly.

    A reviewer who reviewed it outside the audit has seen the prediction; one who decided it blindly but too fast leaves
    it to somebody else. A withdrawn blind decision may be repeated, because the response to it reveals no label.
    """
    own, blind = reviews.c, blind_decisions.c
    taken_back = exists().where(blind.review_number == own.number, blind.withdrawn.is_(True))
    return ~exists().where(
        own.comment_number == comments.c.number,
        own.reviewer_number == reviewer,
        own.withdraws.is_(None),
        own.text == comments.c.text,
        ~taken_back,
    )


async def own_claims(session: WriteSession, numbers: Collection[int], reviewer: int | None) -> dict[int, Claim]:
    """Return the reviewer's leases on these comments, by comment number; expired ones are not blind."""
    of = review_claims.c
    query = select(of.comment_number, of.given_at, _is_blind(stored_time(session.now)))
    query = query.where(of.comment_number.in_(numbers), of.reviewer_number == reviewer)
    return {number: Claim(given_at, bool(blind)) for number, given_at, blind in await session.connection.execute(query)}


async def held_blindly(connection: AsyncConnection, reviewer: int | None) -> Sequence[int]:
    """Return the few comments that are leased to this reviewer for the audit, by number. Raises TransientStoreError."""
    of = review_claims.c
    query = select(of.comment_number).where(of.reviewer_number == reviewer, _is_blind(await database_now(connection)))
    return (await connection.execute(query)).scalars().all()


def _is_blind(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a lease is blind and has not expired.

    Labels are hidden exactly as long as a decision would count as blind.
    """
    return and_(review_claims.c.blind.is_(True), review_claims.c.claimed_until > now)


async def waiting_among(session: WriteSession, numbers: Collection[int]) -> set[int]:
    """Return which of the comments wait for the audit."""
    query = select(comments.c.number).where(comments.c.number.in_(numbers), waits_for_audit())
    return set((await session.connection.execute(query)).scalars())


async def decidable_among(session: WriteSession, numbers: Collection[int], reviewer: int | None) -> set[int]:
    """Return which of the comments wait for the audit and can be decided blindly by this reviewer."""
    query = select(comments.c.number).where(comments.c.number.in_(numbers), waits_for_audit(), not_decided_by(reviewer))
    return set((await session.connection.execute(query)).scalars())


async def add_blind_decisions(session: WriteSession, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows of ``blind_decisions``, given by column. The comments must be locked.

    A decision that is not too fast ends its comment's wait for the audit.
    """
    if not rows:
        return
    await session.run(session.statements.add_blind_decisions, rows)
    by_label: dict[object, list[object]] = {}
    for row in rows:
        if not row["too_fast"]:
            by_label.setdefault(row["label"], []).append(row["comment_number"])
    for label, numbers in by_label.items():
        decided = update(comments).where(comments.c.number.in_(numbers))
        await session.connection.execute(decided.values(blind_label=label))


async def withdraw_blind_decision(session: WriteSession, comment_number: int, review_number: int) -> bool:
    """Withdraw the blind decision that counts as this review, so that its comment waits for the audit again.

    The comment must be locked and still have the decision's text. Return whether there was a blind decision.
    """
    of = blind_decisions.c
    query = select(of.number, of.too_fast).where(of.review_number == review_number)
    found = (await session.connection.execute(query)).one_or_none()
    if found is None:
        return False
    withdrawn = update(blind_decisions).where(of.number == found.number).values(withdrawn=True)
    await session.connection.execute(withdrawn)
    if not found.too_fast:
        waits = update(comments).where(comments.c.number == comment_number).values(blind_label=None)
        await session.connection.execute(waits)
    return True
