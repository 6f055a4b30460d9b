"""Publish outbox messages to Kafka; each is leased by one of the running consumers."""

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

POLL_SECONDS = 1.0
RETRY_DELAY_SECONDS = 5.0
# A message can be a megabyte large.
MESSAGES_AT_ONCE = 20
# Longer than aiokafka's delivery timeout, so that no other consumer leases a message that is still being sent.
LEASE_SECONDS = 90.0
# High enough to let the broker's limit decide.
MAXIMUM_REQUEST_BYTES = 64 * 1024 * 1024
PERMANENT_ERRORS = (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)


class Outbox:
    """Publish outbox messages for ``topics``. Connects to Kafka on the first message."""

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
        """Publish messages as they arrive, until cancelled."""
        try:
            while True:
                try:
                    while await self.round():
                        pass
                except (TransientStoreError, CommitUnknownError, KafkaError) as error:
                    # Any consumer picks up the leased messages after the lease expires.
                    log.warning("cannot publish outbox messages, retrying", error=str(error), repeats=True)
                    await self.close()
                    await asyncio.sleep(RETRY_DELAY_SECONDS)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await self.close()

    async def round(self) -> bool:
        """Publish up to ``MESSAGES_AT_ONCE`` messages and return whether there were any.

        Raises TransientStoreError, CommitUnknownError and KafkaError; the caller may retry.
        """
        if not await self._store.read(has_messages, self._topics):
            return False
        messages = await self._store.write(
            lease_messages, self._topics, self._erasure_key, limit=MESSAGES_AT_ONCE, lease_seconds=self._lease_seconds
        )
        published = [sent for message in messages if (sent := await self._publish(message)) is not None]
        if published:
            await self._store.write(mark_published, published)
            self._metrics.outbox_messages.labels("published").inc(len(published))
            log.info("published outbox messages", messages=len(published))
        return bool(messages)

    async def close(self) -> None:
        """Close the connection to Kafka."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _publish(self, message: OutboxMessage) -> Published | None:
        """Publish a message; if Kafka refuses it permanently, store the reason and return None."""
        if message.key is None and message.value is None:
            await self._refuse(message, "the record has neither key nor value")
            return None
        try:
            sent = await (await self._connected()).send_and_wait(
                message.topic, message.value, key=message.key, headers=list(message.headers)
            )
        except PERMANENT_ERRORS as error:
            await self.close()
            await self._refuse(message, f"Kafka refuses the record: {error}")
            return None
        return Published(message, sent.partition, sent.offset)

    async def _refuse(self, message: OutboxMessage, reason: str) -> None:
        await self._store.write(mark_refused, message, reason)
        self._metrics.outbox_messages.labels("refused").inc()
        log.warning("outbox message refused", message=message.number, dead_letter=message.letter, reason=reason)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                **self._connection.aiokafka(),
                client_id="liuyan-outbox",
                enable_idempotence=True,
                acks="all",
                max_request_size=MAXIMUM_REQUEST_BYTES,
            )
            await self._producer.start()
        return self._producer
