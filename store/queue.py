"""The review queue: lease comments to reviewers so that no two reviewers get the same one.

leases.py stores the leases. Of comments with the same text, the queue of uncertain comments offers only the first in
its order; a decision on it applies to all of them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, insert, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store.blind import waits_for_audit
from store.clock import database_now
from store.errors import NoCommentError
from store.groups import unfinished_texts
from store.index_walk import NOTHING_SKIPPED, Place, Skipped, walk
from store.leases import Taken, Texts, lease_free, read_taken, release_own, renew_own
from store.lock_keys import Key
from store.models import read_models
from store.retry import retried
from store.routes import QueueOrder, Route, route_of, waiting_in
from store.search import CommentFilter
from store.session import WriteSession
from store.store import Store
from store.tables import comments, predictions, review_skips
from store.tasks import Task, read_tasks, shared_texts

CLAIM_TIME = timedelta(minutes=10)
SKIP_TIME = timedelta(days=1)
# Time limits of one search without and with a text filter, and the most searches when other reviewers lease the
# comments first.
SEARCH_SECONDS, TEXT_SECONDS, LOOKS = 0.1, 0.5, 8
# The most remaining comments that are counted.
COUNTED = 1_000
# The digest of a comment's text in the index of the order UNCERTAIN.
DIGEST = predictions.c.folded_digest


@dataclass(frozen=True, slots=True)
class Tasks:
    """The comments leased to a reviewer.

    ``searched_all`` means that the search reached the end of the queue; otherwise ``place`` is where to continue.
    If there are no items, it distinguishes an empty queue from a search that ran out of time.
    """

    items: Sequence[Task]
    searched_all: bool
    place: Place | None


@dataclass(frozen=True, slots=True)
class Remaining:
    """The number of comments that wait for a review; ``more`` means that there are more than ``count``."""

    count: int
    more: bool


async def next_tasks(
    store: Store,
    reviewer: int,
    order: QueueOrder,
    wanted: CommentFilter,
    limit: int,
    *,
    without: Collection[Key] = (),
    after: Place | None = None,
    now: datetime | None = None,
) -> Tasks:
    """Lease up to ``limit`` comments to ``reviewer`` and return them in the queue's order.

    This excludes comments that another reviewer has leased, that are reviewed (for second opinions and disputes: by
    this reviewer), that this reviewer skipped within SKIP_TIME, and ``without``, the (platform, id) pairs that the
    reviewer already has. Only the audit queue offers comments that wait for the audit, and never to a reviewer who has
    decided the text before. In the order UNCERTAIN, leases, skips and ``without`` exclude whole texts, and so do
    unfinished and recent decisions. Raises TransientStoreError, CommitUnknownError.
    """
    now = await store.now() if now is None else now
    until = now + CLAIM_TIME
    by_text = order is QueueOrder.UNCERTAIN
    held: list[int] = []
    for _ in range(LOOKS):
        async with store.reading() as connection:
            known = await read_models(connection)
            route = route_of(order, reviewer, wanted, known, now)
            if route is None:
                return Tasks([], True, None)
            taken = await read_taken(connection, reviewer, now)
            query = route.query.where(*taken.comment_is_free(route.number), *_not_among(without))
            skipped = NOTHING_SKIPPED
            if by_text:
                others = await _other_texts(connection, without)
                query = query.where(*taken.text_is_free(route.number, DIGEST), *_not_texts(others))
                skipped = _skipped(route, taken, others)
            query = query.where(route.text_is_free)
            seconds = SEARCH_SECONDS if wanted.text is None else TEXT_SECONDS
            found = await walk(connection, query, route.path, after, limit - len(held), seconds, skipped)
        after = found.place
        texts = shared_texts(found.rows) if by_text else {}
        numbers = _one_of_each_text([row.number for row in found.rows], texts)
        held += await lease_free(store, numbers, reviewer, now, until, waiting_in(order), texts=texts)
        if len(held) == limit or after is None or not found.rows:
            break
    tasks = await read_tasks(store, held, until, by_text=by_text, with_opinions=order is QueueOrder.DISPUTED)
    return Tasks(tasks, after is None, after)


async def take(store: Store, reviewer: int, key: Key, now: datetime | None = None) -> Task:
    """Return one comment with its context and lease it, unless it is reviewed or leased to another reviewer.

    A comment that waits for the audit is returned blind and leased even if it is reviewed.

    Raises NoCommentError, TransientStoreError, CommitUnknownError.
    """
    now = await store.now() if now is None else now
    until = now + CLAIM_TIME
    of = comments.c
    async with store.reading() as connection:
        query = select(of.number, of.folded_digest, of.review_number, of.audit_rank, of.blind_label)
        rows = (await connection.execute(query.where(of.platform == key[0], of.id == key[1]))).all()
    numbers, texts = [row.number for row in rows], shared_texts(rows)
    waiting = or_(of.review_label.is_(None), waits_for_audit())
    await lease_free(store, numbers, reviewer, now, until, waiting, texts=texts)
    tasks = await read_tasks(store, numbers, until, by_text=True)
    if not tasks:
        raise NoCommentError(
            f"There is no comment {key[1]!r} of platform {key[0]}: it was never stored, or it was erased."
        )
    return tasks[0]


async def remaining(
    connection: AsyncConnection, order: QueueOrder, wanted: CommentFilter, reviewer: int | None = None
) -> Remaining:
    """Count the comments that wait for a review, up to COUNTED and within the time limit of a search.

    Except in the order UNCERTAIN, ``reviewer`` excludes texts that this reviewer has decided.
    Raises TransientStoreError.
    """
    route = route_of(order, reviewer, wanted, await read_models(connection), await database_now(connection))
    if route is None:
        return Remaining(0, False)
    seconds = SEARCH_SECONDS if wanted.text is None else TEXT_SECONDS
    numbers = route.query.where(route.text_is_free).with_only_columns(*route.path.columns)
    skipped = Skipped(~route.text_is_free, {})
    found = await walk(connection, numbers, route.path, None, COUNTED + 1, seconds, skipped)
    return Remaining(min(len(found.rows), COUNTED), found.place is not None)


async def renew(store: Store, reviewer: int, keys: Sequence[Key], now: datetime | None = None) -> list[Key]:
    """Renew the reviewer's leases on ``keys`` and return the keys still leased to the reviewer.

    Raises TransientStoreError, CommitUnknownError.
    """
    now = await store.now() if now is None else now

    async def once() -> list[Key]:
        async with store.writing() as session:
            named = await _numbers(session, keys)
            kept = await renew_own(session, list(named.values()), reviewer, now, now + CLAIM_TIME)
            return [key for key, number in named.items() if number in kept]

    return await retried(once, repeatable=True)


async def skip(store: Store, reviewer: int, key: Key, now: datetime | None = None) -> None:
    """Release this comment and offer neither it nor another with its text to the reviewer for SKIP_TIME.

    Raises TransientStoreError, CommitUnknownError.
    """
    now = await store.now() if now is None else now

    async def once() -> None:
        async with store.writing() as session:
            for number in (await _numbers(session, [key])).values():
                own = (review_skips.c.comment_number == number, review_skips.c.reviewer_number == reviewer)
                await session.connection.execute(delete(review_skips).where(*own))
                values = {"comment_number": number, "reviewer_number": reviewer, "until": now + SKIP_TIME}
                digest = select(comments.c.folded_digest).where(comments.c.number == number).scalar_subquery()
                await session.connection.execute(insert(review_skips).values(**values, folded_digest=digest))
                await release_own(session, [number], reviewer)

    await retried(once, repeatable=True)


async def release(store: Store, reviewer: int, keys: Sequence[Key] | None = None) -> None:
    """End the reviewer's leases on ``keys``, or all of them. Raises TransientStoreError, CommitUnknownError."""

    async def once() -> None:
        async with store.writing() as session:
            numbers = None if keys is None else list((await _numbers(session, keys)).values())
            await release_own(session, numbers, reviewer)

    await retried(once, repeatable=True)


