"""The random audit: decisions made without seeing what a model says, on which alone accuracy is measured.

A comment of the audit sample waits until its current text has a blind decision, whatever else reviewers do with it. As
long as it waits, no other queue offers it and no decision on many comments includes it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select, update

from store.review_tables import blind_decisions
from store.session import WriteSession
from store.tables import comments, review_claims, reviews


@dataclass(frozen=True, slots=True)
class Claim:
    """A reviewer's own claim of a comment. ``blind`` says that it was given without what a model says."""

    given_at: datetime | None
    blind: bool


def waits_for_audit() -> ColumnElement[bool]:
    """That a comment of the sample has no valid blind decision on its current text."""
    return and_(comments.c.audit_rank.is_not(None), comments.c.blind_label.is_(None))


def not_waiting_for_audit() -> ColumnElement[bool]:
    """That a comment is outside of the sample, or was decided blindly."""
    return or_(comments.c.audit_rank.is_(None), comments.c.blind_label.is_not(None))


def not_decided_by(reviewer: int | None) -> ColumnElement[bool]:
    """That this reviewer can still decide the comment's current text blindly.

    Who reviewed it outside of the audit has seen what the model says, and who decided it blindly but too fast leaves it
    to somebody else. A blind decision that was taken back may be made again: its answer revealed nothing.
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
    """The reviewer's claims of these comments, by comment."""
    of = review_claims.c
    query = select(of.comment_number, of.given_at, of.blind)
    query = query.where(of.comment_number.in_(numbers), of.reviewer_number == reviewer)
    return {number: Claim(given_at, blind) for number, given_at, blind in await session.connection.execute(query)}


async def waiting_among(session: WriteSession, numbers: Collection[int]) -> set[int]:
    """Those of the comments that wait for the audit."""
    query = select(comments.c.number).where(comments.c.number.in_(numbers), waits_for_audit())
    return set((await session.connection.execute(query)).scalars())


async def decidable_among(session: WriteSession, numbers: Collection[int], reviewer: int | None) -> set[int]:
    """Those of the comments that wait for the audit and that this reviewer can decide blindly."""
    query = select(comments.c.number).where(comments.c.number.in_(numbers), waits_for_audit(), not_decided_by(reviewer))
    return set((await session.connection.execute(query)).scalars())


async def add_blind_decisions(session: WriteSession, rows: Sequence[Mapping[str, object]]) -> None:
    """Store blind decisions, rows by column of ``blind_decisions``; those that are not too fast end the waiting of
    their comments, which are locked."""
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
    """Withdraw the blind decision that counts as this review, whose comment is locked and still has the text; whether
    there was one. Its comment waits for the audit again."""
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
