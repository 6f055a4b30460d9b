"""The review queue: which comments a reviewer gets next, so that no two get the same one.

A comment that is given out is claimed for some minutes: `review_claims` has one row a comment, so that its key decides
between two who ask at once. Comments are locked before they are claimed, as reviews and batches lock them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    delete,
    exists,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from store.blind import waits_for_audit
from store.errors import NoCommentError
from store.index_walk import Place, walk
from store.lock_keys import Key
from store.models import read_models
from store.retry import retried
from store.routes import QueueOrder, route_of, waiting_in
from store.search import CommentFilter
from store.session import WriteSession
from store.store import Store
from store.tables import comments, review_claims, review_skips
from store.tasks import Task, read_tasks
from store.types import stored_time

CLAIM_TIME = timedelta(minutes=10)
SKIP_TIME = timedelta(days=1)
# How long one look for comments may take, and how many looks follow each other where others were quicker.
SEARCH_SECONDS, TEXT_SECONDS, LOOKS = 0.1, 0.5, 8
# Remaining comments are counted up to here.
COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Tasks:
    """What a reviewer gets. Without items: ``searched_all`` says whether there is none, or time was up before one was
    found; ``place`` is then where to go on."""

    items: Sequence[Task]
    searched_all: bool
    place: Place | None


@dataclass(frozen=True, slots=True)
class Remaining:
    """How many comments wait; ``more`` says that there are more than were counted."""

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
    """Claim at most ``limit`` comments for ``reviewer`` and give them, those that are most wanted first.

    Never a comment that another one holds, that was reviewed (for a second opinion or a dispute: by this reviewer),
    that this reviewer skipped lately, or one of ``without``, (platform, id) of what the reviewer has already. A comment
    that waits for the audit comes in its queue alone, and never to a reviewer who has decided its text before.
    Raises TransientStoreError, CommitUnknownError.
    """
    now = datetime.now(UTC) if now is None else now
    until = now + CLAIM_TIME
    held: list[int] = []
    for _ in range(LOOKS):
        async with store.reading() as connection:
            known = await read_models(connection)
            route = route_of(order, reviewer, wanted, known)
            if route is None:
                return Tasks([], True, None)
            query = route.query.where(*_free(reviewer, now), *_not_among(without))
            seconds = SEARCH_SECONDS if wanted.text is None else TEXT_SECONDS
            found = await walk(connection, query, route.path, after, limit - len(held), seconds)
        after = found.place
        numbers = [row.number for row in found.rows]
        held += await lease_free(store, numbers, reviewer, now, until, waiting_in(order))
        if len(held) == limit or after is None or not found.rows:
            break
    tasks = await read_tasks(store, held, until, with_opinions=order is QueueOrder.DISPUTED)
    return Tasks(tasks, after is None, after)


async def take(store: Store, reviewer: int, key: Key, now: datetime | None = None) -> Task:
    """One certain comment with its context; claimed, unless it is reviewed already or another one holds it. A comment
    that waits for the audit comes blind, and is claimed whether it was reviewed or not.

    Raises NoCommentError, TransientStoreError, CommitUnknownError.
    """
    now = datetime.now(UTC) if now is None else now
    until = now + CLAIM_TIME
    of = comments.c
    async with store.reading() as connection:
        query = select(of.number).where(of.platform == key[0], of.id == key[1])
        number = (await connection.execute(query)).scalar_one_or_none()
    numbers = [] if number is None else [number]
    await lease_free(store, numbers, reviewer, now, until, or_(comments.c.review_label.is_(None), waits_for_audit()))
    tasks = await read_tasks(store, numbers, until)
    if not tasks:
        raise NoCommentError(
            f"There is no comment {key[1]!r} of platform {key[0]}: it was never stored, or it was erased."
        )
    return tasks[0]


async def remaining(
    connection: AsyncConnection, order: QueueOrder, wanted: CommentFilter, reviewer: int | None = None
) -> Remaining:
    """How many comments wait for a review, counted up to COUNTED and no longer than a search; for a second opinion
    those that wait for ``reviewer``'s. Raises TransientStoreError."""
    route = route_of(order, reviewer, wanted, await read_models(connection))
    if route is None:
        return Remaining(0, False)
    seconds = SEARCH_SECONDS if wanted.text is None else TEXT_SECONDS
    numbers = route.query.with_only_columns(route.path.first, route.path.second)
    found = await walk(connection, numbers, route.path, None, COUNTED + 1, seconds)
    return Remaining(min(len(found.rows), COUNTED), found.place is not None)


async def renew(store: Store, reviewer: int, keys: Sequence[Key], now: datetime | None = None) -> list[Key]:
    """Hold claimed comments longer; those of ``keys`` that are still the reviewer's. Raises TransientStoreError."""
    now = datetime.now(UTC) if now is None else now

    async def once() -> list[Key]:
        async with store.writing() as session:
            named = await _numbers(session, keys)
            kept = await _renew_own(session, list(named.values()), reviewer, now + CLAIM_TIME)
            return [key for key, number in named.items() if number in kept]

    return await retried(once, repeatable=True)


