"""Dead letters for people: list, show, export, requeue, discard and delete."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import ColumnElement, insert, literal, select, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import UsageError
from store import audit
from store.audit import Actor
from store.dead_letters import Headers, read_headers
from store.session import WriteSession
from store.store import Store
from store.tables import dead_letters, outbox
from store.types import stored_time

# Dead letters that one transaction requeues or discards: few enough to hold their locks only briefly.
LETTERS_PER_TRANSACTION = 200
# An exported dead letter may be a megabyte large.
LETTERS_PER_PAGE = 50


class DeadLetterState(StrEnum):
    """The state of a dead letter: open, requeued, resolved (its copy was stored) or discarded."""

    OPEN = "open"
    REQUEUED = "requeued"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


class DeadLetterError(UsageError):
    """Dead letter ``number`` cannot be requeued or discarded; ``code`` is the machine-readable reason."""

    def __init__(self, number: int, code: Literal["missing", "truncated", "resolved"], sentence: str) -> None:
        super().__init__(sentence)
        self.number, self.code = number, code


UNRESOLVED = frozenset({DeadLetterState.OPEN, DeadLetterState.REQUEUED})
SETTLED = frozenset(DeadLetterState) - UNRESOLVED


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters; None and an empty set do not filter. ``since`` applies to the time of storing."""

    reason: str | None = None
    topic: str | None = None
    states: frozenset[DeadLetterState] = UNRESOLVED
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter without its content.

    ``partition`` and ``offset`` are the original record's, ``latest_...`` its latest copy's. ``record_timestamp`` is in
    milliseconds since 1970; ``attempts`` counts how often it was requeued.
    """

    number: int
    group: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value_bytes: int | None
    truncated: bool
    record_timestamp: int
    reason: str
    detail: str
    stored_at: datetime
    state: DeadLetterState
    attempts: int
    latest_partition: int | None
    latest_offset: int | None
    settled_by: str | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeadLetterContent:
    """The value and headers of the record, or their beginning if the dead letter is truncated."""

    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class RequeueMessage:
    """An outbox message for a dead letter. ``done_at`` is when Kafka accepted it, or refused it permanently."""

    ordered_by: str
    ordered_at: datetime
    done_at: datetime | None
    published_partition: int | None
    published_offset: int | None
    refused: str | None


_COLUMNS = (
    "number",
    "consumer_group",
    "topic",
    "partition",
    "offset",
    "key",
    "value_bytes",
    "truncated",
    "record_timestamp",
    "reason",
    "detail",
    "stored_at",
    "state",
    "attempts",
    "latest_partition",
    "latest_offset",
    "settled_by",
    "settled_at",
)
_LETTERS = select(*(dead_letters.c[name] for name in _COLUMNS))


async def list_dead_letters(
    connection: AsyncConnection, filters: DeadLetterFilter, limit: int, *, before: int | None = None
) -> list[StoredLetter]:
    """Return at most ``limit`` dead letters with numbers below ``before``, newest first. Raises TransientStoreError."""
    query = _LETTERS.where(*conditions_of(filters)).order_by(dead_letters.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(dead_letters.c.number < before)
    return [_letter(row) for row in await connection.execute(query)]


async def read_dead_letter(
    connection: AsyncConnection, number: int
) -> tuple[StoredLetter, DeadLetterContent, list[RequeueMessage]]:
    """Return a dead letter with its content and outbox messages. Raises DeadLetterError if it does not exist."""
    messages_query = (
        select(*(outbox.c[name] for name in RequeueMessage.__dataclass_fields__))
        .where(outbox.c.dead_letter_number == number)
        .order_by(outbox.c.number)
    )
    found = await _read_whole(connection, [dead_letters.c.number == number], limit=1)
    messages = [RequeueMessage(*row) for row in await connection.execute(messages_query)]
    if not found:
        raise _missing(number)
    letter, content = found[0]
    return letter, content, messages


async def export_dead_letters(
    store: Store, filters: DeadLetterFilter
) -> AsyncIterator[tuple[StoredLetter, DeadLetterContent]]:
    """Yield all matching dead letters with their content, oldest first. Raises TransientStoreError."""
    after = 0
    while True:
        async with store.reading() as connection:
            conditions = [*conditions_of(filters), dead_letters.c.number > after]
            page = await _read_whole(connection, conditions, LETTERS_PER_PAGE)
        if not page:
            return
        for letter, content in page:
            yield letter, content
        after = page[-1][0].number


async def requeue(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    """Requeue all of these dead letters or none, and return how many were not requeued already.

    Raises DeadLetterError for the first one that is missing, truncated or resolved.
    """
    found = await _lock(session, [dead_letters.c.number.in_(numbers)], len(numbers))
    states = {number: (DeadLetterState(state), truncated) for number, state, truncated in found}
    for number in numbers:
        if number not in states:
            raise _missing(number)
        state, truncated = states[number]
        if truncated:
            sentence = (
                f"Dead letter {number} was too large for the database, which stores only its beginning: ask its "
                "platform to publish the record again."
            )
            raise DeadLetterError(number, "truncated", sentence)
        if state is DeadLetterState.RESOLVED:
            raise _resolved(number)
    return await _requeue_locked(
        session, [n for n, (state, _) in states.items() if state is not DeadLetterState.REQUEUED], by
    )


async def requeue_all(store: Store, filters: DeadLetterFilter, by: Actor) -> int:
    """Requeue every matching open dead letter that is complete; return their number. Raises TransientStoreError."""
    whole = [*conditions_of(filters), dead_letters.c.state == DeadLetterState.OPEN, dead_letters.c.truncated.is_(False)]
    return await _for_all(store, whole, by, _requeue_locked)


async def discard(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    """Discard all of these dead letters or none, and return how many were not discarded already.

    Unpublished outbox messages for them are cancelled. Raises DeadLetterError for the first one that is missing or
    resolved.
    """
    found = await _lock(session, [dead_letters.c.number.in_(numbers)], len(numbers))
    states = {number: DeadLetterState(state) for number, state, _ in found}
    for number in numbers:
        if number not in states:
            raise _missing(number)
        if states[number] is DeadLetterState.RESOLVED:
            raise _resolved(number)
    return await _discard_locked(session, [n for n, state in states.items() if state in UNRESOLVED], by)


async def discard_all(store: Store, filters: DeadLetterFilter, by: Actor) -> int:
    """Discard every matching open dead letter and return their number. Raises TransientStoreError."""
    conditions = [*conditions_of(filters), dead_letters.c.state == DeadLetterState.OPEN]
    return await _for_all(store, conditions, by, _discard_locked)


async def delete(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    """Delete all of these dead letters or none, with their records, and return their number.

    Their outbox messages are deleted too, so a requeued one that is not published yet never is. Raises DeadLetterError
    for the first one that is missing.
    """
    found = {number for number, *_ in await _lock(session, [dead_letters.c.number.in_(numbers)], len(numbers))}
    for number in numbers:
        if number not in found:
            raise _missing(number)
    return await _delete_locked(session, sorted(found), by)


async def delete_all(store: Store, filters: DeadLetterFilter, by: Actor) -> int:
    """Delete every matching dead letter and return their number. Raises TransientStoreError."""
    return await _for_all(store, conditions_of(filters), by, _delete_locked)


async def expire(store: Store, before: datetime, by: Actor) -> int:
    """Delete every dead letter stored before ``before``, in any state, and return their number.

    The audit log gets one record with the number. Raises TransientStoreError.
    """
    deleted = await _for_all(store, [dead_letters.c.stored_at < before], by, _delete_unrecorded)
    if deleted:
        detail: dict[str, audit.JSON] = {"deleted": deleted, "stored_before": before.isoformat()}
        await store.write(audit.record, by, "dead_letter.expire", "dead_letters", "", detail)
    return deleted


async def _for_all(
    store: Store,
    conditions: Sequence[ColumnElement[bool]],
    by: Actor,
    act: Callable[[WriteSession, Sequence[int], Actor], Awaitable[int]],
) -> int:
    """Process dead letters in pages, by number, so that one that fails again meanwhile is processed only once."""
    acted = after = 0
    while True:
        async with store.writing() as session:
            rows = await _lock(session, [*conditions, dead_letters.c.number > after], LETTERS_PER_TRANSACTION)
            acted += await act(session, [number for number, *_ in rows], by)
        if len(rows) < LETTERS_PER_TRANSACTION:
            return acted
        after = rows[-1][0]


async def _requeue_locked(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    if not numbers:
        return 0
    columns = dead_letters.c
    content = select(
        *(columns.topic, columns.key, columns.value, columns.headers, columns.number),
        literal(by.name[:128]),
        literal(stored_time(session.now), outbox.c.ordered_at.type),
    ).where(columns.number.in_(numbers))
    names = ["topic", "key", "value", "headers", "dead_letter_number", "ordered_by", "ordered_at"]
    await session.connection.execute(insert(outbox).from_select(names, content.order_by(columns.number)))
    await session.connection.execute(
        update(dead_letters)
        .where(columns.number.in_(numbers))
        .values(state=DeadLetterState.REQUEUED, attempts=columns.attempts + 1, settled_by=None, settled_at=None)
    )
    return await _record(session, by, "dead_letter.requeue", numbers)


async def _discard_locked(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    if not numbers:
        return 0
    now = stored_time(session.now)
    await session.connection.execute(
        update(outbox)
        .where(outbox.c.dead_letter_number.in_(numbers), outbox.c.done_at.is_(None))
        .values(
            done_at=now, refused=f"cancelled: {by.name[:128]} discarded the letter", key=None, value=None, headers="[]"
        )
    )
    await session.connection.execute(
        update(dead_letters)
        .where(dead_letters.c.number.in_(numbers))
        .values(state=DeadLetterState.DISCARDED, settled_by=by.name[:128], settled_at=now)
    )
    return await _record(session, by, "dead_letter.discard", numbers)


async def _delete_locked(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    await _delete_unrecorded(session, numbers, by)
    return await _record(session, by, "dead_letter.delete", numbers)


async def _delete_unrecorded(session: WriteSession, numbers: Sequence[int], _by: Actor) -> int:
    if numbers:
        await session.connection.execute(sql_delete(dead_letters).where(dead_letters.c.number.in_(numbers)))
    return len(numbers)


async def _record(session: WriteSession, by: Actor, action: str, numbers: Sequence[int]) -> int:
    """Write one audit record per dead letter and return their number."""
    for number in numbers:
        await audit.record(session, by, action, "dead_letter", str(number), {})
    return len(numbers)


async def _lock(session: WriteSession, conditions: Sequence[ColumnElement[bool]], limit: int) -> Sequence[Any]:
    """Lock dead letters until the transaction ends; return number, state and whether each is truncated."""
    columns = dead_letters.c
    query = (
        select(columns.number, columns.state, columns.truncated)
        .where(*conditions)
        .order_by(columns.number)
        .limit(limit)
        .with_for_update()
    )
    return (await session.connection.execute(query)).all()


async def _read_whole(
    connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]], limit: int
) -> list[tuple[StoredLetter, DeadLetterContent]]:
    whole = _LETTERS.add_columns(dead_letters.c.value, dead_letters.c.headers)
    query = whole.where(*conditions).order_by(dead_letters.c.number).limit(limit)
    return [
        (_letter(row[:-2]), DeadLetterContent(row[-2], read_headers(row[-1])))
        for row in await connection.execute(query)
    ]


def _letter(row: Sequence[Any]) -> StoredLetter:
    named = dict(zip(StoredLetter.__dataclass_fields__, row, strict=True))
    return StoredLetter(**named | {"state": DeadLetterState(named["state"])})


def conditions_of(filters: DeadLetterFilter) -> list[ColumnElement[bool]]:
    """Return the conditions that a filter consists of."""
    columns = dead_letters.c
    conditions: list[ColumnElement[bool]] = []
    if filters.states:
        conditions.append(columns.state.in_(sorted(filters.states)))
    if filters.reason is not None:
        conditions.append(columns.reason == filters.reason)
    if filters.topic is not None:
        conditions.append(columns.topic == filters.topic)
    if filters.since is not None:
        conditions.append(columns.stored_at >= filters.since)
    return conditions


def _missing(number: int) -> DeadLetterError:
    sentence = f"There is no dead letter {number}. List them with `liuyan consumer dead-letters list`."
    return DeadLetterError(number, "missing", sentence)


def _resolved(number: int) -> DeadLetterError:
    return DeadLetterError(number, "resolved", f"Dead letter {number} is already resolved: its copy was stored.")
