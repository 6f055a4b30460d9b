"""What people see of dead letters, and what they decide: publish it again, or put it aside."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import UsageError
from store import audit
from store.audit import Actor
from store.dead_letters import Headers, read_headers
from store.session import WriteSession
from store.store import Store
from store.tables import dead_letters, outbox

# Letters that one transaction orders or puts aside: few enough to hold their locks for a moment only.
AT_ONCE = 200
# Letters of a megabyte each may be among those that are exported.
READ_AT_ONCE = 50


class DeadLetterState(StrEnum):
    """What became of a letter: nothing yet, ordered to be published again, stored after all, or put aside."""

    OPEN = "open"
    REQUEUED = "requeued"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


class DeadLetterError(UsageError):
    """A decision that letter ``number`` does not allow; ``code`` says why, for programs."""

    def __init__(self, number: int, code: Literal["missing", "truncated", "resolved"], sentence: str) -> None:
        super().__init__(sentence)
        self.number, self.code = number, code


UNRESOLVED = frozenset({DeadLetterState.OPEN, DeadLetterState.REQUEUED})


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which letters; None and an empty set do not filter. ``since`` is the time from which they were stored."""

    reason: str | None = None
    topic: str | None = None
    states: frozenset[DeadLetterState] = UNRESOLVED
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter without its content. ``partition`` and ``offset`` are the original record's, ``latest_...`` those
    of its latest copy; ``record_timestamp`` is in milliseconds since 1970, ``attempts`` how often it was requeued."""

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
    """What the record held; of a truncated letter the beginning."""

    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class RequeueMessage:
    """An order to publish a letter again. ``done_at`` is when Kafka took it, or ``refused`` it for good."""

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
    connection: AsyncConnection, wanted: DeadLetterFilter, limit: int, *, before: int | None = None
) -> list[StoredLetter]:
    """At most ``limit`` letters, the newest first, those older than letter ``before``. Raises TransientStoreError."""
    query = _LETTERS.where(*_conditions(wanted)).order_by(dead_letters.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(dead_letters.c.number < before)
    return [_letter(row) for row in await connection.execute(query)]


async def count_dead_letters(connection: AsyncConnection, wanted: DeadLetterFilter) -> dict[DeadLetterState, int]:
    """How many letters there are in each state. Raises TransientStoreError."""
    query = select(dead_letters.c.state, func.count()).where(*_conditions(wanted)).group_by(dead_letters.c.state)
    counted = {DeadLetterState(state): count for state, count in await connection.execute(query)}
    return {state: counted.get(state, 0) for state in DeadLetterState}


async def read_dead_letter(
    connection: AsyncConnection, number: int
) -> tuple[StoredLetter, DeadLetterContent, list[RequeueMessage]]:
    """One letter with its content and the orders that were given for it. Raises DeadLetterError when there is none."""
    orders = (
        select(*(outbox.c[name] for name in RequeueMessage.__dataclass_fields__))
        .where(outbox.c.dead_letter_number == number)
        .order_by(outbox.c.number)
    )
    found = await _read_whole(connection, [dead_letters.c.number == number], limit=1)
    given = [RequeueMessage(*row) for row in await connection.execute(orders)]
    if not found:
        raise _missing(number)
    letter, content = found[0]
    return letter, content, given


async def export_dead_letters(
    store: Store, wanted: DeadLetterFilter
) -> AsyncIterator[tuple[StoredLetter, DeadLetterContent]]:
    """All letters with their content, the oldest first. Raises TransientStoreError."""
    behind = 0
    while True:
        async with store.reading() as connection:
            conditions = [*_conditions(wanted), dead_letters.c.number > behind]
            page = await _read_whole(connection, conditions, READ_AT_ONCE)
        if not page:
            return
        for letter, content in page:
            yield letter, content
        behind = page[-1][0].number


async def requeue(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    """Order letters to be published again, all of them or none; how many that were not ordered already.

    Raises DeadLetterError with the first letter that cannot be: missing, truncated or resolved.
    """
    found = await _lock(session, [dead_letters.c.number.in_(numbers)], len(numbers))
    states = {number: (DeadLetterState(state), truncated) for number, state, truncated in found}
    for number in numbers:
        if number not in states:
            raise _missing(number)
        state, truncated = states[number]
        if truncated:
            sentence = (
                f"Dead letter {number} was too large for the database and only its beginning is kept: its "
                "platform must publish it again."
            )
            raise DeadLetterError(number, "truncated", sentence)
        if state is DeadLetterState.RESOLVED:
            raise _resolved(number)
    return await _order(session, [n for n, (state, _) in states.items() if state is not DeadLetterState.REQUEUED], by)


async def requeue_all(store: Store, wanted: DeadLetterFilter, by: Actor) -> int:
    """Order every open letter that is kept whole; how many. Raises TransientStoreError."""
    whole = [*_conditions(wanted), dead_letters.c.state == DeadLetterState.OPEN, dead_letters.c.truncated.is_(False)]
    return await _for_all(store, whole, by, _order)


async def discard(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    """Put letters aside, all of them or none; how many that were not before. Orders that wait are withdrawn.

    Raises DeadLetterError with the first letter that is missing or resolved.
    """
    found = await _lock(session, [dead_letters.c.number.in_(numbers)], len(numbers))
    states = {number: DeadLetterState(state) for number, state, _ in found}
    for number in numbers:
        if number not in states:
            raise _missing(number)
        if states[number] is DeadLetterState.RESOLVED:
            raise _resolved(number)
    return await _put_aside(session, [n for n, state in states.items() if state in UNRESOLVED], by)


async def discard_all(store: Store, wanted: DeadLetterFilter, by: Actor) -> int:
    """Put every open letter aside; how many. Raises TransientStoreError."""
    conditions = [*_conditions(wanted), dead_letters.c.state == DeadLetterState.OPEN]
    return await _for_all(store, conditions, by, _put_aside)


async def _for_all(
    store: Store,
    conditions: Sequence[ColumnElement[bool]],
    by: Actor,
    act: Callable[[WriteSession, Sequence[int], Actor], Awaitable[int]],
) -> int:
    """Act on some letters after the other, each once: one that fails again meanwhile is not met a second time."""
    acted = behind = 0
    while True:
        async with store.writing() as session:
            rows = await _lock(session, [*conditions, dead_letters.c.number > behind], AT_ONCE)
            acted += await act(session, [number for number, *_ in rows], by)
        if len(rows) < AT_ONCE:
            return acted
        behind = rows[-1][0]


async def _order(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    if not numbers:
        return 0
    columns = dead_letters.c
    content = select(
        *(columns.topic, columns.key, columns.value, columns.headers, columns.number),
        literal(by.name[:128]),
        literal(datetime.now(UTC), outbox.c.ordered_at.type),
    ).where(columns.number.in_(numbers))
    names = ["topic", "key", "value", "headers", "dead_letter_number", "ordered_by", "ordered_at"]
    await session.connection.execute(insert(outbox).from_select(names, content.order_by(columns.number)))
    await session.connection.execute(
        update(dead_letters)
        .where(columns.number.in_(numbers))
        .values(state=DeadLetterState.REQUEUED, attempts=columns.attempts + 1, settled_by=None, settled_at=None)
    )
    return await _record(session, by, "dead_letter.requeue", numbers)


async def _put_aside(session: WriteSession, numbers: Sequence[int], by: Actor) -> int:
    if not numbers:
        return 0
    now = datetime.now(UTC)
    await session.connection.execute(
        update(outbox)
        .where(outbox.c.dead_letter_number.in_(numbers), outbox.c.done_at.is_(None))
        .values(
            done_at=now, refused=f"withdrawn: {by.name[:128]} discarded the letter", key=None, value=None, headers="[]"
        )
    )
    await session.connection.execute(
        update(dead_letters)
        .where(dead_letters.c.number.in_(numbers))
        .values(state=DeadLetterState.DISCARDED, settled_by=by.name[:128], settled_at=now)
    )
    return await _record(session, by, "dead_letter.discard", numbers)


async def _record(session: WriteSession, by: Actor, action: str, numbers: Sequence[int]) -> int:
    """Write the decision into the audit log, one record a letter; how many letters it is about."""
    for number in numbers:
        await audit.record(session, by, action, "dead_letter", str(number), {})
    return len(numbers)


async def _lock(session: WriteSession, conditions: Sequence[ColumnElement[bool]], limit: int) -> Sequence[Any]:
    """Number, state and whether it is truncated, locked until the transaction ends."""
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


def _conditions(wanted: DeadLetterFilter) -> list[ColumnElement[bool]]:
    columns = dead_letters.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.states:
        conditions.append(columns.state.in_(sorted(wanted.states)))
    if wanted.reason is not None:
        conditions.append(columns.reason == wanted.reason)
    if wanted.topic is not None:
        conditions.append(columns.topic == wanted.topic)
    if wanted.since is not None:
        conditions.append(columns.stored_at >= wanted.since)
    return conditions


def _missing(number: int) -> DeadLetterError:
    sentence = f"There is no dead letter {number}: `liuyan consumer dead-letters list` shows them."
    return DeadLetterError(number, "missing", sentence)


def _resolved(number: int) -> DeadLetterError:
    return DeadLetterError(number, "resolved", f"Dead letter {number} is resolved already: its copy was stored.")
