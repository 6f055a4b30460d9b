"""The log moved under the consumer: retention overtook it, or the topic was deleted and made anew."""

import asyncio
import signal
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from consumer.topics import TopicError
from tests.harness import Installation, Process, comment, get

STORED = 20


@pytest.fixture
async def installation(kafka: str, topic: str, database_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic of one partition with twenty comments."""
    ours = Installation(kafka, topic, database_url, tmp_path)
    ours.migrate()
    await ours.create_topic(partitions=1)
    await publish(ours, 0, STORED)
    return ours


async def publish(ours: Installation, first: int, count: int) -> None:
    await ours.publish(comment(number, f"第{number}条，不错") for number in range(first, first + count))


def consumed(ours: Installation, offset: int, consumer: Process) -> None:
    ours.wait_for(lambda: ours.stored() == offset, seconds=60, process=consumer)


def remove_records(ours: Installation, before: int) -> None:
    """Delete what lies before an offset, as retention does."""
    administrator = AdminClient({"bootstrap.servers": ours.kafka})
    for future in administrator.delete_records([TopicPartition(ours.topic, 0, before)]).values():
        future.result(timeout=10)


async def make_anew(ours: Installation) -> None:
    """Delete the topic and make it again, empty, as soon as the broker lets us."""
    administrator = AdminClient({"bootstrap.servers": ours.kafka})
    for future in administrator.delete_topics([ours.topic]).values():
        future.result(timeout=10)
    for _ in range(100):
        try:
            return await ours.create_topic(partitions=1)
        except (TopicError, KafkaException):
            await asyncio.sleep(0.05)
    raise AssertionError("the topic could not be made anew")


def metric(consumer: Process, name: str) -> float:
    answer = get(f"{consumer.health()}/metrics")[1]
    return sum(float(line.split()[-1]) for line in answer.splitlines() if line.startswith(name))


def loss_is_told(ours: Installation, consumer: Process, lost: int) -> None:
    assert ours.query("SELECT records_lost FROM partitions") == [(lost,)]
    assert metric(consumer, "liuyan_consumer_records_lost_total") == lost
    assert "retention removed records before they were read" in consumer.output()


async def test_retention_overtook_a_consumer_that_was_down(installation: Installation) -> None:
    ours = installation
    with ours.consumer() as consumer:
        consumed(ours, STORED, consumer)
    await publish(ours, 20, 30)
    remove_records(ours, 35)
    with ours.consumer() as consumer:
        consumed(ours, 50, consumer)
        loss_is_told(ours, consumer, 15)
    assert ours.comments() == 35
    assert ours.run("consumer", "status", "--json").stdout.count('"records_lost": 15') == 1


async def test_retention_overtook_a_consumer_that_stood_still(installation: Installation) -> None:
    ours = installation
    with ours.consumer() as consumer:
        consumed(ours, STORED, consumer)
        assert ours.run("consumer", "pause", ours.topic, "0").returncode == 0
        ours.wait_for(lambda: metric(consumer, "liuyan_consumer_partition_paused") == 1, seconds=15, process=consumer)
        await publish(ours, 20, 30)
        remove_records(ours, 30)
        remove_records(ours, 45)
        assert ours.run("consumer", "resume", ours.topic, "0").returncode == 0
        consumed(ours, 50, consumer)
        loss_is_told(ours, consumer, 25)
    assert ours.comments() == 25


def stopped_and_mended(ours: Installation, consumer: Process, records: int) -> None:
    """It stands still and says what mends it; nothing of the new topic is stored before that is done."""
    ours.wait_for(
        lambda: ours.number("SELECT COUNT(*) FROM partitions WHERE paused_reason LIKE 'topic recreated%'") == 1,
        seconds=60,
        process=consumer,
    )
    mend = f"liuyan consumer seek {ours.topic} 0 --to start"
    assert mend in ours.query("SELECT paused_reason FROM partitions")[0][0]
    assert mend in consumer.output()
    assert ours.comments() == STORED
    assert ours.stored() == STORED
    done = ours.run(*mend.split()[1:])
    assert done.returncode == 0, done.stderr
    consumed(ours, records, consumer)
    assert ours.comments() == STORED + records
    assert ours.number("SELECT SUM(records_lost) FROM partitions") == 0


@pytest.mark.parametrize("records", [5, 40], ids=["shorter", "longer"])
async def test_a_topic_made_anew_while_the_consumer_was_down(installation: Installation, records: int) -> None:
    ours = installation
    with ours.consumer() as consumer:
        consumed(ours, STORED, consumer)
    await make_anew(ours)
    await publish(ours, 1000, records)
    with ours.consumer() as consumer:
        stopped_and_mended(ours, consumer, records)


@pytest.mark.long
@pytest.mark.parametrize("records", [5, 40], ids=["shorter", "longer"])
async def test_a_topic_made_anew_while_the_consumer_runs(installation: Installation, records: int) -> None:
    ours = installation
    with ours.consumer() as consumer:
        consumed(ours, STORED, consumer)
        await make_anew(ours)
        await publish(ours, 1000, records)
        stopped_and_mended(ours, consumer, records)


async def test_a_topic_made_anew_in_the_blink_of_an_eye(installation: Installation) -> None:
    """Stopped meanwhile, the consumer sees one failed fetch and then a topic of the same name, as long as the old."""
    ours = installation
    with ours.consumer() as consumer:
        consumed(ours, STORED, consumer)
        consumer.send(signal.SIGSTOP)
        await make_anew(ours)
        await publish(ours, 1000, 40)
        consumer.send(signal.SIGCONT)
        stopped_and_mended(ours, consumer, 40)
