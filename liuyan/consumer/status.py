"""`liuyan consumer status`: how far the database is in each partition, and how far Kafka."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from liuyan.consumer.connection import Connection
from liuyan.consumer.topics import BrokerError, Topics
from liuyan.store.batch import PartitionState
from liuyan.store.store import Store

WAIT_FOR_RECORDS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition: offsets, records not stored yet, and the age in seconds of the first of them.

    ``stored`` and ``lag`` are None while no consumer has begun; ``lag_seconds`` is None when it cannot be told.
    """

    topic: str
    partition: int
    stored: int | None
    start: int
    end: int
    lag: int | None
    lag_seconds: float | None
    records_lost: int
    paused: str | None


async def read_status(store: Store, connection: Connection, group: str, topics: Sequence[str]) -> list[PartitionStatus]:
    """The state of every partition of the topics. Raises BrokerError, TopicError and the store's errors."""
    stored = await store.positions(group, topics)
    counts = {topic: await Topics(connection).partitions(topic) for topic in topics}
    partitions = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
    consumer = AIOKafkaConsumer(
        **connection.aiokafka(), isolation_level="read_committed", auto_offset_reset="earliest", group_id=None
    )
    try:
        await consumer.start()
        return await _read(consumer, partitions, stored)
    except KafkaError as error:
        raise BrokerError(f"Kafka at {connection.bootstrap} does not answer ({error}): is it running?") from None
    finally:
        await consumer.stop()


async def _read(
    consumer: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    stored: Mapping[tuple[str, int], PartitionState],
) -> list[PartitionStatus]:
    starts = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    states = {tp: stored.get((tp.topic, tp.partition)) for tp in partitions}
    behind = {tp: state.next_offset for tp, state in states.items() if state and state.next_offset < ends[tp]}
    ages = await _ages(consumer, {tp: max(offset, starts[tp]) for tp, offset in behind.items()})
    return [_status(tp, states[tp], starts[tp], ends[tp], ages.get(tp)) for tp in partitions]


def _status(
    tp: TopicPartition, state: PartitionState | None, start: int, end: int, age: float | None
) -> PartitionStatus:
    lag = max(0, end - state.next_offset) if state is not None else None
    return PartitionStatus(
        topic=tp.topic,
        partition=tp.partition,
        stored=state.next_offset if state is not None else None,
        start=start,
        end=end,
        lag=lag,
        lag_seconds=0.0 if lag == 0 else age,
        records_lost=state.records_lost if state is not None else 0,
        paused=state.paused_reason if state is not None else None,
    )


async def _ages(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, float]:
    """Seconds since the timestamp of the first record at or behind each offset."""
    if not offsets:
        return {}
    consumer.assign(list(offsets))
    for partition, offset in offsets.items():
        consumer.seek(partition, offset)
    ages: dict[TopicPartition, float] = {}
    deadline = time.monotonic() + WAIT_FOR_RECORDS_SECONDS
    while len(ages) < len(offsets) and time.monotonic() < deadline:
        # One record of each partition is enough: ask only for those that have not answered.
        missing = [partition for partition in offsets if partition not in ages]
        for partition, records in (await consumer.getmany(*missing, timeout_ms=200)).items():
            ages[partition] = max(0.0, time.time() - records[0].timestamp / 1000)
    return ages


def total_lag(statuses: Iterable[PartitionStatus]) -> int:
    """Records that are not stored yet, partitions that nobody has begun counted whole."""
    return sum(status.lag if status.lag is not None else status.end - status.start for status in statuses)
