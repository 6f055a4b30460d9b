"""All of Kafka's codecs are supported, and an unreadable record pauses only its partition."""

import asyncio
import contextlib
import json
import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from aiokafka import AIOKafkaProducer

from consumer.batcher import Limits
from local_stack.kafka import Kafka
from tests.conftest import RunLiuyan
from tests.consumer.scripted import Consumer, Database, Entry, Log, VirtualTime
from tests.harness import Installation, comment, get

CODECS = ("gzip", "snappy", "lz4", "zstd")
BATCH_HEADER = 61
PATIENCE = 120


@pytest.fixture
def broker() -> Iterator[Kafka]:
    """Start a broker whose files a test may change."""
    # Flush every record, so that it is on disk when the test reads the file.
    with Kafka({"log.flush.interval.messages": "1"}) as kafka:
        yield kafka


async def new(
    kafka: str, topic: str, migrated_url: str, folder: Path, run_liuyan: RunLiuyan | None = None
) -> Installation:
    installation = Installation(kafka, topic, migrated_url, folder, run_here=run_liuyan)
    await installation.create_topic(partitions=2)
    return installation


async def send(installation: Installation, numbers: range, partition: int, codec: str | None = None) -> None:
    """Publish comments as one batch."""
    async with AIOKafkaProducer(
        bootstrap_servers=installation.kafka, compression_type=codec, max_batch_size=500_000
    ) as producer:
        batch = producer.create_batch()
        for number in numbers:
            record = comment(f"{partition}-{number}", f"第{number}条，很好" * 10)
            assert batch.append(key=record.key, value=record.value, timestamp=None) is not None
        await (await producer.send_batch(batch, installation.topic, partition=partition))


def stored(installation: Installation) -> dict[int, int]:
    return {
        int(number): int(offset)
        for number, offset in installation.query("SELECT `partition`, next_offset FROM partitions")
    }


def paused(installation: Installation) -> dict[int, str]:
    rows = installation.query("SELECT `partition`, paused_reason FROM partitions WHERE paused_reason IS NOT NULL")
    return {int(number): str(reason) for number, reason in rows}


def flip(broker: Kafka, topic: str, partition: int, offset: int) -> None:
    """Change one byte of the batch that begins at ``offset``, in the broker's log file."""
    [segment] = (broker.folder / "data" / f"{topic}-{partition}").glob("*.log")
    content = bytearray(segment.read_bytes())
    at = 0
    while at + BATCH_HEADER < len(content):
        base, length = struct.unpack_from(">qi", content, at)
        if base == offset:
            content[at + 12 + length - 3] ^= 0xFF
            segment.write_bytes(content)
            return
        at += 12 + length
    raise AssertionError(f"no batch begins at {offset}")


def status(installation: Installation) -> dict[int, dict[str, object]]:
    done = installation.run("consumer", "status", "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["partition"]: line for line in lines}


@pytest.mark.parametrize("side", ["producer", "topic"])
async def test_every_codec_is_stored(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path, run_liuyan: RunLiuyan, side: str
) -> None:
    installation = await new(kafka, topic, migrated_url, tmp_path, run_liuyan)
    expected = 0
    topics = {codec: f"{topic}-{codec}" for codec in CODECS}
    for codec, name in topics.items():
        one = Installation(kafka, name, migrated_url, tmp_path)
        settings = {"compression.type": codec} if side == "topic" else {}
        await one.create_topic(partitions=1, **settings)
        async with AIOKafkaProducer(
            bootstrap_servers=kafka, compression_type=codec if side == "producer" else None
        ) as producer:
            for number in range(50):
                record = comment(f"{codec}-{number}", f"第{number}条，很好" * 10)
                await producer.send(name, record.value, key=record.key)
            await producer.flush()
        expected += 50
    installation.settings["LIUYAN_TOPICS"] = ",".join(topics.values())
    before = installation.run("consumer", "status", "--json")
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.comments() == expected, seconds=PATIENCE, process=consumer)
        assert get(f"{consumer.health()}/readyz")[0] == 200
        consumer.send(signal.SIGTERM)
        assert consumer.wait(20) == 0
    assert before.returncode == 0, before.stderr
    sought = installation.run("consumer", "seek", topics["lz4"], "0", "--to", "10")
    assert sought.returncode == 0, sought.stderr
    ages = {
        line["topic"]: line
        for line in map(json.loads, installation.run("consumer", "status", "--json").stdout.splitlines())
    }
    assert ages[topics["lz4"]]["lag"] == 40
    assert isinstance(ages[topics["lz4"]]["lag_seconds"], float)


