"""Decide which partitions a replay reads, from which offset up to the live group's stored one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from consumer.connection import Connection, stop_client
from consumer.status import status_consumer
from consumer.topics import BrokerError, TopicError, Topics
from consumer.unreadable import broker_fault
from store.batch import PartitionState
from store.partitions import read_partitions
from store.relabel_parts import LogPart
from store.relabel_runs import Range
from store.store import Store


@dataclass(frozen=True, slots=True)
class Plan:
    """Partitions to read; retention has removed ``expired`` records of them that the live group has read."""

    parts: Sequence[LogPart]
    expired: int = 0

    @property
    def records(self) -> int:
        """The number of offsets to read."""
        return sum((part.end_position or part.next_position) - part.next_position for part in self.parts)


async def plan_log(store: Store, connection: Connection, group: str, covered: Range) -> Plan:
    """Plan the log pass of ``covered``.

    Raises TopicError if a topic does not exist or was recreated, BrokerError and the store's errors.
    """
    admin = Topics(connection)
    for topic in covered.topics:
        await admin.partitions(topic)
    ids = await admin.ids(covered.topics)
    rows = await store.read(read_partitions, group, covered.topics)
    states = {TopicPartition(*key): state for key, state in sorted(rows.items())}
    for (topic, _), state in rows.items():
        check_same_topic(topic, state.topic_id, ids)
    if not states:
        return Plan(())
    consumer = status_consumer(connection)
    try:
        await consumer.start()
        return await _plan(consumer, states, ids, covered)
    except KafkaError as error:
        raise BrokerError(broker_fault(connection.bootstrap, error)) from None
    finally:
        await stop_client(consumer)


async def _plan(
    consumer: AIOKafkaConsumer,
    states: Mapping[TopicPartition, PartitionState],
    ids: Mapping[str, str],
    covered: Range,
) -> Plan:
    starts = await consumer.beginning_offsets(list(states))
    log_ends = await consumer.end_offsets(list(states))
    begins: dict[TopicPartition, int] = dict(starts)
    # A broker without topic ids is the embedded one, which finds no offsets by time; records are filtered anyway.
    if covered.since is not None and ids:
        milliseconds = int(covered.since.timestamp() * 1000)
        found = await consumer.offsets_for_times(dict.fromkeys(states, milliseconds))
        for partition in states:
            at = found.get(partition)
            begins[partition] = log_ends[partition] if at is None else at.offset
    parts = []
    for partition, state in states.items():
        if state.next_offset > log_ends[partition]:
            raise recreated(partition.topic)
        if begins[partition] < state.next_offset:
            topic_id = state.topic_id or ids.get(partition.topic)
            parts.append(LogPart(partition.topic, partition.partition, topic_id, begins[partition], state.next_offset))
    expired = sum(min(starts[tp], state.next_offset) for tp, state in states.items()) if covered.since is None else 0
    return Plan(parts, expired)


def check_same_topic(topic: str, stored_id: str | None, ids: Mapping[str, str]) -> None:
    """Raise TopicError if the stored id of a topic is not its present one."""
    if stored_id is not None and ids.get(topic, stored_id) != stored_id:
        raise recreated(topic)


def recreated(topic: str) -> TopicError:
    """Return the error for a topic that was deleted and created again."""
    return TopicError(
        f"Topic {topic!r} was recreated: the stored offsets do not apply to it. Continue live consumption with "
        f"`liuyan consumer seek {topic} PARTITION --to start`. To label the stored comments, use --store-only."
    )
