"""Erasing an author: also comments that are still in Kafka, and they do not return."""

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.harness import Installation, Record, comment

AUTHOR = "王小明"


def events(first: int, count: int, author: str) -> list[Record]:
    return [comment(n, f"第 {n} 次购买，物流很快", minutes=n / 10, author=author) for n in range(first, first + count)]


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_url: str, tmp_path: Path) -> Installation:
    installation = Installation(kafka, topic, migrated_url, tmp_path)
    await installation.create_topic(partitions=2)
    return installation


async def test_everything_of_an_author_is_erased_also_what_is_not_stored_yet(installation: Installation) -> None:
    letter = Record(b"forum:bad", json.dumps({"platform": "forum", "id": "bad", "author": AUTHOR}).encode())
    own, others = events(0, 150, AUTHOR), events(1_000, 50, "别人")
    with installation.consumer() as consumer:
        await installation.publish([*own, *others, letter])
        installation.wait_for(lambda: installation.stored() == 201, seconds=60, process=consumer)
    # While no consumer runs: more comments, and the request.
    await installation.publish([*events(500, 30, AUTHOR), *own[:10]])
    ordered = installation.run("store", "erase", "--author", "forum", AUTHOR, "--yes", "--no-wait")
    assert (ordered.returncode, ordered.stderr) == (
        0,
        f"{AUTHOR} on forum has 150 stored comments.\nOrdered erasure 1.\n",
    )
    with installation.consumer() as consumer:
        done = await asyncio.to_thread(installation.run, "store", "erase", "--author", "forum", AUTHOR, "--yes")
        consumer.check()
        assert (done.returncode, done.stdout[:7]) == (0, "Erased "), done.stderr
        assert "1 dead letters" in done.stdout
        assert installation.comments() == 50
        assert installation.number("SELECT COUNT(*) FROM comments WHERE author <> '别人'") == 0
        assert installation.number("SELECT COUNT(*) FROM erasures") == 180
        assert installation.number("SELECT COUNT(*) FROM dead_letters") == 0
        assert installation.query("SELECT state, author FROM author_erasures") == [("done", None)]
        # A redelivered event does not bring a comment back, and a new one is another matter.
        stored = installation.stored()
        await installation.publish([*own[:5], comment("new", "又来了", author=AUTHOR)])
        installation.wait_for(lambda: installation.stored() == stored + 6, seconds=30, process=consumer)
        assert installation.comments() == 51
    assert installation.counts_that_differ() == []
    assert await tombstones(installation) >= {f"forum:{n}".encode() for n in (*range(150), *range(500, 530))}


async def tombstones(installation: Installation) -> set[bytes]:
    """Return the keys of all tombstones in Kafka, which a restored database meets again."""
    consumer = AIOKafkaConsumer(bootstrap_servers=installation.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(installation.topic, n) for n in range(2)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        keys: set[bytes] = set()
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                keys |= {record.key for record in records if record.value is None and record.key}
    finally:
        await consumer.stop()
    return keys
