"""Find the next readable offset after an unreadable record, so that a person can skip exactly the damage.

A damaged Kafka batch fails at each of its offsets and aiokafka does not report its end, so a second consumer tries
each offset.
"""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from consumer.connection import Connection, stop_client
from consumer.unreadable import UNREADABLE

# The main consumer reads nothing during the search. A batch of a thousand records takes about this long.
SEARCH_SECONDS = 5.0
# An offset counts as readable if nothing arrives within this time: there are only aborted transactions or the end.
ANSWER_SECONDS = 1.0


async def next_readable(connection: Connection, partition: TopicPartition, offset: int) -> int:
    """Return the first readable offset after ``offset``, or the last one tried if the search ends early.

    Offsets are tried one by one, because jumping ahead could skip readable records between two damaged batches.
    """
    deadline = asyncio.get_running_loop().time() + SEARCH_SECONDS
    consumer = AIOKafkaConsumer(
        **connection.aiokafka(), isolation_level="read_committed", group_id=None, max_partition_fetch_bytes=1
    )
    offset += 1
    try:
        await consumer.start()
        consumer.assign([partition])
        while asyncio.get_running_loop().time() < deadline and not await _readable(consumer, partition, offset):
            offset += 1
    except KafkaError:
        return offset  # A lower bound: the partition pauses there again.
    finally:
        await stop_client(consumer)
    return offset


async def _readable(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> bool:
    consumer.seek(partition, offset)
    try:
        await consumer.getmany(partition, timeout_ms=int(ANSWER_SECONDS * 1000), max_records=1)
    except UNREADABLE:
        return False
    return True
