"""`liuyan consumer status`: stored offset, end offset and lag of each partition."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from consumer.connection import Connection, stop_client
from consumer.topics import BrokerError, Topics
from consumer.unreadable import UNREADABLE, broker_fault
from store.batch import PartitionState
from store.partitions import read_partitions
from store.store import Store

WAIT_FOR_RECORDS_SECONDS = 3.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """Offsets and lag of a partition. ``lag_seconds`` is the age of the first record that is not stored.

    ``stored`` and ``lag`` are None before a consumer has started the partition; ``lag_seconds`` is None if unknown, for
    example because that record cannot be read.
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
    """Return the status of every partition of the topics. Raises BrokerError, TopicError and the store's errors."""
    stored = await store.read(read_partitions, group, topics)
    counts = {topic: await Topics(connection).partitions(topic) for topic in topics}
    partitions = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
    consumer = status_consumer(connection)
    try:
        await consumer.start()
        return await read_statuses(consumer, partitions, stored)
    except KafkaError as error:
        raise BrokerError(broker_fault(connection.bootstrap, error)) from None
    finally:
        await stop_client(consumer)


def status_consumer(connection: Connection) -> AIOKafkaConsumer:
    """Create a client for ``read_statuses``, which the caller starts and stops."""
    return AIOKafkaConsumer(
        **connection.aiokafka(),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        group_id=None,
        max_partition_fetch_bytes=1,  # Kafka still returns the first batch, which is enough.
    )


async def read_statuses(
    consumer: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    stored: Mapping[tuple[str, int], PartitionState],
) -> list[PartitionStatus]:
    """Return the status of these partitions, given their stored rows. Raises KafkaError."""
    starts = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    states = {tp: stored.get((tp.topic, tp.partition)) for tp in partitions}
    lagging = {tp: state.next_offset for tp, state in states.items() if state and state.next_offset < ends[tp]}
    ages = await _ages(consumer, {tp: max(offset, starts[tp]) for tp, offset in lagging.items()})
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
    """Return the seconds since the timestamp of the first record at or after each offset."""
    if not offsets:
        return {}
    consumer.assign(list(offsets))
    for partition, offset in offsets.items():
        consumer.seek(partition, offset)
    ages: dict[TopicPartition, float] = {}
    missing = list(offsets)
    deadline = time.monotonic() + WAIT_FOR_RECORDS_SECONDS
    while missing and time.monotonic() < deadline:
        for partition in tuple(missing):
            # One partition and one record at a time, so that an error does not hide another partition's record.
            try:
                fetched = await consumer.getmany(partition, timeout_ms=0, max_records=1)
            except UNREADABLE:
                missing.remove(partition)
                continue
            for record in fetched.get(partition, ()):
                ages[partition] = max(0.0, time.time() - record.timestamp / 1000)
                missing.remove(partition)
        if missing:
            await asyncio.sleep(POLL_SECONDS)
    return ages


def total_lag(statuses: Iterable[PartitionStatus]) -> int:
    """Return the sum of all lags; a partition that was never started counts with all its records."""
    return sum(status.lag if status.lag is not None else status.end - status.start for status in statuses)
