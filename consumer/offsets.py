"""Before step 1: choose the offset at which each assigned partition starts, from its stored row and
Kafka's log.

Kafka's committed offsets are never used. An impossible stored offset pauses the partition with a reason that names
the command to run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition

from consumer.crash_loops import Backlog, CrashLoops
from consumer.metrics import ConsumerMetrics
from consumer.source import LogOffsets, Source
from consumer.topics import Topics
from store.batch import NO_MODEL, Advance, Batch, PartitionKey, PartitionState
from store.partitions import begin_partition, pause_partition, read_partitions, seek_partition
from store.store import Store
from store.write import write_batch

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartAt:
    """Read the partition from ``offset``."""

    offset: int


@dataclass(frozen=True, slots=True)
class SkipTo:
    """Continue at ``offset``, because retention removed ``lost`` records before they were read."""

    offset: int
    lost: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause the partition; ``stored`` is true if its row already has the reason."""

    reason: str
    stored: bool


def decide_start(state: PartitionState, log_offsets: LogOffsets, topic_id: str | None) -> StartAt | SkipTo | Pause:
    """Decide how to start a partition; ``topic_id`` is None if the broker does not report it."""
    topic, partition = state.partition.topic, state.partition.partition
    action = f"check the topic, then `liuyan consumer seek {topic} {partition} --to start`"
    if state.paused_reason is not None:
        return Pause(state.paused_reason, stored=True)
    if state.topic_id is not None and topic_id is not None and topic_id != state.topic_id:
        return Pause(
            f"topic recreated: the id of {topic} is not the one stored with the offset; {action}", stored=False
        )
    if state.next_offset > log_offsets.end:
        return Pause(
            f"topic recreated: the stored offset {state.next_offset} is beyond the end offset {log_offsets.end}; "
            f"{action}",
            stored=False,
        )
    if state.next_offset < log_offsets.start:
        return SkipTo(log_offsets.start, log_offsets.start - state.next_offset)
    return StartAt(state.next_offset)


class Offsets:
    """Seek assigned partitions to their stored offsets."""

    def __init__(self, store: Store, source: Source, topics: Topics, *, group: str, metrics: ConsumerMetrics) -> None:
        self._store = store
        self._source = source
        self._topics = topics
        self.crash_loops = CrashLoops(store)
        self._group = group
        self._metrics = metrics
        self._ids: dict[str, str] = {}
        self._beyond_end: dict[TopicPartition, int] = {}

    async def start_partitions(self, epoch: int) -> Mapping[TopicPartition, int]:
        """Start assigned partitions and return the offsets of those that run now. The caller retries after an error.

        Seeks nothing if a new epoch has begun since the caller read ``epoch``.

        Raises TransientStoreError, FencedError (another consumer has advanced a partition), KafkaError and
        ErasureKeyError: the consumer that had a partition before may have recorded erasures with a newer key.
        """
        await self._store.require_erasure_keys()
        partitions = self._source.assigned - self._source.positioned
        names = sorted({partition.topic for partition in partitions})
        self._ids |= await self._topics.ids(names)
        log_offsets = await self._source.log_offsets(partitions)
        states = await self._read_or_insert_states(partitions, log_offsets)
        running: dict[TopicPartition, int] = {}
        paused: dict[TopicPartition, str] = {}
        backlogs: dict[TopicPartition, Backlog] = {}
        for partition, state in states.items():
            match await self._apply_start(partition, state, log_offsets[partition]):
                case int(offset):
                    running[partition] = offset
                    if offset == state.next_offset < log_offsets[partition].end:
                        backlogs[partition] = Backlog(state, log_offsets[partition].end)
                case str(reason):
                    paused[partition] = reason
        admitted = await self.crash_loops.admit(backlogs, self._source.positioned)
        for partition in backlogs.keys() - admitted:
            del running[partition]
        if epoch != self._source.epoch:
            return {}
        for partition, offset in running.items():
            self._source.seek(partition, offset)
        for partition in states.keys() - running.keys():
            self._source.seek_paused(partition, states[partition].next_offset)
        for partition, reason in paused.items():
            self._source.pause(partition, reason)
        return running

    async def any_recreated(self, names: Sequence[str]) -> bool:
        """Return whether a topic's id differs from the one at the time its partitions were started."""
        ids = await self._topics.ids(names)
        changed = {topic for topic, topic_id in ids.items() if self._ids.get(topic, topic_id) != topic_id}
        return bool(changed)

    async def _read_or_insert_states(
        self, partitions: frozenset[TopicPartition], log_offsets: Mapping[TopicPartition, LogOffsets]
    ) -> dict[TopicPartition, PartitionState]:
        """Return the stored rows; insert one at the log start offset for a new partition and add missing topic ids."""
        stored = await self._store.read(
            read_partitions, self._group, sorted({partition.topic for partition in partitions})
        )
        states = {}
        for partition in sorted(partitions):
            state = stored.get((partition.topic, partition.partition))
            topic_id = self._ids.get(partition.topic)
            if state is None:
                key = PartitionKey(self._group, partition.topic, partition.partition)
                state = await self._store.write(begin_partition, key, log_offsets[partition].start, topic_id)
            elif state.topic_id is None and topic_id is not None and state.paused_reason is None:
                state = await self._store.write(seek_partition, state.partition, state.next_offset, topic_id)
            states[partition] = state
        return states

    async def _apply_start(
        self, partition: TopicPartition, state: PartitionState, log_offsets: LogOffsets
    ) -> int | str | None:
        """Apply ``decide_start``; return the start offset, the reason of a pause, or None to try again later."""
        decision = decide_start(state, log_offsets, self._ids.get(partition.topic))
        if isinstance(decision, StartAt) and state.next_offset < log_offsets.end:
            crash_loop = self.crash_loops.pause_reason(state)
            decision = decision if crash_loop is None else Pause(crash_loop, stored=False)
        beyond_end = state.next_offset > log_offsets.end and isinstance(decision, Pause) and not decision.stored
        if beyond_end and self._beyond_end.setdefault(partition, 0) < 3:
            # A broker that has just restarted may briefly report an old end offset, so try again three times.
            self._beyond_end[partition] += 1
            return None
        self._beyond_end.pop(partition, None)
        reason = decision.reason if isinstance(decision, Pause) else None
        self._metrics.set_paused(partition.topic, partition.partition, reason)
        match decision:
            case StartAt(offset):
                return offset
            case SkipTo(offset, lost):
                await self._skip(state, offset, lost)
                return offset
            case Pause(reason, stored):
                if not stored:
                    await self._store.write(pause_partition, state.partition, reason)
                log.error("partition is paused", topic=partition.topic, partition=partition.partition, reason=reason)
                return reason

    async def _skip(self, state: PartitionState, offset: int, lost: int) -> None:
        advance = Advance(state.partition, expected=state.next_offset, next_offset=offset, records_lost=lost)
        await self._store.write(write_batch, Batch(NO_MODEL, [advance]))
        self._metrics.records_lost.inc(lost)
        log.error(
            "retention removed records before they were read",
            topic=state.partition.topic,
            partition=state.partition.partition,
            records_lost=lost,
        )
