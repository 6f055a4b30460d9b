"""Beside the batches: publish what people ordered, each order by one of the running consumers."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from consumer.connection import Connection
from consumer.metrics import ConsumerMetrics
from store.errors import CommitUnknownError, TransientStoreError
from store.outbox import OutboxMessage, Published, has_messages, lease_messages, mark_published, mark_refused
from store.store import Store

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
WAIT_AFTER_FAULT_SECONDS = 5.0
# Each may hold a megabyte.
MESSAGES_AT_ONCE = 20
# Longer than aiokafka tries to publish, so that nobody else takes up what may still be on its way.
LEASE_SECONDS = 90.0
# Ours is not the limit: the broker says what is too large.
LARGEST_REQUEST_BYTES = 64 * 1024 * 1024
NEVER = (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)


class Outbox:
    """Carries out the orders for ``topics``. It connects to Kafka with the first of them."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        topics: Sequence[str],
        erasure_key: bytes,
        metrics: ConsumerMetrics,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._connection = connection
        self._topics = topics
        self._erasure_key = erasure_key
        self._metrics = metrics
        self._lease_seconds = lease_seconds
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        """Look for orders and carry them out. Runs until it is cancelled."""
        try:
            while True:
                try:
                    while await self.round():
                        pass
                except (TransientStoreError, CommitUnknownError, KafkaError) as error:
                    # What is claimed is taken up again, by whom ever, when the lease has ended.
                    log.warning("orders cannot be carried out now, trying again", error=str(error), repeats=True)
                    await self.close()
                    await asyncio.sleep(WAIT_AFTER_FAULT_SECONDS)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self.close()

    async def round(self) -> bool:
        """Carry some orders out; whether there were any.

        Raises TransientStoreError, CommitUnknownError and KafkaError, after which it may be called again.
        """
        if not await self._store.read(has_messages, self._topics):
            return False
        orders = await self._store.write(
            lease_messages, self._topics, self._erasure_key, limit=MESSAGES_AT_ONCE, lease_seconds=self._lease_seconds
        )
        published = [one for order in orders if (one := await self._publish(order)) is not None]
        if published:
            await self._store.write(mark_published, published)
            self._metrics.orders.labels("published").inc(len(published))
            log.info("orders are published", orders=len(published))
        return bool(orders)

    async def close(self) -> None:
        """End the connection to Kafka."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _publish(self, order: OutboxMessage) -> Published | None:
        """Publish a record as it was; None when Kafka will never take it, which is noted."""
        if order.key is None and order.value is None:
            await self._refuse(order, "a record with neither key nor value says nothing")
            return None
        try:
            sent = await (await self._connected()).send_and_wait(
                order.topic, order.value, key=order.key, headers=list(order.headers)
            )
        except NEVER as error:
            await self.close()
            await self._refuse(order, f"Kafka refuses it: {error}")
            return None
        return Published(order, sent.partition, sent.offset)

    async def _refuse(self, order: OutboxMessage, why: str) -> None:
        await self._store.write(mark_refused, order, why)
        self._metrics.orders.labels("refused").inc()
        log.warning("an order cannot be carried out", order=order.number, letter=order.letter, why=why)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                **self._connection.aiokafka(),
                client_id="liuyan-outbox",
                enable_idempotence=True,
                acks="all",
                max_request_size=LARGEST_REQUEST_BYTES,
            )
            await self._producer.start()
        return self._producer
