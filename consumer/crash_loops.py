"""Crash loops: how often consumers ended at a partition's stored offset before they stored anything.

A record can end the process that reads it, for example by its decompressed size, and the next consumer starts at that
record again. Each start is counted in the partition's row before anything is read, and taken back by a consumer that
leaves cleanly; the offset of the count says whether anything was stored since, so that batches need not clear it.
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

# A crash ends all partitions of a consumer: from so many on each is tried alone, to find the one that causes it.
SUSPICIOUS_STARTS = 3
# Kills during a deployment or an outage of the database rarely hit a partition twice in a row without progress.
MOST_STARTS = 5
# Tried record by record, each stored before the next is read, so that the stored offset ends at the record that kills.
# A consumer reads a few batches ahead of the stored offset; this is more.
ISOLATED_RECORDS = 2_000


@dataclass(frozen=True, slots=True)
class Behind:
    """A partition with records to read: its row, and the end of its log."""

    state: PartitionState
    end: int


@dataclass(frozen=True, slots=True)
class _Isolation:
    partition: TopicPartition
    until: int


class CrashLoops:
    """Counts this consumer's starts and chooses the partitions that it may read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: dict[PartitionKey, int] = {}
        self._isolation: _Isolation | None = None

    def pause_reason(self, state: PartitionState) -> str | None:
        """The reason to pause a partition with records to read; None to read it."""
        failed = self._failed(state)
        if failed < MOST_STARTS:
            return None
        topic, number, offset = state.partition.topic, state.partition.partition, state.next_offset
        return (
            f"{failed} consumers ended at offset {offset} before they stored anything: see how they ended and how much "
            f"memory they may use, then `liuyan consumer resume {topic} {number}`, or skip the record with "
            f"`liuyan consumer seek {topic} {number} --to {offset + 1}`"
        )

    async def admit(
        self, waiting: Mapping[TopicPartition, Behind], reading: frozenset[TopicPartition]
    ) -> set[TopicPartition]:
        """Choose from partitions that wait with records to read, and count their start; ``reading`` are read already.

        A suspicious partition is admitted alone: the others wait until its trial ends, so that they neither slow it
        down nor can be blamed for its crash. Raises TransientStoreError and CommitUnknownError.
        """
        if self._isolation is not None and self._isolation.partition not in reading:
            self._isolation = None
        suspects = sorted(tp for tp, one in waiting.items() if self._failed(one.state) >= SUSPICIOUS_STARTS)
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
        """A partition is stored up to an offset: a trial ends behind the records that may cause the crash."""
        if self._isolation is not None and self._isolation.partition == partition and offset >= self._isolation.until:
            log.info("the suspicious records are stored", topic=partition.topic, partition=partition.partition)
            self._isolation = None

    @property
    def isolating(self) -> bool:
        """Whether a suspicious partition is read: record by record, each stored before the next is read."""
        return self._isolation is not None

    async def leave(self) -> None:
        """Take this consumer's starts back: it leaves cleanly. Without a database they remain counted."""
        counted, self._counted = self._counted, {}
        self._isolation = None
        if counted:
            try:
                await self._store.write(uncount_starts, counted)
            except (TransientStoreError, CommitUnknownError) as error:
                log.warning("starts cannot be taken back", error=str(error))

    def _isolate(self, partition: TopicPartition, one: Behind) -> None:
        offset = one.state.next_offset
        self._isolation = _Isolation(partition, min(one.end, offset + ISOLATED_RECORDS))
        log.warning(
            "consumers ended here before, reading record by record",
            topic=partition.topic,
            partition=partition.partition,
            offset=offset,
            starts=self._failed(one.state),
        )

    def _failed(self, state: PartitionState) -> int:
        ours = self._counted.get(state.partition) == state.next_offset
        return max(0, state.failed_starts - ours)
