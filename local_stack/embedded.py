"""librdkafka's in-process broker: Kafka's protocol over TCP, without a server.

Only for a first look: it has no controller (topics are created on first use, with four partitions), supports one member
per consumer group and keeps about 5 MB per partition.
"""

from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, Producer

from local_stack.errors import LocalStackError

TIMEOUT_SECONDS = 10


class EmbeddedBroker:
    """A broker in this process, on a free port, from start() to close()."""

    def __init__(self) -> None:
        self._client: Producer | None = None
        self.bootstrap = ""

    def start(self) -> None:
        """Start the broker. Raises LocalStackError if it does not answer."""
        client = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        try:
            (broker,) = client.list_topics(timeout=TIMEOUT_SECONDS).brokers.values()
        except KafkaException as error:
            raise LocalStackError(f"The embedded broker does not answer: {error.args[0].str()}.") from None
        self.bootstrap = f"{broker.host}:{broker.port}"
        self._client = client

    def close(self) -> None:
        """Stop the broker and drop its records."""
        self._client = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
