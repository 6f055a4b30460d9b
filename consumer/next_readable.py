"""Where a partition can be read again behind a record that cannot be read, so that a person can skip exactly that.

A damaged batch fails at each of its offsets and aiokafka does not say where it ends: a second consumer tries them.
"""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from consumer.connection import Connection
from consumer.unreadable import UNREADABLE

# The consumer reads nothing meanwhile; a batch of a thousand records takes about this long.
SEARCH_SECONDS = 5.0
# Without a record for so long there is none to fetch: aborted transactions and the end of the log are readable.
ANSWER_SECONDS = 1.0


async def next_readable(connection: Connection, partition: TopicPartition, offset: int) -> int:
    """The first readable offset behind the unreadable ``offset``, or the last one tried when the search is cut short.

    Offsets are tried one by one: jumping ahead could skip readable records between two damaged batches.
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
        return offset  # A person gets a bound that is too low: the partition pauses there again.
    finally:
        await consumer.stop()
    return offset


async def _readable(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> bool:
    consumer.seek(partition, offset)
    try:
        await consumer.getmany(partition, timeout_ms=int(ANSWER_SECONDS * 1000), max_records=1)
    except UNREADABLE:
        return False
    return True
