"""Kafka administration: topic ids (KIP-516), partitions, end offsets and topic creation.

Uses confluent-kafka's AdminClient in a thread, because aiokafka does not return topic ids.
"""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from aiokafka import TopicPartition
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # re-exported, but not for mypy
from confluent_kafka.cimpl import NewTopic

from consumer.connection import Connection
from liuyan.errors import LiuyanError, UsageError

EMBEDDED_CLUSTER = "mockCluster"


class BrokerError(LiuyanError):
    """The broker does not answer or refuses a request."""


class TopicError(LiuyanError):
    """A topic does not exist, or exists already."""


class Topics:
    """An administration client; each request takes at most ``timeout`` seconds.

    ``connection`` may be an address, for a connection without TLS and authentication. Raises SettingsError.
    """

    def __init__(self, connection: Connection | str, *, timeout: float = 5.0) -> None:
        connection = Connection(connection) if isinstance(connection, str) else connection
        self._connection = connection
        self._bootstrap = connection.bootstrap
        # librdkafka reports why a connection failed to its error callback only; requests just time out.
        self._connection_error: KafkaError | None = None
        self._embedded: bool | None = None
        self._timeout = timeout
        settings = connection.confluent()
        settings |= {"socket.timeout.ms": int(timeout * 1000), "log_level": 2, "error_cb": self._on_error}
        self._admin = AdminClient(settings, logger=_silent_logger())

    async def partitions(self, topic: str) -> int:
        """Return the number of partitions. Raises BrokerError, and TopicError if the topic does not exist."""
        return await asyncio.to_thread(self._partitions, topic)

    async def ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Return topic ids by topic, without topics whose id the broker does not report."""
        return await asyncio.to_thread(self._ids, topics)

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return the end offset of every partition, read committed. Raises BrokerError and TopicError."""
        counts = {topic: await self.partitions(topic) for topic in topics}
        return await asyncio.to_thread(self._ends, counts)

    async def create(self, topic: str, *, partitions: int, replication: int, settings: dict[str, str]) -> None:
        """Create a topic. Raises BrokerError, TopicError if it exists, and UsageError if Kafka refuses the settings."""
        await asyncio.to_thread(self._create, topic, partitions, replication, settings)

    def _partitions(self, topic: str) -> int:
        self._connection_error = None
        try:
            metadata = self._admin.list_topics(topic, timeout=self._timeout).topics[topic]
        except KafkaException as error:
            raise BrokerError(self._unreachable(error.args[0])) from None
        if metadata.error is None and metadata.partitions:
            return len(metadata.partitions)
        if metadata.error is not None and metadata.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise BrokerError(f"Kafka refuses to describe topic {topic!r}: {metadata.error.str()}.")
        raise TopicError(f"Topic {topic!r} does not exist. Create it with `liuyan consumer create-topic {topic}`.")

    def _ids(self, topics: Sequence[str]) -> dict[str, str]:
        ids: dict[str, str] = {}
        if not topics or self._is_embedded():
            return ids
        futures = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=self._timeout)
        for topic, future in futures.items():
            with suppress(KafkaException, TimeoutError):
                ids[topic] = str(future.result(timeout=self._timeout).topic_id)
        return ids

    def _ends(self, counts: Mapping[str, int]) -> dict[TopicPartition, int]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        specs = {Partition(topic, number): latest for topic, count in counts.items() for number in range(count)}
        futures = self._admin.list_offsets(
            specs, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=self._timeout
        )
        try:
            return {
                TopicPartition(partition.topic, partition.partition): future.result(timeout=self._timeout).offset
                for partition, future in futures.items()
            }
        except (KafkaException, TimeoutError) as error:
            raise BrokerError(f"Kafka at {self._bootstrap} does not return end offsets: {error}.") from None

    def _is_embedded(self) -> bool:
        """Return whether this is librdkafka's in-process broker, which has no controller and returns no topic ids."""
        if self._embedded is None:
            with suppress(KafkaException):
                cluster = str(self._admin.list_topics(timeout=self._timeout).cluster_id)
                self._embedded = cluster.startswith(EMBEDDED_CLUSTER)
        return bool(self._embedded)

    def _create(self, topic: str, partitions: int, replication: int, settings: dict[str, str]) -> None:
        new_topic = NewTopic(topic, num_partitions=partitions, replication_factor=replication, config=settings)
        try:
            futures = self._admin.create_topics([new_topic], request_timeout=self._timeout)
            futures[topic].result(timeout=self._timeout * 2)
        except KafkaException as error:
            raise self._refusal(topic, error.args[0]) from None
        except TimeoutError:
            raise BrokerError(
                f"Kafka at {self._bootstrap} does not answer. Check that it is running and that LIUYAN_KAFKA is "
                "correct."
            ) from None

    def _refusal(self, topic: str, error: KafkaError) -> LiuyanError:
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return TopicError(f"Topic {topic!r} already exists. Nothing was changed.")
        if error.code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN):
            return BrokerError(self._unreachable(error))
        return UsageError(f"Kafka refuses topic {topic!r}: {error.str()}.")

    def _on_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._connection_error = error

    def _unreachable(self, error: KafkaError) -> str:
        self._admin.poll(0)  # Run pending error callbacks.
        cause = self._connection_error
        if cause is not None and cause.code() == KafkaError._AUTHENTICATION:
            return (
                f"Kafka at {self._bootstrap} refuses user {self._connection.username!r}. Check "
                "LIUYAN_KAFKA_SASL_USERNAME, LIUYAN_KAFKA_SASL_PASSWORD and LIUYAN_KAFKA_SASL_MECHANISM."
            )
        if cause is not None and self._connection.encrypted and "SSL" in cause.str():
            return (
                f"TLS handshake with Kafka at {self._bootstrap} failed ({_tls_error(cause.str())}). Check "
                "LIUYAN_KAFKA_CA_FILE, LIUYAN_KAFKA_CERTIFICATE_FILE and LIUYAN_KAFKA_SECURITY_PROTOCOL."
            )
        return (
            f"Kafka at {self._bootstrap} does not answer ({error.str()}). Check that it is running and that "
            "LIUYAN_KAFKA and LIUYAN_KAFKA_SECURITY_PROTOCOL are correct."
        )


def _tls_error(message: str) -> str:
    """Return the cause from librdkafka's long message."""
    match = re.search(r"SSL routines::([^:]+)", message) or re.search(r"(SSL [^:(]+)", message)
    return match[1].strip() if match else message


def _silent_logger() -> logging.Logger:
    """Return a logger that drops librdkafka's connection errors, which BrokerError reports in one sentence."""
    logger = logging.getLogger("librdkafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
