"""Arroyo: BatchStep, a task that labels and stores the batch, and CommitOffsets."""

import signal
from collections.abc import Mapping
from typing import Any

import orjson
import pymysql
from arroyo import Message, Partition, Topic
from arroyo.backends.kafka import KafkaConsumer, KafkaPayload, build_kafka_consumer_configuration
from arroyo.commit import ONCE_PER_SECOND
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import BatchStep, CommitOffsets, ProcessingStrategyFactory, RunTask
from arroyo.types import Commit

from benchmarks.peers.programs.common import BATCH_RECORDS, UPSERT, Configuration, configuration, rows
from benchmarks.peers.programs.sentiment import Sentiment


class Factory(ProcessingStrategyFactory[KafkaPayload]):
    """Label, store, then commit."""

    def __init__(self, settings: Configuration) -> None:
        self._seconds = settings.batch_seconds
        self._sentiment = Sentiment(settings.model, settings.engine)
        self._connection = pymysql.connect(**settings.database)

    def create_with_partitions(self, commit: Commit, partitions: Mapping[Partition, int]) -> Any:
        """Return the chain of steps."""
        return BatchStep(BATCH_RECORDS, self._seconds, RunTask(self._store, CommitOffsets(commit)))

    def _store(self, message: Message[Any]) -> None:
        events = [orjson.loads(value.payload.value) for value in message.payload]
        probabilities = self._sentiment.probabilities([event["text"] for event in events])
        with self._connection.cursor() as cursor:
            cursor.executemany(UPSERT, rows(events, probabilities))
        self._connection.commit()


def main(settings: Configuration) -> None:
    """Consume until SIGTERM."""
    options = build_kafka_consumer_configuration(
        {}, bootstrap_servers=[settings.kafka], auto_offset_reset="earliest", group_id=settings.group
    )
    processor = StreamProcessor(KafkaConsumer(options), Topic(settings.topic), Factory(settings), ONCE_PER_SECOND)
    signal.signal(signal.SIGTERM, lambda *_: processor.signal_shutdown())
    processor.run()


if __name__ == "__main__":
    main(configuration())