def _not_among(without: Collection[Key]) -> list[ColumnElement[bool]]:
    return [tuple_(comments.c.platform, comments.c.id).not_in(list(without))] if without else []


async def _other_texts(connection: AsyncConnection, without: Collection[Key]) -> list[int]:
    """Return the digests of the texts in ``without`` and of texts with an unfinished decision."""
    of = comments.c
    named = tuple_(of.platform, of.id).in_(list(without))
    query = select(of.folded_digest).where(named, of.folded_digest.is_not(None))
    digests = [*await unfinished_texts(connection)]
    if without:
        digests += (await connection.execute(query)).scalars()
    return digests


def _not_texts(digests: Sequence[int]) -> list[ColumnElement[bool]]:
    return [or_(DIGEST.is_(None), DIGEST.not_in(digests))] if digests else []


def _skipped(route: Route, taken: Taken, others: Sequence[int]) -> Skipped:
    """Return the texts of which no comment can be leased, except the reviewer's own ones."""
    return Skipped(or_(DIGEST.in_([*taken.texts, *others]), ~route.text_is_free), taken.own)


def _one_of_each_text(numbers: Sequence[int], texts: Texts) -> list[int]:
    """Return the comments in their order, only the first of each text."""
    first: dict[int, int] = {}
    for number in numbers:
        if number in texts:
            first.setdefault(texts[number], number)
    return [number for number in numbers if number not in texts or first[texts[number]] == number]


async def _numbers(session: WriteSession, keys: Sequence[Key]) -> dict[Key, int]:
    of = comments.c
    query = select(of.platform, of.id, of.number).where(tuple_(of.platform, of.id).in_(list(keys)))
    return {(platform, id): number for platform, id, number in await session.connection.execute(query)}
