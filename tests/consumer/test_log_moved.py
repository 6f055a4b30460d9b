"""Retention removes records before they are read, or the topic is deleted and recreated."""

import asyncio
import signal
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from consumer.topics import TopicError
from tests.conftest import RunLiuyan
from tests.harness import Installation, Process, comment, get

STORED = 20


@pytest.fixture
async def installation(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path, run_liuyan: RunLiuyan
) -> Installation:
    """A migrated database and a topic of one partition with twenty comments."""
    installation = Installation(kafka, topic, migrated_url, tmp_path, run_here=run_liuyan)
    await installation.create_topic(partitions=1)
    await publish(installation, 0, STORED)
    return installation


async def publish(installation: Installation, first: int, count: int) -> None:
    await installation.publish(comment(number, f"第{number}条，不错") for number in range(first, first + count))


def consumed(installation: Installation, offset: int, consumer: Process) -> None:
    installation.wait_for(lambda: installation.stored() == offset, seconds=60, process=consumer)


def remove_records(installation: Installation, before: int) -> None:
    """Delete the records before an offset, as retention does."""
    administrator = AdminClient({"bootstrap.servers": installation.kafka})
    for future in administrator.delete_records([TopicPartition(installation.topic, 0, before)]).values():
        future.result(timeout=10)


async def recreate_topic(installation: Installation) -> None:
    """Delete the topic and recreate it, empty, as soon as the broker allows it."""
    administrator = AdminClient({"bootstrap.servers": installation.kafka})
    for future in administrator.delete_topics([installation.topic]).values():
        future.result(timeout=10)
    for _ in range(100):
        try:
            return await installation.create_topic(partitions=1)
        except (TopicError, KafkaException):
            await asyncio.sleep(0.05)
    raise AssertionError("the topic could not be recreated")


def metric(consumer: Process, name: str) -> float:
    answer = get(f"{consumer.health()}/metrics")[1]
    return sum(float(line.split()[-1]) for line in answer.splitlines() if line.startswith(name))


def assert_loss_is_reported(installation: Installation, consumer: Process, lost: int) -> None:
    assert installation.query("SELECT records_lost FROM partitions") == [(lost,)]
    assert metric(consumer, "liuyan_consumer_records_lost_total") == lost
    assert "retention removed records before they were read" in consumer.output()


async def test_retention_overtakes_a_stopped_consumer(installation: Installation) -> None:
    with installation.consumer() as consumer:
        consumed(installation, STORED, consumer)
    await publish(installation, 20, 30)
    remove_records(installation, 35)
    with installation.consumer() as consumer:
        consumed(installation, 50, consumer)
        assert_loss_is_reported(installation, consumer, 15)
    assert installation.comments() == 35
    assert installation.run("consumer", "status", "--json").stdout.count('"records_lost": 15') == 1


async def test_retention_overtakes_a_paused_partition(installation: Installation) -> None:
    with installation.consumer() as consumer:
        consumed(installation, STORED, consumer)
        assert installation.run("consumer", "pause", installation.topic, "0").returncode == 0
        installation.wait_for(
            lambda: metric(consumer, "liuyan_consumer_partition_paused") == 1, seconds=15, process=consumer
        )
        await publish(installation, 20, 30)
        remove_records(installation, 30)
        remove_records(installation, 45)
        assert installation.run("consumer", "resume", installation.topic, "0").returncode == 0
        consumed(installation, 50, consumer)
        assert_loss_is_reported(installation, consumer, 25)
    assert installation.comments() == 25


def assert_paused_then_fixed(installation: Installation, consumer: Process, records: int) -> None:
    """Check that the partition is paused and stores nothing until the command in its reason is run."""
    installation.wait_for(
        lambda: installation.number("SELECT COUNT(*) FROM partitions WHERE paused_reason LIKE 'topic recreated%'") == 1,
        seconds=60,
        process=consumer,
    )
    command = f"liuyan consumer seek {installation.topic} 0 --to start"
    assert command in installation.query("SELECT paused_reason FROM partitions")[0][0]
    assert command in consumer.output()
    assert installation.comments() == STORED
    assert installation.stored() == STORED
    done = installation.run(*command.split()[1:])
    assert done.returncode == 0, done.stderr
    consumed(installation, records, consumer)
    assert installation.comments() == STORED + records
    assert installation.number("SELECT SUM(records_lost) FROM partitions") == 0


@pytest.mark.parametrize("records", [5, 40], ids=["shorter", "longer"])
async def test_topic_recreated_while_the_consumer_is_stopped(installation: Installation, records: int) -> None:
    with installation.consumer() as consumer:
        consumed(installation, STORED, consumer)
    await recreate_topic(installation)
    await publish(installation, 1000, records)
    with installation.consumer() as consumer:
        assert_paused_then_fixed(installation, consumer, records)


@pytest.mark.long
@pytest.mark.parametrize("records", [5, 40], ids=["shorter", "longer"])
async def test_topic_recreated_while_the_consumer_runs(installation: Installation, records: int) -> None:
    with installation.consumer() as consumer:
        consumed(installation, STORED, consumer)
        await recreate_topic(installation)
        await publish(installation, 1000, records)
        assert_paused_then_fixed(installation, consumer, records)


async def test_topic_recreated_between_two_fetches(installation: Installation) -> None:
    """Suspend the consumer meanwhile: it sees one failed fetch, then a topic of the same name and length."""
    with installation.consumer() as consumer:
        consumed(installation, STORED, consumer)
        consumer.send(signal.SIGSTOP)
        await recreate_topic(installation)
        await publish(installation, 1000, 40)
        consumer.send(signal.SIGCONT)
        assert_paused_then_fixed(installation, consumer, 40)
