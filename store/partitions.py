"""Where each consumer group stands in each partition: the position that the database holds."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch import PartitionKey, PartitionState
from store.dead_letters import truncated
from store.errors import StoreError
from store.session import WriteSession
from store.tables import partitions

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


async def read_positions(
    connection: AsyncConnection, group: str, topics: Sequence[str]
) -> dict[tuple[str, int], PartitionState]:
    """The group's rows in these topics, by (topic, partition)."""
    query = COLUMNS.where(partitions.c.consumer_group == group, partitions.c.topic.in_(topics))
    states = [_state(row) for row in await connection.execute(query)]
    return {(state.partition.topic, state.partition.partition): state for state in states}


async def read_state(connection: AsyncConnection, key: PartitionKey) -> PartitionState:
    """One partition's row. Raises StoreError when there is none."""
    row = (await connection.execute(COLUMNS.where(*_is(key)))).one_or_none()
    if row is None:
        raise StoreError(
            f"Nothing is stored of partition {key.partition} of topic {key.topic} for group {key.group}: "
            "the consumer has not read it yet."
        )
    return _state(row)


async def count_partitions(connection: AsyncConnection) -> tuple[int, int]:
    """How many rows there are, and how many of them are paused."""
    query = select(func.count(), func.count(partitions.c.paused_at)).select_from(partitions)
    followed, paused = (await connection.execute(query)).one()
    return followed, paused


async def begin_partition(session: WriteSession, key: PartitionKey, start: int, topic_id: str | None) -> PartitionState:
    """Insert the row if there is none; what stands wins."""
    row = {**_named(key), "next_offset": start, "topic_id": topic_id, "records_lost": 0}
    await session.run(session.statements.begin_partition, [row])
    return await read_state(session.connection, key)


async def seek_partition(session: WriteSession, key: PartitionKey, offset: int, topic_id: str | None) -> PartitionState:
    """Set offset and topic id, whatever stands."""
    row = {**_named(key), "next_offset": offset, "topic_id": topic_id, "records_lost": 0}
    await session.run(session.statements.seek_partition, [row])
    return await read_state(session.connection, key)


async def pause_partition(session: WriteSession, key: PartitionKey, reason: str) -> None:
    """Pause; an earlier pause keeps its reason and time. Raises StoreError without a row."""
    now = datetime.now(UTC)
    await read_state(session.connection, key)
    await session.connection.execute(
        update(partitions)
        .where(*_is(key))
        .values(
            paused_reason=func.coalesce(partitions.c.paused_reason, truncated(reason)),
            paused_at=func.coalesce(partitions.c.paused_at, now),
            updated_at=now,
        )
    )


async def resume_partition(session: WriteSession, key: PartitionKey) -> None:
    """Release a pause and forget the starts. Raises StoreError without a row."""
    await read_state(session.connection, key)
    released: dict[str, object] = {"paused_reason": None, "paused_at": None, "started_offset": None, "starts": 0}
    await session.connection.execute(
        update(partitions).where(*_is(key)).values(**released, updated_at=datetime.now(UTC))
    )


async def count_starts(session: WriteSession, states: Iterable[PartitionState]) -> None:
    """Count a consumer that begins to read partitions at their stored offsets, except those that moved meanwhile."""
    for state in states:
        await session.connection.execute(
            update(partitions)
            .where(*_is(state.partition), partitions.c.next_offset == state.next_offset)
            .values(started_offset=state.next_offset, starts=state.failed_starts + 1)
        )


async def uncount_starts(session: WriteSession, offsets: Mapping[PartitionKey, int]) -> None:
    """Uncount a consumer that began at these offsets and leaves cleanly, except where another began elsewhere since."""
    for key, offset in offsets.items():
        await session.connection.execute(
            update(partitions)
            .where(*_is(key), partitions.c.started_offset == offset, partitions.c.starts > 0)
            .values(starts=partitions.c.starts - 1)
        )


def _named(key: PartitionKey) -> dict[str, object]:
    return {"consumer_group": key.group, "topic": key.topic, "partition": key.partition}


def _is(key: PartitionKey) -> tuple[ColumnElement[bool], ...]:
    return (
        partitions.c.consumer_group == key.group,
        partitions.c.topic == key.topic,
        partitions.c.partition == key.partition,
    )
