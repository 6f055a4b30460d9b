"""Quix Streams: a custom sink that labels and writes the records of a checkpoint, of all partitions together."""

from typing import Any

import pymysql
from quixstreams import Application
from quixstreams.sinks import BaseSink

from benchmarks.peers.programs.common import BATCH_RECORDS, UPSERT, Configuration, configuration, rows
from benchmarks.peers.programs.sentiment import Sentiment


class LabellingSink(BaseSink):
    """Collect records and store them when the checkpoint commits, before the offsets."""

    def __init__(self, settings: Configuration) -> None:
        super().__init__()
        self._settings = settings
        self._events: list[dict[str, Any]] = []

    def setup(self) -> None:
        """Connect and load the model."""
        self._sentiment = Sentiment(self._settings.model, self._settings.engine)
        self._connection = pymysql.connect(**self._settings.database)

    def add(self, value: dict[str, Any], *_: Any, **__: Any) -> None:
        """Collect a record."""
        self._events.append(value)

    def flush(self) -> None:
        """Label and store what was collected."""
        events, self._events = self._events, []
        if events:
            probabilities = self._sentiment.probabilities([event["text"] for event in events])
            with self._connection.cursor() as cursor:
                cursor.executemany(UPSERT, rows(events, probabilities))
            self._connection.commit()

    def on_paused(self) -> None:
        """Drop what was collected; it is delivered again."""
        self._events.clear()


def main(settings: Configuration) -> None:
    """Consume until the process ends."""
    app = Application(
        broker_address=settings.kafka,
        consumer_group=settings.group,
        auto_offset_reset="earliest",
        commit_interval=settings.batch_seconds,
        commit_every=BATCH_RECORDS,
        auto_create_topics=False,
        use_changelog_topics=False,
        loglevel="WARNING",
    )
    app.dataframe(app.topic(settings.topic, value_deserializer="json")).sink(LabellingSink(settings))
    app.run()


if __name__ == "__main__":
    main(configuration())
