"""Before step 1: where each assigned partition begins, by the database's row and the log's log_offsets.

Kafka's own committed offsets are never asked. What cannot be right stops the partition with the command that mends it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition

from consumer.crash_loops import Behind, CrashLoops
from consumer.metrics import ConsumerMetrics
from consumer.source import LogOffsets, Source
from consumer.topics import Topics
from store.batch import Advance, Batch, PartitionKey, PartitionState
from store.partitions import begin_partition, pause_partition, read_positions, seek_partition
from store.store import Store
from store.write import write_batch

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartAt:
    """Read the partition from ``offset`` on."""

    offset: int


@dataclass(frozen=True, slots=True)
class SkipTo:
    """Retention overtook the consumer: ``lost`` records are gone, go on at ``offset``."""

    offset: int
    lost: int


@dataclass(frozen=True, slots=True)
class PauseAt:
    """Read nothing; ``stored`` says whether the reason stands in the partition's row already."""

    reason: str
    stored: bool


def decide_start(state: PartitionState, log_offsets: LogOffsets, topic_id: str | None) -> StartAt | SkipTo | PauseAt:
    """Decide what to do with a partition; ``topic_id`` is None when the broker does not tell."""
    topic, partition = state.partition.topic, state.partition.partition
    mend = f"look at the topic, then `liuyan consumer seek {topic} {partition} --to start`"
    if state.paused_reason is not None:
        return PauseAt(state.paused_reason, stored=True)
    if state.topic_id is not None and topic_id is not None and topic_id != state.topic_id:
        return PauseAt(
            f"topic recreated: {topic} has another id than the one that was read up to now; {mend}", stored=False
        )
    if state.next_offset > log_offsets.end:
        return PauseAt(
            f"topic recreated: the stored offset {state.next_offset} is beyond the end of the log, {log_offsets.end}; "
            f"{mend}",
            stored=False,
        )
    if state.next_offset < log_offsets.start:
        return SkipTo(log_offsets.start, log_offsets.start - state.next_offset)
    return StartAt(state.next_offset)


class Offsets:
    """Takes every assigned partition to where the database says that it stands."""

    def __init__(
        self, store: Store, source: Source, topics: Topics, *, group: str, model: int, metrics: ConsumerMetrics
    ) -> None:
        self._store = store
        self._source = source
        self._topics = topics
        self.crash_loops = CrashLoops(store)
        self._group = group
        self._model = model
        self._metrics = metrics
        self._ids: dict[str, str] = {}
        self._beyond_end: dict[TopicPartition, int] = {}

    async def start_partitions(self, epoch: int) -> Mapping[TopicPartition, int]:
        """Seek the partitions that wait for it; partition -> offset of those that run. One try: the caller repeats.

        Nothing is sought once another than the caller's ``epoch`` has begun, since the caller would not know of it.

        Raises TransientStoreError, FencedError (another consumer is ahead of us) and KafkaError.
        """
        partitions = self._source.assigned - self._source.positioned
        names = sorted({partition.topic for partition in partitions})
        self._ids |= await self._topics.ids(names)
        log_offsets = await self._source.log_offsets(partitions)
        states = await self._states(partitions, log_offsets)
        running: dict[TopicPartition, int] = {}
        stopped: dict[TopicPartition, str] = {}
        behind: dict[TopicPartition, Behind] = {}
        for partition, state in states.items():
            match await self._resolve(partition, state, log_offsets[partition]):
                case int(offset):
                    running[partition] = offset
                    if offset == state.next_offset < log_offsets[partition].end:
                        behind[partition] = Behind(state, log_offsets[partition].end)
                case str(reason):
                    stopped[partition] = reason
        admitted = await self.crash_loops.admit(behind, self._source.positioned)
        for partition in behind.keys() - admitted:
            del running[partition]
        if epoch != self._source.epoch:
            return {}
        for partition, offset in running.items():
            self._source.seek(partition, offset)
        for partition in states.keys() - running.keys():
            self._source.seek_paused(partition, states[partition].next_offset)
        for partition, reason in stopped.items():
            self._source.pause(partition, reason)
        return running

    async def any_recreated(self, names: Sequence[str]) -> bool:
        """Whether a topic has another id than when its positions were taken."""
        ids = await self._topics.ids(names)
        changed = {topic for topic, topic_id in ids.items() if self._ids.get(topic, topic_id) != topic_id}
        return bool(changed)

    async def _states(
        self, partitions: frozenset[TopicPartition], log_offsets: Mapping[TopicPartition, LogOffsets]
    ) -> dict[TopicPartition, PartitionState]:
        """The stored rows; a partition that was never seen begins at its log's start."""
        stored = await self._store.read(
            read_positions, self._group, sorted({partition.topic for partition in partitions})
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

    async def _resolve(
        self, partition: TopicPartition, state: PartitionState, log_offsets: LogOffsets
    ) -> int | str | None:
        """Carry a decision out; the offset to read from, why the partition is paused, or None to decide later."""
        labels = (partition.topic, str(partition.partition))
        decision = decide_start(state, log_offsets, self._ids.get(partition.topic))
        if isinstance(decision, StartAt) and state.next_offset < log_offsets.end:
            too_many = self.crash_loops.pause_reason(state)
            decision = decision if too_many is None else PauseAt(too_many, stored=False)
        beyond_end = state.next_offset > log_offsets.end and isinstance(decision, PauseAt) and not decision.stored
        if beyond_end and self._beyond_end.setdefault(partition, 0) < 3:
            # A broker that has just come back may tell an old end for a moment: believe it the third time.
            self._beyond_end[partition] += 1
            return None
        self._beyond_end.pop(partition, None)
        self._metrics.paused.labels(*labels).set(isinstance(decision, PauseAt))
        match decision:
            case StartAt(offset):
                return offset
            case SkipTo(offset, lost):
                await self._jump(state, offset, lost)
                return offset
            case PauseAt(reason, stored):
                if not stored:
                    await self._store.write(pause_partition, state.partition, reason)
                log.error("partition stands still", topic=labels[0], partition=labels[1], reason=reason)
                return reason

    async def _jump(self, state: PartitionState, offset: int, lost: int) -> None:
        advance = Advance(state.partition, expected=state.next_offset, next_offset=offset, records_lost=lost)
        await self._store.write(write_batch, Batch(self._model, [advance]))
        self._metrics.records_lost.inc(lost)
        log.error(
            "retention removed records before they were read",
            topic=state.partition.topic,
            partition=state.partition.partition,
            records_lost=lost,
        )
