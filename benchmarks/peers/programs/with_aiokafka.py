"""A plain aiokafka loop: `getmany` in batches with a manual commit, or with the argument ``single`` `async for`."""

import asyncio
import sys

import aiomysql
import orjson
import uvloop
from aiokafka import AIOKafkaConsumer

from benchmarks.peers.programs.common import BATCH_RECORDS, UPSERT, Configuration, configuration, rows
from benchmarks.peers.programs.sentiment import Sentiment


async def run(settings: Configuration, single: bool) -> None:
    """Consume until the process ends."""
    sentiment = Sentiment(settings.model, settings.engine)
    connection = await aiomysql.connect(**settings.database)
    consumer = AIOKafkaConsumer(
        settings.topic,
        bootstrap_servers=settings.kafka,
        group_id=settings.group,
        auto_offset_reset="earliest",
        enable_auto_commit=single,
    )
    async with consumer, connection.cursor() as cursor:
        while True:
            if single:
                values = [(await consumer.getone()).value]
            else:
                batches = await consumer.getmany(timeout_ms=1000, max_records=BATCH_RECORDS)
                values = [record.value for records in batches.values() for record in records]
            if not values:
                continue
            events = [orjson.loads(value) for value in values]
            probabilities = sentiment.probabilities([event["text"] for event in events])
            await cursor.executemany(UPSERT, rows(events, probabilities))
            await connection.commit()
            if not single:
                await consumer.commit()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(configuration(), "single" in sys.argv[1:]))
