"""Publish events at a steady rate and wait while the lag is too high."""

import asyncio
from collections.abc import Callable, Iterator

from aiokafka import AIOKafkaProducer

from liuyan.demo.corpus import Event

TICK_SECONDS = 0.1
# The embedded broker keeps only a few megabytes per partition, so the lag must stay low.
MAXIMUM_LAG = 2_000


class Publisher:
    """Publish ``rate`` events per second to ``topic``.

    ``published`` contains the acknowledged (platform, id) pairs, ``ends`` the offset after the last one by partition.
    """

    def __init__(
        self, bootstrap: str, topic: str, events: Iterator[Event], rate: float, lag: Callable[[], int]
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._events = events
        self._rate = rate
        self._lag = lag
        self.published: set[tuple[str, str]] = set()
        self.ends: dict[int, int] = {}
        self.waiting = False

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until ``stop`` is set and all events are acknowledged."""
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True)
        await producer.start()
        try:
            due = 0.0
            while not stop.is_set():
                started_at = asyncio.get_running_loop().time()
                self.waiting = self._lag() >= MAXIMUM_LAG
                if not self.waiting:
                    due += self._rate * TICK_SECONDS
                    await self._publish(producer, int(due))
                    due -= int(due)
                await asyncio.sleep(max(0.0, started_at + TICK_SECONDS - asyncio.get_running_loop().time()))
        finally:
            await producer.stop()

    async def _publish(self, producer: AIOKafkaProducer, count: int) -> None:
        events = [next(self._events) for _ in range(count)]
        futures = [await producer.send(self._topic, key=event.key, value=event.value) for event in events]
        for record in await asyncio.gather(*futures):
            self.ends[record.partition] = max(self.ends.get(record.partition, 0), record.offset + 1)
        self.published.update((event.platform, event.id) for event in events)
