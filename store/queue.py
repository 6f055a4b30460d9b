"""The review queue: which comments a reviewer gets next, so that no two get the same one.

A comment that is given out is claimed for some minutes: leases.py. Of comments with the same text the queue of
uncertain comments gives one, the first in its order, which stands for all of them.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, delete, exists, false, insert, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store.comments import COMMENTS, EarlierVersion, LabelledComment, Models, earlier_versions, with_labels
from store.errors import NoCommentError
from store.groups import (
    EarlierDecision,
    count_occurrences,
    earlier_decision,
    is_first_of_group,
    text_is_undecided,
    unfinished_texts,
)
from store.index_walk import Path, Place, walk
from store.leases import Texts, hold_own, lease_free, read_taken, release_own
from store.lock_keys import Key
from store.models import read_models
from store.retry import retried
from store.search import ONLY_REVIEWS, CommentFilter, conditions
from store.session import WriteSession
from store.store import Store
from store.tables import comments, predictions, review_claims, review_skips, reviews

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
    """A comment to review, claimed until ``claimed_until``, with what surrounds it, each the newest first.

    ``occurrences`` counts the comments that a decision for the text applies to, ``more_occurrences`` says that there
    are more than were counted, ``earlier_decision`` is the last one for the text. Where comments are decided one by one
    they are None.
    """

    comment: LabelledComment
    claimed_until: datetime
    earlier_versions: Sequence[EarlierVersion]
    thread: Sequence[Neighbour]
    author: Sequence[Neighbour]
    occurrences: int | None
    more_occurrences: bool
    earlier_decision: EarlierDecision | None


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
    reviewer skipped lately, or one of ``without``, (platform, id) of what the reviewer has already. In the order
    UNCERTAIN the same holds of texts, and a text that was decided lately is not given.
    Raises TransientStoreError, CommitUnknownError.
    """
    now = datetime.now(UTC) if now is None else now
    until = now + CLAIM_TIME
    held: list[int] = []
    for _ in range(LOOKS):
        async with store.reading() as connection:
            known = await read_models(connection)
            route = _route(order, reviewer, wanted, known, now)
            if route is None:
                return Tasks([], True, None)
            taken = await read_taken(connection, reviewer, now)
            query = route.query.where(*taken.comment_is_free(route.number), *_not_among(without))
            if order is QueueOrder.UNCERTAIN:
                text_free = taken.text_is_free(route.number, predictions.c.folded_digest)
                query = query.where(*text_free, *await _other_texts(connection, without))
            seconds = SEARCH_SECONDS if wanted.text is None else TEXT_SECONDS
            query = query.where(route.last)
            found = await walk(connection, query, route.path, after, limit - len(held), seconds)
        after = found.place
        texts = _texts(found.rows) if order is QueueOrder.UNCERTAIN else {}
        numbers = _one_of_each_text([row.number for row in found.rows], texts)
        reviewed = order is QueueOrder.SECOND_OPINION
        held += await lease_free(store, numbers, reviewer, now, until, reviewed=reviewed, texts=texts)
        if len(held) == limit or after is None or not found.rows:
            break
    return Tasks(await _tasks(store, held, until, by_text=order is QueueOrder.UNCERTAIN), after is None, after)


async def take(store: Store, reviewer: int, key: Key, now: datetime | None = None) -> Task:
    """One certain comment with its context; claimed, unless it is reviewed already or another one holds it.

    Raises NoCommentError, TransientStoreError, CommitUnknownError.
    """
    now = datetime.now(UTC) if now is None else now
    until = now + CLAIM_TIME
    of = comments.c
    async with store.reading() as connection:
        query = select(of.number, of.folded_digest, of.audit_rank).where(of.platform == key[0], of.id == key[1])
        rows = (await connection.execute(query)).all()
    numbers = [row.number for row in rows]
    await lease_free(store, numbers, reviewer, now, until, texts=_texts(rows))
    tasks = await _tasks(store, numbers, until, by_text=True)
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
    route = _route(order, reviewer, wanted, await read_models(connection), datetime.now(UTC))
    if route is None:
        return Remaining(0, False)
    seconds = SEARCH_SECONDS if wanted.text is None else TEXT_SECONDS
    numbers = route.query.where(route.last).with_only_columns(route.path.first, route.path.second)
    found = await walk(connection, numbers, route.path, None, COUNTED + 1, seconds)
    return Remaining(min(len(found.rows), COUNTED), found.place is not None)


async def renew(store: Store, reviewer: int, keys: Sequence[Key], now: datetime | None = None) -> list[Key]:
    """Hold claimed comments longer; those of ``keys`` that are still the reviewer's. Raises TransientStoreError."""
    now = datetime.now(UTC) if now is None else now

    async def once() -> list[Key]:
        async with store.writing() as session:
            named = await _numbers(session, keys)
            await hold_own(session, list(named.values()), reviewer, now + CLAIM_TIME)
            claims = review_claims.c
            own = select(claims.comment_number).where(
                claims.comment_number.in_(named.values()), claims.reviewer_number == reviewer
            )
            kept = set((await session.connection.execute(own)).scalars())
            return [key for key, number in named.items() if number in kept]

    return await retried(once, repeatable=True)


