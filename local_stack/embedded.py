"""librdkafka's in-process broker: speaks Kafka's protocol over real TCP and needs nothing but Python.

Good for a first look. It has no controller (topics come into being when they are first used, with four partitions),
knows no consumer group of two and keeps about 5 MB a partition: judge nothing by it.
"""

from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, Producer

from local_stack.errors import LocalStackError

SECONDS = 10


class EmbeddedBroker:
    """A broker that lives in this process, on a port of its own, from start() to close()."""

    def __init__(self) -> None:
        self._client: Producer | None = None
        self.bootstrap = ""

    def start(self) -> None:
        """Start the broker. Raises LocalStackError when it does not answer."""
        client = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        try:
            (broker,) = client.list_topics(timeout=SECONDS).brokers.values()
        except KafkaException as error:
            raise LocalStackError(f"The embedded broker does not answer: {error.args[0].str()}.") from None
        self.bootstrap = f"{broker.host}:{broker.port}"
        self._client = client

    def close(self) -> None:
        """End the broker; what it held is gone."""
        self._client = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
