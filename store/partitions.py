"""The stored offset of each consumer group in each partition."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch import PartitionKey, PartitionState
from store.dead_letters import truncated
from store.errors import StoreError
from store.session import WriteSession
from store.tables import partitions
from store.types import stored_time

COLUMNS = select(
    partitions.c.consumer_group,
    partitions.c.topic,
    partitions.c.partition,
    partitions.c.next_offset,
    partitions.c.topic_id,
    partitions.c.records_lost,
    partitions.c.paused_reason,
    partitions.c.paused_at,
    partitions.c.updated_at,
    partitions.c.started_offset,
    partitions.c.starts,
)


def _state(row: Sequence[Any]) -> PartitionState:
    group, topic, partition, *rest = row
    return PartitionState(PartitionKey(group, topic, partition), *rest)


async def read_partitions(
    connection: AsyncConnection, group: str, topics: Sequence[str]
) -> dict[tuple[str, int], PartitionState]:
    """Return the group's rows for these topics, by (topic, partition)."""
    query = COLUMNS.where(partitions.c.consumer_group == group, partitions.c.topic.in_(topics))
    states = [_state(row) for row in await connection.execute(query)]
    return {(state.partition.topic, state.partition.partition): state for state in states}


async def read_state(connection: AsyncConnection, key: PartitionKey) -> PartitionState:
    """Return a partition's row. Raises StoreError if there is none."""
    row = (await connection.execute(COLUMNS.where(*_matches(key)))).one_or_none()
    if row is None:
        raise StoreError(
            f"No offset is stored for partition {key.partition} of topic {key.topic} and group {key.group}: "
            "the consumer has not read the partition yet."
        )
    return _state(row)


async def count_partitions(connection: AsyncConnection) -> tuple[int, int]:
    """Return the number of partitions, and of paused ones."""
    query = select(func.count(), func.count(partitions.c.paused_at)).select_from(partitions)
    total, paused = (await connection.execute(query)).one()
    return total, paused


async def begin_partition(session: WriteSession, key: PartitionKey, start: int, topic_id: str | None) -> PartitionState:
    """Insert a partition's row if there is none, and return the stored row."""
    row = {**_key_row(key), "next_offset": start, "topic_id": topic_id, "records_lost": 0}
    await session.run(session.statements.begin_partition, [row])
    return await read_state(session.connection, key)


async def seek_partition(session: WriteSession, key: PartitionKey, offset: int, topic_id: str | None) -> PartitionState:
    """Set offset and topic id unconditionally."""
    row = {**_key_row(key), "next_offset": offset, "topic_id": topic_id, "records_lost": 0}
    await session.run(session.statements.seek_partition, [row])
    return await read_state(session.connection, key)


async def pause_partition(session: WriteSession, key: PartitionKey, reason: str) -> None:
    """Pause a partition; if it is paused, keep reason and time. Raises StoreError if there is no row."""
    now = stored_time(session.now)
    await read_state(session.connection, key)
    await session.connection.execute(
        update(partitions)
        .where(*_matches(key))
        .values(
            paused_reason=func.coalesce(partitions.c.paused_reason, truncated(reason)),
            paused_at=func.coalesce(partitions.c.paused_at, now),
            updated_at=now,
        )
    )


async def resume_partition(session: WriteSession, key: PartitionKey) -> None:
    """Resume a partition and reset its count of starts. Raises StoreError if there is no row."""
    await read_state(session.connection, key)
    released: dict[str, object] = {"paused_reason": None, "paused_at": None, "started_offset": None, "starts": 0}
    await session.connection.execute(
        update(partitions).where(*_matches(key)).values(**released, updated_at=stored_time(session.now))
    )


async def count_starts(session: WriteSession, states: Iterable[PartitionState]) -> None:
    """Count a start for each partition whose stored offset has not changed since ``states`` were read."""
    for state in states:
        await session.connection.execute(
            update(partitions)
            .where(*_matches(state.partition), partitions.c.next_offset == state.next_offset)
            .values(started_offset=state.next_offset, starts=state.failed_starts + 1)
        )


async def uncount_starts(session: WriteSession, offsets: Mapping[PartitionKey, int]) -> None:
    """Subtract the start of a consumer that began at these offsets and stops cleanly.

    Partitions that another consumer has started at another offset since are left alone.
    """
    for key, offset in offsets.items():
        await session.connection.execute(
            update(partitions)
            .where(*_matches(key), partitions.c.started_offset == offset, partitions.c.starts > 0)
            .values(starts=partitions.c.starts - 1)
        )


def _key_row(key: PartitionKey) -> dict[str, object]:
    return {"consumer_group": key.group, "topic": key.topic, "partition": key.partition}


def _matches(key: PartitionKey) -> tuple[ColumnElement[bool], ...]:
    return (
        partitions.c.consumer_group == key.group,
        partitions.c.topic == key.topic,
        partitions.c.partition == key.partition,
    )