async def skip(store: Store, reviewer: int, key: Key, now: datetime | None = None) -> None:
    """Do not give this comment, nor another one with its text, to the reviewer for SKIP_TIME, and let others have it.

    Raises TransientStoreError.
    """
    now = datetime.now(UTC) if now is None else now

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
    """Let others have these comments of the reviewer's, or all. Raises TransientStoreError."""

    async def once() -> None:
        async with store.writing() as session:
            numbers = None if keys is None else list((await _numbers(session, keys)).values())
            await release_own(session, numbers, reviewer)

    await retried(once, repeatable=True)


@dataclass(frozen=True, slots=True)
class _Route:
    """The index to go along, the rows of COMMENTS that it leads to, and the column that has the comment's number.

    ``last`` is a condition that takes so long that it is asked after all others.
    """

    path: Path
    query: Select[Any]
    number: Column[int]
    last: ColumnElement[bool] = field(default_factory=true)


def _route(
    order: QueueOrder, reviewer: int | None, wanted: CommentFilter, known: Models, now: datetime
) -> _Route | None:
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
        return _Route(path, COMMENTS.where(*conditions(wanted, known)), comments.c.number)
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
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(*said, *conditions(rest, known))
    return _Route(path, query, predictions.c.comment_number, text_is_undecided(predictions.c.folded_digest, now))


def _second_opinion_route(reviewer: int | None, wanted: CommentFilter, known: Models) -> _Route | None:
    """Along the reviews, the newest first: those that stand, are another one's, and of a text of which the reviewer
    has said nothing that was not taken back. Of a decision for a text only its first review."""
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
    others = (of.reviewer_number.is_distinct_from(reviewer), ~decided, is_first_of_group())
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql").where(*others, *conditions(wanted, known))
    return _Route(path, query, of.comment_number)


def _said(wanted: CommentFilter) -> list[ColumnElement[bool]]:
    """What the prediction of a comment without review must fulfil."""
    of = predictions.c
    return [
        *([] if wanted.label is None else [of.label == wanted.label]),
        *([] if wanted.uncertain is None else [of.uncertain.is_(wanted.uncertain)]),
        *([] if wanted.probability_from is None else [of.probability >= wanted.probability_from]),
        *([] if wanted.probability_to is None else [of.probability <= wanted.probability_to]),
    ]


def _not_among(without: Collection[Key]) -> list[ColumnElement[bool]]:
    return [tuple_(comments.c.platform, comments.c.id).not_in(list(without))] if without else []


async def _other_texts(connection: AsyncConnection, without: Collection[Key]) -> list[ColumnElement[bool]]:
    """That a prediction is of none of the texts of ``without``, and of none that is being decided."""
    of, digest = comments.c, predictions.c.folded_digest
    named = tuple_(of.platform, of.id).in_(list(without))
    query = select(of.folded_digest).where(named, of.folded_digest.is_not(None))
    digests = [*await unfinished_texts(connection)]
    if without:
        digests += (await connection.execute(query)).scalars()
    return [or_(digest.is_(None), digest.not_in(digests))] if digests else []


def _texts(rows: Iterable[Any]) -> Texts:
    """The digest of the text of each comment that stands for its text; one of the audit sample stands for itself."""
    return {row.number: row.folded_digest for row in rows if row.folded_digest is not None and row.audit_rank is None}


def _one_of_each_text(numbers: Sequence[int], texts: Texts) -> list[int]:
    """The comments in their order, without those whose text comes before."""
    first: dict[int, int] = {}
    for number in numbers:
        if number in texts:
            first.setdefault(texts[number], number)
    return [number for number in numbers if number not in texts or first[texts[number]] == number]


async def _numbers(session: WriteSession, keys: Sequence[Key]) -> dict[Key, int]:
    of = comments.c
    query = select(of.platform, of.id, of.number).where(tuple_(of.platform, of.id).in_(list(keys)))
    return {(platform, id): number for platform, id, number in await session.connection.execute(query)}


async def _tasks(store: Store, numbers: Sequence[int], until: datetime, *, by_text: bool) -> list[Task]:
    """The comments in the order of ``numbers``, with their context; one that was erased meanwhile is left out.

    ``by_text`` counts the comments that share the text of one without a review.
    """
    if not numbers:
        return []
    async with store.reading() as connection:
        rows = {row.number: row for row in await connection.execute(COMMENTS.where(comments.c.number.in_(numbers)))}
        found = [rows[number] for number in numbers if number in rows]
        labelled = await with_labels(connection, found, await read_models(connection))
        return [await _task(connection, row, one, until, by_text) for row, one in zip(found, labelled, strict=True)]


async def _task(
    connection: AsyncConnection, row: Row[Any], comment: LabelledComment, until: datetime, by_text: bool
) -> Task:
    of = comments.c
    shares = by_text and row.review_number is None and bool(_texts([row]))
    occurrences = await count_occurrences(connection, row.folded_digest) if shares else None
    return Task(
        comment,
        until,
        await earlier_versions(connection, row.number, CONTEXT_ROWS),
        await _neighbours(connection, row, "comments_by_thread", of.thread == row.thread) if row.thread else [],
        await _neighbours(connection, row, "comments_by_author", of.author == row.author) if row.author else [],
        None if occurrences is None else max(1, occurrences.count),
        occurrences is not None and occurrences.more,
        await earlier_decision(connection, row.folded_digest) if shares else None,
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
