"""Topics as their broker knows them: do they exist, their ids (KIP-516), and making one.

aiokafka shows no topic ids, so confluent-kafka's administration client asks, in a thread.
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
    """The broker does not answer, or refuses."""


class TopicError(LiuyanError):
    """A topic is missing, or cannot be made."""


class Topics:
    """Questions to the broker about topics; every answer takes ``timeout`` seconds at most.

    A plain address stands for a connection without TLS or password. Raises SettingsError.
    """

    def __init__(self, connection: Connection | str, *, timeout: float = 5.0) -> None:
        connection = Connection(connection) if isinstance(connection, str) else connection
        self._connection = connection
        self._bootstrap = connection.bootstrap
        # Why a connection was not made: librdkafka tells it here, and its answers only that there is none.
        self._told: KafkaError | None = None
        self._embedded: bool | None = None
        self._timeout = timeout
        settings = connection.confluent()
        settings |= {"socket.timeout.ms": int(timeout * 1000), "log_level": 2, "error_cb": self._note}
        self._admin = AdminClient(settings, logger=_silent_logger())

    async def partitions(self, topic: str) -> int:
        """Number of partitions. Raises BrokerError, and TopicError where there is no such topic."""
        return await asyncio.to_thread(self._partitions, topic)

    async def ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Topic -> topic id, without those whose id the broker does not tell."""
        return await asyncio.to_thread(self._ids, topics)

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """The offset behind the last stable record of every partition. Raises BrokerError and TopicError."""
        counts = {topic: await self.partitions(topic) for topic in topics}
        return await asyncio.to_thread(self._ends, counts)

    async def create(self, topic: str, *, partitions: int, replication: int, settings: dict[str, str]) -> None:
        """Make a topic. Raises BrokerError, TopicError (also when it exists) and UsageError."""
        await asyncio.to_thread(self._create, topic, partitions, replication, settings)

    def _partitions(self, topic: str) -> int:
        self._told = None
        try:
            found = self._admin.list_topics(topic, timeout=self._timeout).topics[topic]
        except KafkaException as error:
            raise BrokerError(self._unreachable(error.args[0])) from None
        if found.error is None and found.partitions:
            return len(found.partitions)
        if found.error is not None and found.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise BrokerError(f"Kafka refuses to describe topic {topic!r}: {found.error.str()}.")
        raise TopicError(f"Topic {topic!r} does not exist: make it with `liuyan consumer create-topic {topic}`.")

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
        asked = {Partition(topic, number): latest for topic, count in counts.items() for number in range(count)}
        futures = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=self._timeout
        )
        try:
            return {
                TopicPartition(partition.topic, partition.partition): future.result(timeout=self._timeout).offset
                for partition, future in futures.items()
            }
        except (KafkaException, TimeoutError) as error:
            raise BrokerError(f"Kafka at {self._bootstrap} does not tell the ends of logs: {error}.") from None

    def _is_embedded(self) -> bool:
        """librdkafka's in-process broker tells no ids: it has no controller, for whom the question would wait."""
        if self._embedded is None:
            with suppress(KafkaException):
                cluster = str(self._admin.list_topics(timeout=self._timeout).cluster_id)
                self._embedded = cluster.startswith(EMBEDDED_CLUSTER)
        return bool(self._embedded)

    def _create(self, topic: str, partitions: int, replication: int, settings: dict[str, str]) -> None:
        order = NewTopic(topic, num_partitions=partitions, replication_factor=replication, config=settings)
        try:
            self._admin.create_topics([order], request_timeout=self._timeout)[topic].result(timeout=self._timeout * 2)
        except KafkaException as error:
            raise self._refusal(topic, error.args[0]) from None
        except TimeoutError:
            raise BrokerError(
                f"Kafka at {self._bootstrap} does not answer: is it running, and the address right?"
            ) from None

    def _refusal(self, topic: str, error: KafkaError) -> LiuyanError:
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return TopicError(f"Topic {topic!r} exists already: nothing was changed.")
        if error.code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN):
            return BrokerError(self._unreachable(error))
        return UsageError(f"Kafka refuses topic {topic!r}: {error.str()}.")

    def _note(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._told = error

    def _unreachable(self, error: KafkaError) -> str:
        self._admin.poll(0)  # What it has to tell, it tells now.
        told = self._told
        if told is not None and told.code() == KafkaError._AUTHENTICATION:
            return (
                f"Kafka at {self._bootstrap} does not let user {self._connection.username!r} in: correct "
                "LIUYAN_KAFKA_SASL_USERNAME, LIUYAN_KAFKA_SASL_PASSWORD or LIUYAN_KAFKA_SASL_MECHANISM."
            )
        if told is not None and self._connection.encrypted and "SSL" in told.str():
            return (
                f"Kafka at {self._bootstrap} and we cannot agree on TLS ({_tls_fault(told.str())}): correct "
                "LIUYAN_KAFKA_CA_FILE, LIUYAN_KAFKA_CERTIFICATE_FILE or LIUYAN_KAFKA_SECURITY_PROTOCOL."
            )
        return (
            f"Kafka at {self._bootstrap} does not answer ({error.str()}): is it running, and are LIUYAN_KAFKA and "
            "LIUYAN_KAFKA_SECURITY_PROTOCOL right?"
        )


def _tls_fault(told: str) -> str:
    """The few words in librdkafka's long sentence that say what was wrong."""
    found = re.search(r"SSL routines::([^:]+)", told) or re.search(r"(SSL [^:(]+)", told)
    return found[1].strip() if found else told


def _silent_logger() -> logging.Logger:
    """librdkafka prints connection errors to standard error by itself; ours say it in one line."""
    logger = logging.getLogger("librdkafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
