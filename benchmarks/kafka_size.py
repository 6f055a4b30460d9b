"""How many bytes a comment event takes in Kafka: for `make bench-large`."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from aiokafka import AIOKafkaProducer

from benchmarks.made_up import NEWEST, PLATFORMS, THREADS, texts
from consumer.topics import Topics
from local_stack.kafka import Kafka

EVENTS = 50_000
COMPRESSION: Sequence[str | None] = (None, "gzip", "lz4", "zstd")


def bytes_per_event() -> dict[str, float]:
    """Return the bytes of the log per event on one replica, by compression."""
    with Kafka() as kafka:
        return {kind or "none": asyncio.run(_measure(kafka, kind)) for kind in COMPRESSION}


async def _measure(kafka: Kafka, compression: str | None) -> float:
    topic = f"comments-{compression}"
    await Topics(kafka.bootstrap).create(topic, partitions=1, replication=1, settings={})
    written = texts(2_000)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, enable_idempotence=True, linger_ms=5, compression_type=compression
    ) as producer:
        sent = [await producer.send(topic, *_event(number, written)) for number in range(EVENTS)]
        await asyncio.gather(*sent)
    return await asyncio.to_thread(_log_bytes, kafka.folder, f"{topic}-0") / EVENTS


def _log_bytes(folder: Path, partition: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.log") if path.parent.name == partition)


def _event(number: int, written: Sequence[str]) -> tuple[bytes, bytes]:
    """Return value and key of an event like the rows of ``made_up``."""
    platform = PLATFORMS[number % len(PLATFORMS)]
    fields = {
        "platform": platform,
        "id": str(number),
        "text": f"{written[number * 7 % len(written)]}{number}",
        "created_at": (NEWEST - timedelta(seconds=number)).isoformat(),
        "author": f"u{number % 9_973}",
        "thread": f"t{number % THREADS}",
    }
    return json.dumps(fields, ensure_ascii=False).encode(), f"{platform}:{number}".encode()
