"""SnowNLP with its own model in a loop over confluent-kafka's batches."""

import orjson
import pymysql
from confluent_kafka import Consumer, KafkaException
from snownlp import SnowNLP

from benchmarks.peers.programs.common import BATCH_RECORDS, UPSERT, Configuration, configuration, rows


def main(settings: Configuration) -> None:
    """Consume until the process ends."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": settings.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([settings.topic])
    connection = pymysql.connect(**settings.database)
    while True:
        records = consumer.consume(BATCH_RECORDS, timeout=settings.batch_seconds)
        for record in records:
            if error := record.error():
                raise KafkaException(error)
        if not records:
            continue
        events = [orjson.loads(record.value()) for record in records]
        probabilities = [SnowNLP(event["text"]).sentiments for event in events]
        with connection.cursor() as cursor:
            cursor.executemany(UPSERT, rows(events, probabilities))
        connection.commit()
        consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main(configuration())