async def skip(store: Store, reviewer: int, key: Key, now: datetime | None = None) -> None:
    """Do not give this comment to the reviewer for SKIP_TIME, and let others have it. Raises TransientStoreError."""
    now = datetime.now(UTC) if now is None else now

    async def once() -> None:
        async with store.writing() as session:
            for number in (await _numbers(session, [key])).values():
                own = (review_skips.c.comment_number == number, review_skips.c.reviewer_number == reviewer)
                await session.connection.execute(delete(review_skips).where(*own))
                values = {"comment_number": number, "reviewer_number": reviewer, "until": now + SKIP_TIME}
                await session.connection.execute(insert(review_skips).values(values))
                await _release(session, [number], reviewer)

    await retried(once, repeatable=True)


async def release(store: Store, reviewer: int, keys: Sequence[Key] | None = None) -> None:
    """Let others have these comments of the reviewer's, or all. Raises TransientStoreError."""

    async def once() -> None:
        async with store.writing() as session:
            numbers = None if keys is None else list((await _numbers(session, keys)).values())
            await _release(session, numbers, reviewer)

    await retried(once, repeatable=True)


def _free(reviewer: int, now: datetime) -> list[ColumnElement[bool]]:
    """That nobody else holds the comment, and this reviewer has not skipped it."""
    claims, skips = review_claims.c, review_skips.c
    claimed = (
        claims.comment_number == comments.c.number,
        claims.reviewer_number != reviewer,
        claims.claimed_until > now,
    )
    skipped = (skips.comment_number == comments.c.number, skips.reviewer_number == reviewer, skips.until > now)
    return [~exists().where(*claimed), ~exists().where(*skipped)]


def _not_among(without: Collection[Key]) -> list[ColumnElement[bool]]:
    return [tuple_(comments.c.platform, comments.c.id).not_in(list(without))] if without else []


async def lease_free(
    store: Store,
    numbers: Sequence[int],
    reviewer: int,
    now: datetime,
    until: datetime,
    waiting: ColumnElement[bool],
) -> list[int]:
    """Claim those of the comments that are still free and not being changed at this moment, in their order; free are
    those of which ``waiting`` holds. A claim of what waits for the audit is blind."""
    if not numbers:
        return []

    async def once() -> list[int]:
        async with store.writing() as session:
            free = (
                select(comments.c.number, waits_for_audit())
                .where(comments.c.number.in_(numbers), waiting)
                .order_by(comments.c.number)
                .with_for_update(skip_locked=True)
            )
            locked = (await session.connection.execute(free)).all()
            held = []
            for blind in (False, True):
                chosen = [number for number, waits in locked if bool(waits) is blind]
                held += await hold(session, chosen, reviewer, until, now, blind=blind) if chosen else []
            return held

    held = set(await retried(once, repeatable=True))
    return [number for number in numbers if number in held]


async def hold(
    session: WriteSession,
    numbers: Sequence[int],
    reviewer: int,
    until: datetime,
    now: datetime | None = None,
    *,
    blind: bool = False,
) -> list[int]:
    """Claim comments that are locked; the numbers of those that nobody else holds."""
    now = stored_time(session.now) if now is None else now
    claims = review_claims.c
    among = claims.comment_number.in_(numbers)
    own = claims.reviewer_number == reviewer
    taken = update(review_claims).where(among, (claims.claimed_until <= now) | own)
    # MySQL assigns from left to right: what depends on the other columns comes first.
    given_at = case((and_(own, claims.claimed_until > now), claims.given_at), else_=now)
    renewed = taken.ordered_values(
        (claims.given_at, given_at),
        (claims.reviewer_number, reviewer),
        (claims.claimed_until, until),
        (claims.blind, blind),
    )
    await session.connection.execute(renewed)
    values = {"reviewer_number": reviewer, "claimed_until": until, "given_at": now, "blind": blind}
    rows = [{"comment_number": number, **values} for number in sorted(numbers)]
    await session.run(session.statements.add_claims, rows)
    held = select(claims.comment_number).where(among, own)
    return list((await session.connection.execute(held)).scalars())


async def clear_leases(session: WriteSession, numbers: Sequence[int], reviewer: int | None) -> None:
    """Nobody needs to hold or skip comments that ``reviewer`` has reviewed. Others keep what they hold for the audit:
    they decide it in any case."""
    claims = review_claims.c
    done = or_(claims.blind.is_(False), claims.reviewer_number == reviewer)
    await session.connection.execute(delete(review_claims).where(claims.comment_number.in_(numbers), done))
    await session.connection.execute(delete(review_skips).where(review_skips.c.comment_number.in_(numbers)))


async def _renew_own(session: WriteSession, numbers: Sequence[int], reviewer: int, until: datetime) -> list[int]:
    claims = review_claims.c
    own = (claims.comment_number.in_(numbers), claims.reviewer_number == reviewer)
    await session.connection.execute(update(review_claims).where(*own).values(claimed_until=until))
    return list((await session.connection.execute(select(claims.comment_number).where(*own))).scalars())


async def _release(session: WriteSession, numbers: Sequence[int] | None, reviewer: int) -> None:
    claims = review_claims.c
    named = [] if numbers is None else [claims.comment_number.in_(numbers)]
    await session.connection.execute(delete(review_claims).where(claims.reviewer_number == reviewer, *named))


async def _numbers(session: WriteSession, keys: Sequence[Key]) -> dict[Key, int]:
    of = comments.c
    query = select(of.platform, of.id, of.number).where(tuple_(of.platform, of.id).in_(list(keys)))
    return {(platform, id): number for platform, id, number in await session.connection.execute(query)}
