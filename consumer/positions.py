"""Before step 1: where each assigned partition begins, by the database's row and the log's edges.

Kafka's own committed offsets are never asked. What cannot be right stops the partition with the command that mends it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition

from consumer.metrics import ConsumerMetrics
from consumer.source import LogEdges, Source
from consumer.starts import Behind, Starts
from consumer.topics import Topics
from store.batch import Advance, Batch, PartitionKey, PartitionState
from store.partitions import begin_partition, pause_partition, read_positions, seek_partition
from store.store import Store
from store.write import write_batch

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """Read the partition from ``offset`` on."""

    offset: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Retention overtook the consumer: ``lost`` records are gone, go on at ``offset``."""

    offset: int
    lost: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Read nothing; ``stored`` says whether the reason stands in the partition's row already."""

    reason: str
    stored: bool


def where_to_begin(state: PartitionState, edges: LogEdges, topic_id: str | None) -> Run | Jump | Stop:
    """Decide what to do with a partition; ``topic_id`` is None when the broker does not tell."""
    topic, partition = state.partition.topic, state.partition.partition
    mend = f"look at the topic, then `liuyan consumer seek {topic} {partition} --to start`"
    if state.paused_reason is not None:
        return Stop(state.paused_reason, stored=True)
    if state.topic_id is not None and topic_id is not None and topic_id != state.topic_id:
        return Stop(
            f"topic made anew: {topic} has another id than the one that was read up to now; {mend}", stored=False
        )
    if state.next_offset > edges.end:
        return Stop(
            f"topic made anew: the stored offset {state.next_offset} is beyond the end of the log, {edges.end}; {mend}",
            stored=False,
        )
    if state.next_offset < edges.start:
        return Jump(edges.start, edges.start - state.next_offset)
    return Run(state.next_offset)


class Positions:
    """Takes every assigned partition to where the database says that it stands."""

    def __init__(
        self, store: Store, source: Source, topics: Topics, *, group: str, model: int, metrics: ConsumerMetrics
    ) -> None:
        self._store = store
        self._source = source
        self._topics = topics
        self.starts = Starts(store)
        self._group = group
        self._model = model
        self._metrics = metrics
        self._ids: dict[str, str] = {}
        self._beyond_end: dict[TopicPartition, int] = {}

    async def take_up(self, epoch: int) -> Mapping[TopicPartition, int]:
        """Seek the partitions that wait for it; partition -> offset of those that run. One try: the caller repeats.

        Nothing is sought once another than the caller's ``epoch`` has begun, since the caller would not know of it.

        Raises TransientStoreError, FencedError (another consumer is ahead of us) and KafkaError.
        """
        partitions = self._source.assigned - self._source.sought
        names = sorted({partition.topic for partition in partitions})
        self._ids |= await self._topics.ids(names)
        edges = await self._source.edges(partitions)
        states = await self._states(partitions, edges)
        running: dict[TopicPartition, int] = {}
        stopped: dict[TopicPartition, str] = {}
        behind: dict[TopicPartition, Behind] = {}
        for partition, state in states.items():
            match await self._settle(partition, state, edges[partition]):
                case int(offset):
                    running[partition] = offset
                    if offset == state.next_offset < edges[partition].end:
                        behind[partition] = Behind(state, edges[partition].end)
                case str(reason):
                    stopped[partition] = reason
        admitted = await self.starts.admit(behind, self._source.sought)
        for partition in behind.keys() - admitted:
            del running[partition]
        if epoch != self._source.epoch:
            return {}
        for partition, offset in running.items():
            self._source.seek(partition, offset)
        for partition in states.keys() - running.keys():
            self._source.park(partition, states[partition].next_offset)
        for partition, reason in stopped.items():
            self._source.stop_partition(partition, reason)
        return running

    async def changed_ids(self, names: Sequence[str]) -> bool:
        """Whether a topic has another id than when its positions were taken."""
        ids = await self._topics.ids(names)
        changed = {topic for topic, topic_id in ids.items() if self._ids.get(topic, topic_id) != topic_id}
        return bool(changed)

    async def _states(
        self, partitions: frozenset[TopicPartition], edges: Mapping[TopicPartition, LogEdges]
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
                state = await self._store.write(begin_partition, key, edges[partition].start, topic_id)
            elif state.topic_id is None and topic_id is not None and state.paused_reason is None:
                state = await self._store.write(seek_partition, state.partition, state.next_offset, topic_id)
            states[partition] = state
        return states

    async def _settle(self, partition: TopicPartition, state: PartitionState, edges: LogEdges) -> int | str | None:
        """Carry a decision out; the offset to read from, why the partition is paused, or None to decide later."""
        labels = (partition.topic, str(partition.partition))
        decision = where_to_begin(state, edges, self._ids.get(partition.topic))
        if isinstance(decision, Run) and state.next_offset < edges.end:
            too_many = self.starts.too_many(state)
            decision = decision if too_many is None else Stop(too_many, stored=False)
        beyond_end = state.next_offset > edges.end and isinstance(decision, Stop) and not decision.stored
        if beyond_end and self._beyond_end.setdefault(partition, 0) < 3:
            # A broker that has just come back may tell an old end for a moment: believe it the third time.
            self._beyond_end[partition] += 1
            return None
        self._beyond_end.pop(partition, None)
        self._metrics.paused.labels(*labels).set(isinstance(decision, Stop))
        match decision:
            case Run(offset):
                return offset
            case Jump(offset, lost):
                await self._jump(state, offset, lost)
                return offset
            case Stop(reason, stored):
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
