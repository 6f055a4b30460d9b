"""Decide all comments with the same text: store the first review at once and its copies in bounded steps.

The row of a decision records its progress. Each step updates the progress in the same transaction as the reviews, so
any process can continue where another stopped, and no review is stored or withdrawn twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.audit import JSON, Actor, record
from store.blind import waits_for_audit
from store.comments import ShownLabel
from store.errors import OUTAGES, NoCommentError, NothingToUndoError, PermanentStoreError, StoreError
from store.folding import folded_digest, folded_sha256
from store.group_copies import add_copies, withdraw_copies
from store.group_relabel import relabel_some
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

# The most decisions that one call of take_steps advances.
LOOKED_AT = 50
# The text is not offered for this long while its copies are being withdrawn; the last step ends the wait.
WITHDRAWAL_TIME = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class GroupReviewed:
    """The first review of a decision, and the decision's number.

    The number is None if the comment was decided alone: it waits for the random audit, or the review is blind.
    """

    review: Reviewed
    group: int | None


@dataclass(frozen=True, slots=True)
class StepsTaken:
    """The number of steps taken, and the decisions, by number, whose step failed for another reason than an outage."""

    taken: int
    failed: Mapping[int, StoreError]


async def decide_group(store: Store, actor: Actor, opinion: Opinion) -> GroupReviewed:
    """Review a comment and schedule the same review for every other comment that now has the same text.

    The call is idempotent. Raises EditedMeanwhileError, NoCommentError, TransientStoreError, CommitUnknownError.
    """

    async def once() -> GroupReviewed:
        async with store.writing() as session:
            review = only_review(await add_within(session, actor, [opinion]), opinion)
            return GroupReviewed(review, await _order(session, actor, opinion, review.number))

    return await retried(once, repeatable=True)


async def withdraw_group(store: Store, actor: Actor, review_number: int, claim_until: datetime) -> Undone | None:
    """Withdraw the actor's decision whose first review is ``review_number``: that review at once, the copies in steps.

    Copies are withdrawn only if they are still current, and no more are stored. If the first comment then has no
    review, it is leased to the actor until ``claim_until``. Returns None if the first review can no longer be
    withdrawn, for example after an edit or an erasure.
    Raises NothingToUndoError if the actor has no such decision or has withdrawn it, TransientStoreError,
    CommitUnknownError.
    """

    async def once() -> Undone | None:
        async with store.writing() as session:
            return await _withdraw(session, actor, review_number, claim_until)

    return await retried(once)


async def is_group(connection: AsyncConnection, review_number: int) -> bool:
    """Return whether this review is the first one of a decision for its text. Raises TransientStoreError."""
    query = select(group_decisions.c.number).where(group_decisions.c.review_number == review_number)
    return (await connection.execute(query)).one_or_none() is not None


async def take_steps(store: Store, without: Collection[int] = ()) -> StepsTaken:
    """Take one step of each of up to LOOKED_AT unfinished decisions except those in ``without``.

    A decision that the database refuses does not keep others from their steps. Any process may call this at any time.
    Raises the errors in OUTAGES; earlier steps stay stored.
    """
    taken, failed = 0, {}
    for number in await store.read(_unfinished, without):
        try:
            taken += await _take_step(store, number)
        except OUTAGES:
            raise
        except StoreError as error:
            failed[number] = error
    return StepsTaken(taken, failed)


async def _take_step(store: Store, number: int) -> bool:
    """Take one step of a decision; if its statements are too large, take a shorter step."""
    at_most = AT_ONCE
    while True:

        async def once(at_most: int = at_most) -> bool:
            async with store.writing() as session:
                return await _step(session, number, at_most)

        try:
            return await retried(once, repeatable=True)
        except PermanentStoreError:
            if at_most == 1:
                raise
        at_most //= 2


async def _order(session: WriteSession, actor: Actor, opinion: Opinion, review_number: int) -> int | None:
    """Insert the decision whose first review is ``review_number`` and return its number.

    Returns the existing number if the call is repeated, and None if the comment is decided alone.
    """
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
    """Count the comments that share the text, including those whose reviews are still being withdrawn."""
    of = group_decisions.c
    returning = select(func.sum(of.stored - of.withdrawn)).where(
        of.folded_digest == digest, of.state == GroupState.WITHDRAWING
    )
    # Read before the comments are counted, so that a copy withdrawn in between is counted twice instead of not at all.
    expected = int((await connection.execute(returning)).scalar() or 0)
    found = await count_occurrences(connection, digest)
    return Occurrences(found.count + expected, found.more)


async def _withdraw(session: WriteSession, actor: Actor, review_number: int, claim_until: datetime) -> Undone | None:
    of = group_decisions.c
    own = (of.review_number == review_number, of.reviewer_number.is_not_distinct_from(actor.user_number))
    order = (await session.connection.execute(select(group_decisions).where(*own).with_for_update())).one_or_none()
    if order is None or order.state not in DECIDED:
        raise NothingToUndoError("You have no decision for this text, or it was withdrawn already.")
    undone = await _undo_first(session, actor, review_number, claim_until)
    copies = order.stored > 1
    await _advance(
        session,
        order.number,
        state=GroupState.WITHDRAWING if copies else GroupState.WITHDRAWN,
        done_up_to=0,
        reason=None,
        withdrawn=0 if undone is None else 1,
        # Do not offer the text while its copies are being withdrawn.
        copies_wait_until=stored_time(session.now) + WITHDRAWAL_TIME if copies else None,
    )
    if not copies:
        await _offer_again(session, order)
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


async def _unfinished(connection: AsyncConnection, without: Collection[int] = ()) -> Sequence[int]:
    """Return the next unfinished decisions, oldest first; per text only the oldest, because later ones build on it."""
    of, earlier = group_decisions.c, group_decisions.alias("earlier").c
    blocked = select(earlier.number).where(
        earlier.folded_digest == of.folded_digest, earlier.number < of.number, earlier.state.in_(UNFINISHED)
    )
    query = select(of.number).where(of.state.in_(UNFINISHED), of.number.not_in(without), ~blocked.exists())
    return (await connection.execute(query.order_by(of.number).limit(LOOKED_AT))).scalars().all()


async def _step(session: WriteSession, number: int, at_most: int) -> bool:
    """Store or withdraw ``at_most`` copies; return False if another process has locked or finished the decision."""
    of = group_decisions.c
    free = select(group_decisions).where(of.number == number, of.state.in_(UNFINISHED))
    order = (await session.connection.execute(free.with_for_update(skip_locked=True))).one_or_none()
    if order is None:
        return False
    # The reviews record the account and name; the decision itself is already in the audit log.
    actor = Actor(order.reviewer_number, order.reviewer, "session", None)
    if order.state == GroupState.STORING:
        await _store_some(session, order, actor, at_most)
    else:
        await _withdraw_some(session, order, actor, at_most)
    return True


async def _store_some(session: WriteSession, order: Row[Any], actor: Actor, at_most: int) -> None:
    group = GroupLabel(order.number, order.folded_sha256, ShownLabel(order.label), order.reason, order.too_fast)
    copy = _copy_some if order.follows is None else relabel_some
    copied, left_out, last = await copy(session, order, actor, group, at_most)
    stored, skipped = order.stored + copied, order.skipped + left_out
    if last is not None:
        await _advance(session, order.number, done_up_to=last, stored=stored, skipped=skipped)
        return
    if not order.more_occurrences:  # Count copies that were edited, erased or reviewed before a step found them.
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


async def _copy_some(
    session: WriteSession, order: Row[Any], actor: Actor, group: GroupLabel, at_most: int
) -> tuple[int, int, int | None]:
    """Copy the first review to ``at_most`` comments with the text.

    Return the numbers of reviewed and skipped comments, and the last comment, or None after the last step.
    """
    of = comments.c
    query = (
        select(of.number, of.platform, of.id)
        .with_hint(comments, "FORCE INDEX (comments_by_text)", "mysql")
        .where(*in_group(order.folded_digest), of.number > order.done_up_to, of.number <= order.last_comment)
        .order_by(of.number)
        .limit(at_most)
    )
    found = (await session.connection.execute(query)).all()
    copied = await add_copies(session, actor, group, [(row.platform, row.id) for row in found])
    return copied, len(found) - copied, found[-1].number if len(found) == at_most else None


async def _withdraw_some(session: WriteSession, order: Row[Any], actor: Actor, at_most: int) -> None:
    of = reviews.c
    query = (
        select(of.number, comments.c.platform, comments.c.id)
        .join_from(reviews, comments, comments.c.number == of.comment_number)
        .where(of.group_number == order.number, of.number > order.done_up_to, of.number != order.review_number)
        .order_by(of.number)
        .limit(at_most)
    )
    found = (await session.connection.execute(query)).all()
    taken: dict[Key, int] = {(row.platform, row.id): row.number for row in found}
    withdrawn = order.withdrawn + await withdraw_copies(session, actor, taken)
    done_up_to = found[-1].number if found else LARGEST_NUMBER
    if len(found) == at_most:
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
    await _offer_again(session, order)


async def _offer_again(session: WriteSession, withdrawn: Row[Any]) -> None:
    """Let the queue offer the comments of a withdrawn decision even if their text was decided later.

    The later decision skipped them because they were reviewed, so its waiting time must not apply to them. A later
    decision that is still being stored includes them, unless it only replaces copies.
    """
    of = group_decisions.c
    skipped = or_(of.state == GroupState.STORED, of.follows.is_not(None))
    later = (of.folded_digest == withdrawn.folded_digest, of.number > withdrawn.number, skipped)
    await session.connection.execute(update(group_decisions).where(*later).values(copies_wait_until=None))


async def _advance(session: WriteSession, number: int, **values: object) -> None:
    changed = update(group_decisions).where(group_decisions.c.number == number).values(**values)
    await session.connection.execute(changed)
