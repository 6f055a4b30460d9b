"""The review queue: which comments a reviewer gets next, so that no two get the same one.

A comment that is given out is claimed for some minutes: `review_claims` has one row a comment, so that its key decides
between two who ask at once. Comments are locked before they are claimed, as reviews and batches lock them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, exists, false, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.comments import COMMENTS, EarlierVersion, LabelledComment, Models, earlier_versions, with_labels
from store.errors import NoCommentError
from store.index_walk import Path, Place, walk
from store.lock_keys import Key
from store.models import read_models
from store.retry import retried
from store.search import ONLY_REVIEWS, CommentFilter, conditions
from store.session import WriteSession
from store.store import Store
from store.tables import comments, predictions, review_claims, review_skips, reviews
from store.types import stored_time

CLAIM_TIME = timedelta(minutes=10)
SKIP_TIME = timedelta(days=1)
# How long one look for comments may take, and how many looks follow each other where others were quicker.
SEARCH_SECONDS, TEXT_SECONDS, LOOKS = 0.1, 0.5, 8
# Of each kind of context: the newest ones.
CONTEXT_ROWS = 5
# Neighbours are picked from so many of the same name, since platforms may share names.
NAMESAKES = 50
# Remaining comments are counted up to here.
COUNTED = 1_000


class QueueOrder(StrEnum):
    """Which comments come first: those of which the model is least certain, the audit sample in its random order, or
    those that others have reviewed and the reviewer has not, the newest review first."""

    UNCERTAIN = "uncertain"
    AUDIT = "audit"
    SECOND_OPINION = "second_opinion"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another comment of the same thread or author."""

    platform: str
    id: str
    text: str
    created_at: datetime
    author: str | None
    thread: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A comment to review, claimed until ``claimed_until``, with what surrounds it, each the newest first."""

    comment: LabelledComment
    claimed_until: datetime
    earlier_versions: Sequence[EarlierVersion]
    thread: Sequence[Neighbour]
    author: Sequence[Neighbour]


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

    Never a comment that another one holds, that was reviewed (for a second opinion: by this reviewer), that this
    reviewer skipped lately, or one of ``without``, (platform, id) of what the reviewer has already.
    Raises TransientStoreError, CommitUnknownError.
    """
    now = datetime.now(UTC) if now is None else now
    until = now + CLAIM_TIME
    held: list[int] = []
    for _ in range(LOOKS):
        async with store.reading() as connection:
            known = await read_models(connection)
            route = _route(order, reviewer, wanted, known)
            if route is None:
                return Tasks([], True, None)
            query = route.query.where(*_free(reviewer, now), *_not_among(without))
            seconds = SEARCH_SECONDS if wanted.text is None else TEXT_SECONDS
            found = await walk(connection, query, route.path, after, limit - len(held), seconds)
        after = found.place
        numbers = [row.number for row in found.rows]
        held += await lease_free(store, numbers, reviewer, now, until, reviewed=order is QueueOrder.SECOND_OPINION)
        if len(held) == limit or after is None or not found.rows:
            break
    return Tasks(await _tasks(store, held, until), after is None, after)


async def take(store: Store, reviewer: int, key: Key, now: datetime | None = None) -> Task:
    """One certain comment with its context; claimed, unless it is reviewed already or another one holds it.

    Raises NoCommentError, TransientStoreError, CommitUnknownError.
    """
    now = datetime.now(UTC) if now is None else now
    until = now + CLAIM_TIME
    of = comments.c
    async with store.reading() as connection:
        query = select(of.number).where(of.platform == key[0], of.id == key[1])
        number = (await connection.execute(query)).scalar_one_or_none()
    numbers = [] if number is None else [number]
    await lease_free(store, numbers, reviewer, now, until)
    tasks = await _tasks(store, numbers, until)
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
    route = _route(order, reviewer, wanted, await read_models(connection))
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


@dataclass(frozen=True, slots=True)
class _Route:
    """The index to go along, and the rows of COMMENTS that it leads to."""

    path: Path
    query: Select[Any]


def _route(order: QueueOrder, reviewer: int | None, wanted: CommentFilter, known: Models) -> _Route | None:
    """How to go through the comments that wait; None where none can."""
    if order is QueueOrder.SECOND_OPINION:
        return _second_opinion_route(reviewer, wanted, known)
    if wanted.reviewed or wanted.label in ONLY_REVIEWS:
        return None
    models = [
        model for model in known.values() if (model.active if wanted.model is None else model.sha256 == wanted.model)
    ]
    if not models:
        return None
    if order is QueueOrder.AUDIT:
        sampled = (comments.c.review_label.is_(None), comments.c.audit_rank.is_not(None))
        path = Path("comments_to_audit", sampled, comments.c.audit_rank, comments.c.number)
        return _Route(path, COMMENTS.add_columns(comments.c.audit_rank).where(*conditions(wanted, known)))
    model = models[0]
    # Not `IS false`: for that MySQL does not use the index.
    waiting = (predictions.c.model_number == model.number, predictions.c.reviewed == false())
    path = Path("predictions_to_review", waiting, predictions.c.distance, predictions.c.comment_number)
    query = COMMENTS.add_columns(predictions.c.distance, predictions.c.comment_number).join_from(
        predictions, comments, comments.c.number == predictions.c.comment_number
    )
    # The model's own row is at hand: what it says need not be looked up.
    said = _said(wanted)
    rest = replace(wanted, model=None, label=None, uncertain=None, probability_from=None, probability_to=None)
    return _Route(path, query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(*said, *conditions(rest, known)))


