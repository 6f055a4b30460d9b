"""Seek, pause and resume partitions by changing their rows, which running consumers poll."""

from consumer.connection import Connection
from consumer.source import LogOffsets
from consumer.status import read_status
from consumer.topics import Topics
from liuyan.errors import UsageError
from liuyan.settings import Settings
from store import partitions
from store.batch import PartitionKey
from store.ready import ready_store
from store.store import Store


async def seek_partition(settings: Settings, topic: str, partition: int, to: str) -> int:
    """Set the stored offset to ``to`` (an offset, ``start`` or ``end``), resume the partition and return the offset.

    Raises UsageError if the offset is outside the log, and the broker's and the store's errors.
    """
    async with ready_store(settings) as store:
        log_offsets = await _log_offsets(store, settings, topic, partition)
        offset = _offset(to, log_offsets)
        ids = await Topics(Connection.of(settings)).ids([topic])
        key = PartitionKey(settings.group, topic, partition)
        await store.write(partitions.begin_partition, key, offset, ids.get(topic))
        await store.write(partitions.seek_partition, key, offset, ids.get(topic))
        await store.write(partitions.resume_partition, key)
        return offset


async def pause_partition(settings: Settings, topic: str, partition: int, reason: str) -> None:
    """Pause a partition. Raises the store's errors."""
    async with ready_store(settings) as store:
        await store.write(partitions.pause_partition, PartitionKey(settings.group, topic, partition), reason)


async def resume_partition(settings: Settings, topic: str, partition: int) -> None:
    """Resume a paused partition. Raises the store's errors."""
    async with ready_store(settings) as store:
        await store.write(partitions.resume_partition, PartitionKey(settings.group, topic, partition))


async def _log_offsets(store: Store, settings: Settings, topic: str, partition: int) -> LogOffsets:
    for status in await read_status(store, Connection.of(settings), settings.group, [topic]):
        if status.partition == partition:
            return LogOffsets(status.start, status.end)
    raise UsageError(f"Topic {topic!r} has no partition {partition}.")


def _offset(to: str, log_offsets: LogOffsets) -> int:
    named = {"start": log_offsets.start, "end": log_offsets.end}
    if to in named:
        return named[to]
    if not to.isdecimal() or not log_offsets.start <= int(to) <= log_offsets.end:
        raise UsageError(
            f"Invalid offset {to!r}. Use start, end, or an offset from {log_offsets.start} to {log_offsets.end}."
        )
    return int(to)
