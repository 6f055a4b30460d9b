"""The outbox: records that consumers publish to Kafka on behalf of people.

A consumer leases a message, publishes it and marks it as done. A crash between the last two publishes it twice, which
is harmless: a version that is already stored changes nothing, and the header identifies a dead letter's copy.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Update, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dead_letter_admin import DeadLetterState
from store.dead_letters import Headers, read_headers, truncated
from store.requeued import DEAD_LETTER_HEADER, header_value
from store.session import WriteSession
from store.tables import dead_letters, outbox
from store.types import stored_time

DONE: dict[str, object] = {"key": None, "value": None, "headers": "[]"}


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A record to publish. ``lease`` is a random number that identifies the lease."""

    number: int
    lease: int
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    letter: int | None


@dataclass(frozen=True, slots=True)
class Published:
    """A message that Kafka accepted, with the partition and offset of its record."""

    message: OutboxMessage
    partition: int
    offset: int


async def lease_messages(
    session: WriteSession, topics: Sequence[str], erasure_key: bytes, *, limit: int, lease_seconds: float
) -> list[OutboxMessage]:
    """Lease the oldest messages for these topics that are not leased. Copies of dead letters get their header.

    Raises TransientStoreError and CommitUnknownError.
    """
    now = stored_time(session.now)
    lease = secrets.randbits(63)
    columns = outbox.c
    query = (
        select(
            *(columns.number, columns.topic, columns.key, columns.value, columns.headers, columns.dead_letter_number)
        )
        .where(columns.done_at.is_(None), columns.topic.in_(topics))
        .where(or_(columns.claimed_until.is_(None), columns.claimed_until < now))
        .order_by(columns.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = (await session.connection.execute(query)).all()
    if rows:
        await session.connection.execute(
            update(outbox)
            .where(columns.number.in_([row.number for row in rows]))
            .values(claimed_by=lease, claimed_until=now + timedelta(seconds=lease_seconds))
        )
    return [
        OutboxMessage(number, lease, topic, key, value, _headers(headers, letter, key, value, erasure_key), letter)
        for number, topic, key, value, headers, letter in rows
    ]


async def has_messages(connection: AsyncConnection, topics: Sequence[str]) -> bool:
    """Return whether messages for these topics are waiting, without locking any. Raises TransientStoreError."""
    query = select(outbox.c.number).where(outbox.c.done_at.is_(None), outbox.c.topic.in_(topics)).limit(1)
    return (await connection.execute(query)).first() is not None


async def oldest_message(connection: AsyncConnection) -> datetime | None:
    """Return when the oldest waiting message was ordered, or None. Raises TransientStoreError."""
    query = select(outbox.c.ordered_at).where(outbox.c.done_at.is_(None)).order_by(outbox.c.number).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def mark_published(session: WriteSession, published: Sequence[Published]) -> None:
    """Mark messages as done and delete their content, except those leased by another consumer in the meantime.

    Raises TransientStoreError and CommitUnknownError.
    """
    now = stored_time(session.now)
    for one in published:
        await session.connection.execute(
            _update_leased(one.message).values(
                done_at=now, published_partition=one.partition, published_offset=one.offset, **DONE
            )
        )


async def mark_refused(session: WriteSession, message: OutboxMessage, why: str) -> None:
    """Mark a message that Kafka refuses permanently as done, and reopen its dead letter.

    Raises TransientStoreError and CommitUnknownError.
    """
    await session.connection.execute(
        _update_leased(message).values(done_at=stored_time(session.now), refused=truncated(why), **DONE)
    )
    if message.letter is not None:
        await session.connection.execute(
            update(dead_letters)
            .where(dead_letters.c.number == message.letter, dead_letters.c.state == DeadLetterState.REQUEUED)
            .values(state=DeadLetterState.OPEN)
        )


def _update_leased(message: OutboxMessage) -> Update:
    return update(outbox).where(
        outbox.c.number == message.number, outbox.c.claimed_by == message.lease, outbox.c.done_at.is_(None)
    )


def _headers(stored: str, letter: int | None, key: bytes | None, value: bytes | None, erasure_key: bytes) -> Headers:
    headers = read_headers(stored)
    if letter is None:
        return headers
    # The record may itself be a copy made by another group; the new copy names only our dead letter.
    others = [(name, content) for name, content in headers if name != DEAD_LETTER_HEADER]
    return [*others, (DEAD_LETTER_HEADER, header_value(erasure_key, letter, key, value))]