def _second_opinion_route(reviewer: int | None, wanted: CommentFilter, known: Models) -> _Route | None:
    """Along the reviews, the newest first: those that stand, are another one's, and of a text of which the reviewer
    has said nothing that was not taken back."""
    unknown = wanted.model is not None and all(model.sha256 != wanted.model for model in known.values())
    if unknown or wanted.reviewed is False:
        return None
    of, own, withdrawal = reviews.c, reviews.alias("own").c, reviews.alias("withdrawal").c
    taken_back = exists().where(withdrawal.comment_number == own.comment_number, withdrawal.withdraws == own.number)
    decided = exists().where(
        own.comment_number == of.comment_number,
        own.reviewer_number == reviewer,
        own.withdraws.is_(None),
        own.text == of.text,
        ~taken_back,
    )
    # The row's own number is the index: both parts of a place are the same.
    path = Path("PRIMARY", (), of.number, of.number, descending=True)
    stands = (comments.c.number == of.comment_number) & (comments.c.review_number == of.number)
    query = COMMENTS.add_columns(of.number).join_from(reviews, comments, stands)
    others = (of.reviewer_number.is_distinct_from(reviewer), ~decided)
    return _Route(path, query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(*others, *conditions(wanted, known)))


def _said(wanted: CommentFilter) -> list[ColumnElement[bool]]:
    """What the prediction of a comment without review must fulfil."""
    of = predictions.c
    return [
        *([] if wanted.label is None else [of.label == wanted.label]),
        *([] if wanted.uncertain is None else [of.uncertain.is_(wanted.uncertain)]),
        *([] if wanted.probability_from is None else [of.probability >= wanted.probability_from]),
        *([] if wanted.probability_to is None else [of.probability <= wanted.probability_to]),
    ]


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
    store: Store, numbers: Sequence[int], reviewer: int, now: datetime, until: datetime, *, reviewed: bool = False
) -> list[int]:
    """Claim those of the comments that are still free and not being changed at this moment, in their order; free are
    those without a review, or those with one if ``reviewed``."""
    if not numbers:
        return []

    async def once() -> list[int]:
        async with store.writing() as session:
            label = comments.c.review_label
            free = (
                select(comments.c.number)
                .where(comments.c.number.in_(numbers), label.is_not(None) if reviewed else label.is_(None))
                .order_by(comments.c.number)
                .with_for_update(skip_locked=True)
            )
            locked = list((await session.connection.execute(free)).scalars())
            return await hold(session, locked, reviewer, until, now) if locked else []

    held = set(await retried(once, repeatable=True))
    return [number for number in numbers if number in held]


async def hold(
    session: WriteSession, numbers: Sequence[int], reviewer: int, until: datetime, now: datetime | None = None
) -> list[int]:
    """Claim comments that are locked; the numbers of those that nobody else holds."""
    claims = review_claims.c
    among = claims.comment_number.in_(numbers)
    over = claims.claimed_until <= (stored_time(session.now) if now is None else now)
    taken = update(review_claims).where(among, over | (claims.reviewer_number == reviewer))
    await session.connection.execute(taken.values(reviewer_number=reviewer, claimed_until=until))
    rows = [
        {"comment_number": number, "reviewer_number": reviewer, "claimed_until": until} for number in sorted(numbers)
    ]
    await session.run(session.statements.add_claims, rows)
    own = select(claims.comment_number).where(among, claims.reviewer_number == reviewer)
    return list((await session.connection.execute(own)).scalars())


async def clear_leases(session: WriteSession, numbers: Sequence[int]) -> None:
    """Nobody needs to hold or skip comments that were reviewed."""
    for table in (review_claims, review_skips):
        await session.connection.execute(delete(table).where(table.c.comment_number.in_(numbers)))


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


async def _tasks(store: Store, numbers: Sequence[int], until: datetime) -> list[Task]:
    """The comments in the order of ``numbers``, with their context; one that was erased meanwhile is left out."""
    if not numbers:
        return []
    async with store.reading() as connection:
        rows = {row.number: row for row in await connection.execute(COMMENTS.where(comments.c.number.in_(numbers)))}
        found = [rows[number] for number in numbers if number in rows]
        labelled = await with_labels(connection, found, await read_models(connection))
        return [await _task(connection, row, one, until) for row, one in zip(found, labelled, strict=True)]


async def _task(connection: AsyncConnection, row: Row[Any], comment: LabelledComment, until: datetime) -> Task:
    of = comments.c
    return Task(
        comment,
        until,
        await earlier_versions(connection, row.number, CONTEXT_ROWS),
        await _neighbours(connection, row, "comments_by_thread", of.thread == row.thread) if row.thread else [],
        await _neighbours(connection, row, "comments_by_author", of.author == row.author) if row.author else [],
    )


async def _neighbours(
    connection: AsyncConnection, row: Row[Any], index: str, same: ColumnElement[bool]
) -> list[Neighbour]:
    """The newest other comments of the same name and platform."""
    of = comments.c
    query = (
        select(of.platform, of.id, of.text, of.created_at, of.author, of.thread)
        .with_hint(comments, f"FORCE INDEX ({index})", "mysql")
        .where(same, of.number != row.number)
        .order_by(of.created_at.desc(), of.number.desc())
        .limit(NAMESAKES)
    )
    found = [Neighbour(*one) for one in await connection.execute(query)]
    return [one for one in found if one.platform == row.platform][:CONTEXT_ROWS]