async def test_damaged_batch_pauses_its_partition_and_loses_no_other_record(
    broker: Kafka, topic: str, migrated_url: str, tmp_path: Path, run_liuyan: RunLiuyan
) -> None:
    installation = await new(broker.bootstrap, topic, migrated_url, tmp_path, run_liuyan)
    for partition in (0, 1):
        await send(installation, range(100), partition, "lz4")
        await send(installation, range(100, 103), partition, "lz4")
        await send(installation, range(103, 200), partition)
    flip(broker, topic, 0, 100)
    with installation.consumer() as consumer:
        installation.wait_for(
            lambda: stored(installation).get(1) == 200 and 0 in paused(installation), seconds=PATIENCE, process=consumer
        )
        installation.wait_for(
            lambda: f"{topic} 0 (" in get(f"{consumer.health()}/readyz")[1], seconds=10, process=consumer
        )
        assert get(f"{consumer.health()}/readyz")[0] == 503
        await send(installation, range(200, 210), 1)
        installation.wait_for(lambda: stored(installation) == {0: 100, 1: 210}, seconds=PATIENCE, process=consumer)
    assert installation.comments() == 310
    assert "unreadable record at offset 100" in paused(installation)[0]
    assert f"liuyan consumer seek {topic} 0 --to 103" in paused(installation)[0]
    assert f"liuyan consumer resume {topic} 0" in paused(installation)[0]
    now = status(installation)
    assert (now[0]["lag"], now[0]["lag_seconds"]) == (100, None)
    assert now[1]["lag"] == 0
    sought = installation.run("consumer", "seek", topic, "0", "--to", "103")
    assert sought.returncode == 0, sought.stderr
    with installation.consumer() as consumer:
        installation.wait_for(lambda: stored(installation) == {0: 200, 1: 210}, seconds=PATIENCE, process=consumer)
        installation.wait_for(lambda: get(f"{consumer.health()}/readyz")[0] == 200, seconds=10, process=consumer)
    assert installation.comments() == 407


async def test_broker_restart_logs_one_line(broker: Kafka, topic: str, migrated_url: str, tmp_path: Path) -> None:
    installation = await new(broker.bootstrap, topic, migrated_url, tmp_path)
    await installation.publish([comment(1, "很好")])
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.comments() == 1, seconds=PATIENCE, process=consumer)
        size = len(consumer.output())
        broker.restart()
        await installation.publish([comment(2, "很好")])
        installation.wait_for(lambda: installation.comments() == 2, seconds=PATIENCE, process=consumer)
        output = consumer.output()
    first = [line for line in output[size:].splitlines() if "aiokafka" in line and "more similar lines" not in line]
    assert len(first) <= 1, first
    # On a slow machine a late heartbeat may have caused the line before the restart.
    assert "aiokafka" in output


@pytest.fixture
def loop() -> Iterator[VirtualTime]:
    """Return a virtual-time event loop; its patches end with the test."""
    with contextlib.closing(VirtualTime()) as loop:
        yield loop
    patch.stopall()


def test_missing_codec_pauses_its_partition_and_loses_no_record_of_others(loop: VirtualTime) -> None:
    log = Log({0: [Entry.RECORD] * 20, 1: [Entry.RECORD] * 12}, unreadable={(1, 6)})
    database = Database(log)
    consumer = loop.run_until_complete(start(log, database, loop))
    consumer.member.max_offsets = 2  # A poll returns records of both partitions.
    loop.run_until_complete(consumer.member.rebalance([0, 1]))
    assert consumer.pipeline.read_error is None
    loop.run_until_complete(asyncio.sleep(20))
    consumer.check()
    assert database.offsets == {0: 20, 1: 6}
    assert database.stored.count((0, 0)) == 1
    assert sorted(database.stored) == [(0, n) for n in range(20)] + [(1, n) for n in range(6)]
    assert list(database.paused) == [1]
    assert "lz4" in database.paused[1]
    assert "liuyan consumer resume comments 1" in database.paused[1]
    assert consumer.pipeline.read_error is None, "the partition's row contains the reason now"
    log.partitions[0] += [Entry.RECORD] * 5
    loop.run_until_complete(asyncio.sleep(5))
    assert database.offsets == {0: 25, 1: 6}
    log.unreadable.clear()
    database.paused.clear()
    consumer.pipeline.reset("row_resumed")
    loop.run_until_complete(asyncio.sleep(5))
    assert database.all_stored_once()
    loop.run_until_complete(consumer.end())


async def start(log: Log, database: Database, loop: VirtualTime) -> Consumer:
    return Consumer(0, log, database, loop, Limits(records=4, tokens=1_000, size=1_000))
