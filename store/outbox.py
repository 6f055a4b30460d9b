"""The outbox: records that people order to be published, each carried out by one running consumer.

An order is claimed with a lease, published, and then marked as done. A crash between the last two publishes it twice,
which the contract bears: a version that is stored already changes nothing, and a letter's copy is known by its header.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Update, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dead_letter_admin import DeadLetterState
from store.dead_letters import Headers, read_headers, truncated
from store.requeued import DEAD_LETTER_HEADER, header_value
from store.session import WriteSession
from store.tables import dead_letters, outbox

DONE: dict[str, object] = {"key": None, "value": None, "headers": "[]"}


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A record to publish. ``claim`` is the random number by which whoever claimed it is known."""

    number: int
    claim: int
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    letter: int | None


@dataclass(frozen=True, slots=True)
class Published:
    """An order that Kafka took, and where."""

    order: OutboxMessage
    partition: int
    offset: int


async def lease_messages(
    session: WriteSession, topics: Sequence[str], erasure_key: bytes, *, limit: int, lease_seconds: float
) -> list[OutboxMessage]:
    """Claim the oldest orders for these topics that nobody else has; what they publish carries the letter's header.

    Raises TransientStoreError and CommitUnknownError.
    """
    now = datetime.now(UTC)
    claim = secrets.randbits(63)
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
            .values(claimed_by=claim, claimed_until=now + timedelta(seconds=lease_seconds))
        )
    return [
        OutboxMessage(number, claim, topic, key, value, _headers(headers, letter, key, value, erasure_key), letter)
        for number, topic, key, value, headers, letter in rows
    ]


async def has_messages(connection: AsyncConnection, topics: Sequence[str]) -> bool:
    """Whether anything is to be done, asked without a lock. Raises TransientStoreError."""
    query = select(outbox.c.number).where(outbox.c.done_at.is_(None), outbox.c.topic.in_(topics)).limit(1)
    return (await connection.execute(query)).first() is not None


async def oldest_message(connection: AsyncConnection) -> datetime | None:
    """When the oldest order that waits was given; None when none does. Raises TransientStoreError."""
    query = select(outbox.c.ordered_at).where(outbox.c.done_at.is_(None)).order_by(outbox.c.number).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def mark_published(session: WriteSession, published: Sequence[Published]) -> None:
    """Mark orders as done, unless somebody else claimed them meanwhile; what they held is emptied.

    Raises TransientStoreError and CommitUnknownError.
    """
    now = datetime.now(UTC)
    for one in published:
        await session.connection.execute(
            _claimed(one.order).values(
                done_at=now, published_partition=one.partition, published_offset=one.offset, **DONE
            )
        )


async def mark_refused(session: WriteSession, order: OutboxMessage, why: str) -> None:
    """Mark an order that Kafka will never take as done; its letter is open again.

    Raises TransientStoreError and CommitUnknownError.
    """
    await session.connection.execute(_claimed(order).values(done_at=datetime.now(UTC), refused=truncated(why), **DONE))
    if order.letter is not None:
        await session.connection.execute(
            update(dead_letters)
            .where(dead_letters.c.number == order.letter, dead_letters.c.state == DeadLetterState.REQUEUED)
            .values(state=DeadLetterState.OPEN)
        )


def _claimed(order: OutboxMessage) -> Update:
    return update(outbox).where(
        outbox.c.number == order.number, outbox.c.claimed_by == order.claim, outbox.c.done_at.is_(None)
    )


def _headers(stored: str, letter: int | None, key: bytes | None, value: bytes | None, erasure_key: bytes) -> Headers:
    headers = read_headers(stored)
    if letter is None:
        return headers
    # A copy of a copy that another group made of the same record names our letter alone.
    others = [(name, content) for name, content in headers if name != DEAD_LETTER_HEADER]
    return [*others, (DEAD_LETTER_HEADER, header_value(erasure_key, letter, key, value))]
