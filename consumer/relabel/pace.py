"""Limit the rate of a replay, and pause it while live consumption lags."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from consumer.connection import Connection, stop_client
from consumer.status import PartitionStatus, read_statuses, status_consumer
from consumer.topics import Topics
from liuyan.errors import LiuyanError
from store.partitions import read_partitions
from store.store import Store

log = structlog.get_logger(__name__)

# Time that a process may catch up after it was slower than its rate.
CREDIT_SECONDS = 1.0
# A batch takes at most this long at the process's rate.
BATCH_SECONDS = 0.5
LAG_SECONDS = 2.0


class Pace:
    """Says how long to wait after each batch to keep a rate."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def limit(self, rate: float | None, batch_records: int) -> int:
        """Return the number of records to read at once, at ``rate`` records per second."""
        return batch_records if rate is None else max(1, min(batch_records, int(rate * BATCH_SECONDS)))

    def delay(self, records: int, rate: float | None, now: float) -> float:
        """Return the seconds to wait after reading ``records`` at ``now``, a time in seconds."""
        if rate is None:
            self._free_at = 0.0
            return 0.0
        self._free_at = max(self._free_at, now - CREDIT_SECONDS) + records / rate
        return max(0.0, self._free_at - now)


class LagWatch:
    """Measure how far the live group lags, in seconds. Paused partitions do not count."""

    def __init__(self, store: Store, connection: Connection, group: str, topics: Sequence[str], limit: float) -> None:
        self._store = store
        self._connection = connection
        self._group = group
        self._topics = topics
        self._limit = limit
        self.seconds = 0.0

    @property
    def exceeded(self) -> bool:
        """Whether the lag exceeds the limit."""
        return self.seconds > self._limit

    async def run(self) -> None:
        """Measure until cancelled. Raises TopicError and BrokerError at the start."""
        admin = Topics(self._connection)
        partitions = [
            TopicPartition(topic, number) for topic in self._topics for number in range(await admin.partitions(topic))
        ]
        consumer = status_consumer(self._connection)
        try:
            await consumer.start()
            while True:
                try:
                    rows = await self._store.read(read_partitions, self._group, self._topics)
                    self.seconds = lag_seconds(await read_statuses(consumer, partitions, rows))
                except (KafkaError, LiuyanError) as error:
                    log.warning("cannot measure the live lag", error=str(error), repeats=True)
                await asyncio.sleep(LAG_SECONDS)
        finally:
            await stop_client(consumer)


def lag_seconds(statuses: Sequence[PartitionStatus]) -> float:
    """Return the largest lag of the partitions that are not paused."""
    return max((one.lag_seconds or 0.0 for one in statuses if one.paused is None), default=0.0)


def now() -> float:
    """Return a monotonic time in seconds."""
    return time.monotonic()
