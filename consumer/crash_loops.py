"""Detect crash loops: consumers that end repeatedly at the same stored offset.

A record can crash the process that reads it, for example by its decompressed size, and the next consumer starts at
that record again. Each start is counted in the partition's row before reading, together with the offset, and a
consumer that stops cleanly removes its count. A count at an earlier offset is obsolete, so batches need not clear it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition

from store.batch import PartitionKey, PartitionState
from store.errors import CommitUnknownError, TransientStoreError
from store.partitions import count_starts, uncount_starts
from store.store import Store

log = structlog.get_logger(__name__)

# A crash affects all partitions of a consumer. From this count on, each is read in isolation to find the cause.
SUSPICIOUS_STARTS = 3
# Kills during a deployment or a database outage rarely hit a partition twice in a row without progress.
MAXIMUM_STARTS = 5
# Number of records read one by one, each stored before the next is read, so that the stored offset stops at the record
# that crashes the consumer. More than a consumer reads ahead of the stored offset.
ISOLATED_RECORDS = 2_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """A partition with records to read: its row and its end offset."""

    state: PartitionState
    end: int


@dataclass(frozen=True, slots=True)
class _Isolation:
    partition: TopicPartition
    until: int


class CrashLoops:
    """Count this consumer's starts and choose the partitions that it may read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: dict[PartitionKey, int] = {}
        self._isolation: _Isolation | None = None

    def pause_reason(self, state: PartitionState) -> str | None:
        """Return the reason to pause a partition that has records to read, or None."""
        failed = self._failed_starts(state)
        if failed < MAXIMUM_STARTS:
            return None
        topic, number, offset = state.partition.topic, state.partition.partition, state.next_offset
        return (
            f"crash loop: {failed} consumers ended at offset {offset} without storing anything; check their logs and "
            f"memory limit, then `liuyan consumer resume {topic} {number}`, or skip the record with "
            f"`liuyan consumer seek {topic} {number} --to {offset + 1}`"
        )

    async def admit(
        self, waiting: Mapping[TopicPartition, Backlog], reading: frozenset[TopicPartition]
    ) -> set[TopicPartition]:
        """Choose which waiting partitions to start and count their starts. ``reading`` are those already started.

        A suspicious partition is admitted alone. The others wait until its isolation ends, so that they neither slow it
        down nor are blamed for its crash. Raises TransientStoreError and CommitUnknownError.
        """
        if self._isolation is not None and self._isolation.partition not in reading:
            self._isolation = None
        suspects = sorted(tp for tp, one in waiting.items() if self._failed_starts(one.state) >= SUSPICIOUS_STARTS)
        admitted = set(waiting) if self._isolation is None else set()
        if suspects and self._isolation is None:
            self._isolate(suspects[0], waiting[suspects[0]])
            admitted = {suspects[0]}
        states = [waiting[partition].state for partition in sorted(admitted)]
        uncounted = [state for state in states if self._counted.get(state.partition) != state.next_offset]
        if uncounted:
            await self._store.write(count_starts, uncounted)
            self._counted |= {state.partition: state.next_offset for state in uncounted}
        return admitted

    def stored(self, partition: TopicPartition, offset: int) -> None:
        """Record a partition's stored offset. Isolation ends after the records that may cause the crash."""
        if self._isolation is not None and self._isolation.partition == partition and offset >= self._isolation.until:
            log.info("the suspicious records are stored", topic=partition.topic, partition=partition.partition)
            self._isolation = None

    @property
    def isolating(self) -> bool:
        """Whether a suspicious partition is being read record by record, each stored before the next is read."""
        return self._isolation is not None

    async def leave(self) -> None:
        """Remove this consumer's starts, because it stops cleanly. They stay counted if the database is unavailable."""
        counted, self._counted = self._counted, {}
        self._isolation = None
        if counted:
            try:
                await self._store.write(uncount_starts, counted)
            except (TransientStoreError, CommitUnknownError) as error:
                log.warning("cannot remove the counted starts", error=str(error))

    def _isolate(self, partition: TopicPartition, backlog: Backlog) -> None:
        offset = backlog.state.next_offset
        self._isolation = _Isolation(partition, min(backlog.end, offset + ISOLATED_RECORDS))
        log.warning(
            "earlier consumers crashed at this offset, reading record by record",
            topic=partition.topic,
            partition=partition.partition,
            offset=offset,
            starts=self._failed_starts(backlog.state),
        )

    def _failed_starts(self, state: PartitionState) -> int:
        own = self._counted.get(state.partition) == state.next_offset
        return max(0, state.failed_starts - own)
