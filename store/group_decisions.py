"""Decisions for all comments with the same text: the first review at once, its copies in bounded steps.

A decision is a row that says how far it has come. Each step moves that mark in the transaction of its reviews, so that
any process can go on where another one stopped, and none of them stores or withdraws a review twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.audit import JSON, Actor, record
from store.blind import waits_for_audit
from store.comments import ShownLabel
from store.errors import NoCommentError, NothingToUndoError
from store.folding import folded_digest, folded_sha256
from store.group_copies import add_copies, withdraw_copies
from store.groups import (
    COPIES_WAIT,
    DECIDED,
    UNFINISHED,
    GroupLabel,
    GroupState,
    Occurrences,
    count_occurrences,
    in_group,
)
from store.lock_keys import Key
from store.retry import retried
from store.review_tables import group_decisions
from store.reviews import AT_ONCE, Opinion, Reviewed, Undone, add_within, only_review, undo_within
from store.session import WriteSession
from store.store import Store
from store.tables import comments, reviews
from store.types import LARGEST_NUMBER, stored_time

# Decisions that one look takes a step of.
LOOKED_AT = 50
# A withdrawal is bounded by its own reviews; until it is done nobody is offered the text.
WITHDRAWAL_TIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class GroupReviewed:
    """The first review of a decision, and the decision's number; None where the comment was decided alone: those that
    wait for the random audit, and blind decisions."""

    review: Reviewed
    group: int | None


async def decide_group(store: Store, actor: Actor, opinion: Opinion) -> GroupReviewed:
    """Review a comment and order the same review for every current comment with the same text.

    To call it again does no harm. Raises EditedMeanwhileError, NoCommentError, TransientStoreError, CommitUnknownError.
    """

    async def once() -> GroupReviewed:
        async with store.writing() as session:
            review = only_review(await add_within(session, actor, [opinion]), opinion)
            return GroupReviewed(review, await _order(session, actor, opinion, review.number))

    return await retried(once, repeatable=True)


async def withdraw_group(store: Store, actor: Actor, review_number: int, claim_until: datetime) -> Undone | None:
    """Withdraw the actor's decision whose first review is ``review_number``: that one at once, the copies in steps.

    Only reviews that are still current are withdrawn; None says that the first one no longer was, for an edit or an
    erasure. Copies that are not stored yet never will be. Raises NothingToUndoError where no such decision of the actor
    holds, TransientStoreError, CommitUnknownError.
    """

    async def once() -> Undone | None:
        async with store.writing() as session:
            return await _withdraw(session, actor, review_number, claim_until)

    return await retried(once)


async def is_group(connection: AsyncConnection, review_number: int) -> bool:
    """Whether this review is the first one of a decision for its text. Raises TransientStoreError."""
    query = select(group_decisions.c.number).where(group_decisions.c.review_number == review_number)
    return (await connection.execute(query)).one_or_none() is not None


async def take_steps(store: Store) -> int:
    """Take one step of each decision that is not finished; returns how many were taken, 0 when there is nothing to do.

    Every process may call it at any time. Raises TransientStoreError and CommitUnknownError; what was stored before
    stays stored.
    """
    taken = 0
    for number in await store.read(_unfinished):

        async def once(number: int = number) -> bool:
            async with store.writing() as session:
                return await _step(session, number)

        taken += await retried(once, repeatable=True)
    return taken


async def _order(session: WriteSession, actor: Actor, opinion: Opinion, review_number: int) -> int | None:
    """Insert the decision of which a review is the first; its number. A repeated one has one already."""
    run = session.connection.execute
    query = (
        select(reviews.c.group_number, reviews.c.too_fast, comments.c.text, waits_for_audit())
        .join_from(reviews, comments, comments.c.number == reviews.c.comment_number)
        .where(reviews.c.number == review_number)
    )
    group, too_fast, text, waits = (await run(query)).one()
    if group is not None or waits or opinion.blind:
        return cast(int | None, group)
    digest, decided_at = folded_digest(text), stored_time(session.now)
    others = await _others(session.connection, digest)
    state = GroupState.STORING if others.count else GroupState.STORED
    inserted = await run(
        insert(group_decisions).values(
            folded_digest=digest,
            folded_sha256=folded_sha256(text),
            review_number=review_number,
            label=opinion.label,
            too_fast=too_fast,
            reason=opinion.reason if others.count else None,
            reviewer=actor.name,
            reviewer_number=actor.user_number,
            decided_at=decided_at,
            state=state,
            occurrences=others.count + 1,
            more_occurrences=others.more,
            last_comment=(await run(select(func.max(comments.c.number)))).scalar_one(),
            done_up_to=0,
            stored=1,
            skipped=0,
            withdrawn=0,
            copies_wait_until=decided_at + COPIES_WAIT,
        )
    )
    number = int(cast(Any, inserted.inserted_primary_key)[0])
    await run(update(reviews).where(reviews.c.number == review_number).values(group_number=number))
    if others.count:
        detail: dict[str, JSON] = {"label": opinion.label, "occurrences": others.count + 1, "more": others.more}
        await record(session, actor, "review.add_group", "group", str(number), detail)
    return number


async def _others(connection: AsyncConnection, digest: int) -> Occurrences:
    """How many comments share the text, with those that an earlier decision is still giving back."""
    of = group_decisions.c
    returning = select(func.sum(of.stored - of.withdrawn)).where(
        of.folded_digest == digest, of.state == GroupState.WITHDRAWING
    )
    # Asked before the comments are counted: what is given back in between is counted twice rather than never.
    expected = int((await connection.execute(returning)).scalar() or 0)
    found = await count_occurrences(connection, digest)
    return Occurrences(found.count + expected, found.more)


async def _withdraw(session: WriteSession, actor: Actor, review_number: int, claim_until: datetime) -> Undone | None:
    of = group_decisions.c
    own = (of.review_number == review_number, of.reviewer_number.is_not_distinct_from(actor.user_number))
    order = (await session.connection.execute(select(group_decisions).where(*own).with_for_update())).one_or_none()
    if order is None or order.state not in DECIDED:
        raise NothingToUndoError("There is no decision of yours for this text that was not withdrawn.")
    undone = await _undo_first(session, actor, review_number, claim_until)
    copies = order.stored > 1
    await _advance(
        session,
        order.number,
        state=GroupState.WITHDRAWING if copies else GroupState.WITHDRAWN,
        done_up_to=0,
        reason=None,
        withdrawn=0 if undone is None else 1,
        # Nobody decides the text while its copies are being withdrawn.
        copies_wait_until=stored_time(session.now) + WITHDRAWAL_TIME if copies else None,
    )
    if copies or order.state == GroupState.STORING:
        detail = {"label": order.label, "stored": order.stored}
        await record(session, actor, "review.undo_group", "group", str(order.number), detail)
    return undone


async def _undo_first(session: WriteSession, actor: Actor, review_number: int, claim_until: datetime) -> Undone | None:
    query = (
        select(comments.c.platform, comments.c.id)
        .join_from(reviews, comments, comments.c.number == reviews.c.comment_number)
        .where(reviews.c.number == review_number)
    )
    key = (await session.connection.execute(query)).one_or_none()
    if key is None:
        return None
    try:
        return await undo_within(session, actor, (key.platform, key.id), claim_until, review_number)
    except (NothingToUndoError, NoCommentError):
        return None


async def _unfinished(connection: AsyncConnection) -> Sequence[int]:
    """Decisions to go on with, the oldest first; of one text only the oldest, since the next one builds on it."""
    of, earlier = group_decisions.c, group_decisions.alias("earlier").c
    blocked = select(earlier.number).where(
        earlier.folded_digest == of.folded_digest, earlier.number < of.number, earlier.state.in_(UNFINISHED)
    )
    query = select(of.number).where(of.state.in_(UNFINISHED), ~blocked.exists()).order_by(of.number).limit(LOOKED_AT)
    return (await connection.execute(query)).scalars().all()


async def _step(session: WriteSession, number: int) -> bool:
    """One step of one decision; False where another process has it, or finished it."""
    of = group_decisions.c
    free = select(group_decisions).where(of.number == number, of.state.in_(UNFINISHED))
    order = (await session.connection.execute(free.with_for_update(skip_locked=True))).one_or_none()
    if order is None:
        return False
    # Its account and name are on the reviews; the decision itself is in the audit log already.
    actor = Actor(order.reviewer_number, order.reviewer, "session", None)
    if order.state == GroupState.STORING:
        await _store_some(session, order, actor)
    else:
        await _withdraw_some(session, order, actor)
    return True


async def _store_some(session: WriteSession, order: Row[Any], actor: Actor) -> None:
    of = comments.c
    query = (
        select(of.number, of.platform, of.id)
        .with_hint(comments, "FORCE INDEX (comments_by_text)", "mysql")
        .where(*in_group(order.folded_digest), of.number > order.done_up_to, of.number <= order.last_comment)
        .order_by(of.number)
        .limit(AT_ONCE)
    )
    found = (await session.connection.execute(query)).all()
    group = GroupLabel(order.number, order.folded_sha256, ShownLabel(order.label), order.reason, order.too_fast)
    copied = await add_copies(session, actor, group, [(row.platform, row.id) for row in found])
    stored, skipped = order.stored + copied, order.skipped + len(found) - copied
    if len(found) == AT_ONCE:
        await _advance(session, order.number, done_up_to=found[-1].number, stored=stored, skipped=skipped)
        return
    if not order.more_occurrences:  # Those that an edit, an erasure or a review took away before they were found.
        skipped = max(skipped, order.occurrences - stored)
    await _advance(
        session,
        order.number,
        state=GroupState.STORED,
        done_up_to=0,
        reason=None,
        stored=stored,
        skipped=skipped,
        occurrences=stored + skipped,
        more_occurrences=False,
    )


async def _withdraw_some(session: WriteSession, order: Row[Any], actor: Actor) -> None:
    of = reviews.c
    query = (
        select(of.number, comments.c.platform, comments.c.id)
        .join_from(reviews, comments, comments.c.number == of.comment_number)
        .where(of.group_number == order.number, of.number > order.done_up_to, of.number != order.review_number)
        .order_by(of.number)
        .limit(AT_ONCE)
    )
    found = (await session.connection.execute(query)).all()
    taken: dict[Key, int] = {(row.platform, row.id): row.number for row in found}
    withdrawn = order.withdrawn + await withdraw_copies(session, actor, taken)
    done_up_to = found[-1].number if found else LARGEST_NUMBER
    if len(found) == AT_ONCE:
        await _advance(session, order.number, done_up_to=done_up_to, withdrawn=withdrawn)
        return
    await _advance(
        session,
        order.number,
        state=GroupState.WITHDRAWN,
        done_up_to=done_up_to,
        withdrawn=withdrawn,
        copies_wait_until=None,
    )


async def _advance(session: WriteSession, number: int, **values: object) -> None:
    changed = update(group_decisions).where(group_decisions.c.number == number).values(**values)
    await session.connection.execute(changed)
