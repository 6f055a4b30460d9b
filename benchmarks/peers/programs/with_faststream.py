"""FastStream: a batch subscriber, run by `faststream run`.

It acknowledges first, which is FastStream's default: offsets are committed in the background. That is the fastest
policy; a crash can lose comments.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomysql
from faststream import ContextRepo, FastStream
from faststream.kafka import KafkaBroker

from benchmarks.peers.programs.common import BATCH_RECORDS, UPSERT, configuration, rows
from benchmarks.peers.programs.sentiment import Sentiment

settings = configuration()
broker = KafkaBroker(settings.kafka, logger=None)
sentiment = Sentiment(settings.model, settings.engine)


@asynccontextmanager
async def lifespan(context: ContextRepo) -> AsyncIterator[None]:
    """Hold one connection to the database."""
    async with aiomysql.connect(**settings.database) as connection:
        context.set_global("connection", connection)
        yield


app = FastStream(broker, lifespan=lifespan)


@broker.subscriber(
    settings.topic, batch=True, max_records=BATCH_RECORDS, group_id=settings.group, auto_offset_reset="earliest"
)
async def label(events: list[dict[str, Any]]) -> None:
    """Label and store a batch."""
    connection = app.context.get("connection")
    probabilities = sentiment.probabilities([event["text"] for event in events])
    async with connection.cursor() as cursor:
        await cursor.executemany(UPSERT, rows(events, probabilities))
    await connection.commit()
