"""Published comments are stored exactly once, with real processes, Kafka and a real database."""

import asyncio
import json
import random
import signal
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.conftest import RunLiuyan
from tests.consumer.test_event import EVENT, nested
from tests.harness import START, Installation, Process, Record, comment, get, real_comments, tombstone

SMALL_BATCHES = {"LIUYAN_BATCH_RECORDS": "100"}
ASSIGNED = "liuyan_consumer_assigned_partitions "


@pytest.fixture
async def installation(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path, run_liuyan: RunLiuyan
) -> Installation:
    """A migrated database and a topic of four partitions."""
    installation = Installation(kafka, topic, migrated_url, tmp_path, run_here=run_liuyan)
    await installation.create_topic(partitions=4)
    return installation


def assert_stored_once(installation: Installation, count: int) -> None:
    assert installation.comments() == count
    assert installation.number("SELECT COUNT(DISTINCT platform, id) FROM comments") == count
    assert installation.number("SELECT COUNT(*) FROM predictions") == count
    assert installation.number("SELECT SUM(n) FROM hourly_counts") == count
    assert installation.number("SELECT COUNT(*) FROM dead_letters") == 0
    assert installation.counts_that_differ() == []


async def test_20000_real_comments_become_20000_rows(installation: Installation) -> None:
    records = real_comments(20_000)
    with installation.consumer() as consumer:
        await installation.publish(records)
        installation.wait_for(lambda: installation.stored() == 20_000, seconds=120, process=consumer)
        assert_stored_once(installation, 20_000)
        sent = time.monotonic()
        consumer.send(signal.SIGTERM)
        assert consumer.wait(20) == 0
        assert time.monotonic() - sent < 20
    fields = json.loads(records[4_711].value or b"")
    [(stored_text, probability, label)] = installation.query(
        "SELECT c.text, p.probability, p.label FROM comments c JOIN predictions p ON p.comment_number = c.number "
        "WHERE c.platform = :platform AND c.id = :id",
        platform=fields["platform"],
        id=fields["id"],
    )
    assert stored_text == fields["text"]
    assert (probability >= 0.5) == (label == "positive")


async def test_five_kills_neither_lose_nor_duplicate_comments(installation: Installation) -> None:
    await installation.publish(real_comments(6_000))
    randomly = random.Random(3)
    for kill in range(5):
        reached = installation.stored()
        with installation.consumer(**SMALL_BATCHES) as consumer:
            # Kill it after its first stored batch, before everything is stored.
            installation.wait_for(lambda: installation.stored() > reached, seconds=60, process=consumer)  # noqa: B023
            await asyncio.sleep(randomly.uniform(0, 0.1))
            consumer.kill()
        assert installation.stored() < 6_000, f"kill {kill} came too late"
    with installation.consumer() as consumer:
        # A partition without progress so far counts as suspicious and is read record by record.
        installation.wait_for(lambda: installation.stored() == 6_000, seconds=240, process=consumer)
    assert_stored_once(installation, 6_000)


async def test_killing_one_of_two_consumers_loses_nothing(installation: Installation) -> None:
    records = real_comments(12_000)
    with installation.consumer(**SMALL_BATCHES) as first, installation.consumer(**SMALL_BATCHES) as second:
        await installation.publish(records[:100])
        installation.wait_for(lambda: installation.stored() == 100, seconds=60, process=first)
        both_consume(installation, first, second)
        await installation.publish(records[100:])
        installation.wait_for(lambda: installation.stored() > 1_000, seconds=60, process=first)
        first.kill()
        assert installation.stored() < 12_000
        installation.wait_for(lambda: installation.stored() == 12_000, seconds=90, process=second)
    assert_stored_once(installation, 12_000)


def both_consume(installation: Installation, *processes: Process) -> None:
    installation.wait_for(lambda: all(assigned(process) == 2 for process in processes), seconds=30)


def assigned(process: Process) -> float:
    """Return the number of assigned partitions; 0 while the consumer starts."""
    process.check()
    address = process.health()
    answer = get(f"{address}/metrics")[1] if address is not None else ""
    numbers = [float(line.split()[1]) for line in answer.splitlines() if line.startswith(ASSIGNED)]
    return sum(numbers)


def readiness(process: Process) -> str:
    """Return the body of /readyz; empty while the consumer starts."""
    address = process.health()
    return get(f"{address}/readyz")[1] if address is not None else ""


def bad(value: object, key: bytes | None = b"forum:bad") -> Record:
    return Record(key, value if isinstance(value, bytes) else json.dumps(value).encode())


async def test_invalid_records_become_dead_letters_and_valid_ones_are_stored(installation: Installation) -> None:
    event = {**EVENT, "id": "bad"}
    poison = {
        "not_utf8": bad(b'{"text": "\xff"}'),
        "not_json": bad(b"\xef\xbb\xbf{}"),
        "not_an_object": bad([1]),
        "duplicate_keys": bad(b'{"id":1,"id":2}'),
        "nan": bad(b'{"id":NaN}'),
        "too_deep": bad({**event, "x": nested(40)}),
        "lone_surrogate": bad({**event, "text": "\ud83d"}),
        "invalid_field": bad({**event, "text": "x" * 900_000}),
        "edited_before_created": bad({**event, "edited_at": "2020-01-01T00:00:00Z"}),
        "from_the_future": bad({**event, "created_at": "2999-01-01T00:00:00Z"}),
        "missing_key": bad(event, None),
        "key_contradicts_value": bad(event, b"forum:other"),
        "invalid_key": Record(b"no colon", None),
    }
    records = []
    for number, record in enumerate(poison.values()):
        records += [comment(number, f"第{number}条，很满意"), record]
    await installation.publish(records)
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == len(records), seconds=60, process=consumer)
    assert installation.comments() == len(poison)
    letters = installation.query("SELECT reason, `key`, value, detail FROM dead_letters")
    assert {reason: (key, value) for reason, key, value, _ in letters} == {
        reason: (record.key, record.value) for reason, record in poison.items()
    }
    assert len(letters) == len(poison)
    assert all(detail for *_, detail in letters)


async def test_record_too_large_for_the_database_becomes_a_dead_letter(installation: Installation) -> None:
    [(packet,)] = installation.query("SELECT @@GLOBAL.max_allowed_packet")
    large = comment("large", "𠮷" * 10_000)
    records = [*(comment(number, "很好") for number in range(20)), large, *(comment(n, "差") for n in range(20, 40))]
    # The first consumer stores the model's files, which need larger packets.
    with installation.consumer() as consumer:
        installation.wait_for(lambda: "consuming" in consumer.output(), seconds=60, process=consumer)
    installation.execute("SET GLOBAL max_allowed_packet = 32768")
    try:
        await installation.publish(records)
        with installation.consumer() as consumer:
            installation.wait_for(lambda: installation.stored() == 41, seconds=60, process=consumer)
    finally:
        installation.execute(f"SET GLOBAL max_allowed_packet = {packet}")
    assert installation.comments() == 40
    [letter] = installation.query("SELECT reason, platform, truncated, value_bytes FROM dead_letters")
    assert tuple(letter) == ("refused_by_database", "forum", 1, len(large.value or b""))
    assert installation.counts_that_differ() == []


async def test_edits_late_versions_redeliveries_and_tombstones(installation: Installation) -> None:
    now = int(time.time() * 1000)
    await installation.publish(
        [
            comment("edited", "还行"),
            comment("edited", "太差了，退货", edited=5),
            comment("edited", "还行", edited=1),
            comment("twice", "不错"),
            comment("twice", "不错"),
            comment("erased", "删掉我"),
            tombstone("erased", timestamp=now),
            comment("erased", "删掉我"),
            comment("back", "旧的"),
            tombstone("back", timestamp=int(START.timestamp() * 1000) + 1),
            comment("back", "新的", minutes=10),
        ]
    )
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == 11, seconds=60, process=consumer)
    rows = dict(installation.query("SELECT id, text FROM comments"))
    assert rows == {"edited": "太差了，退货", "twice": "不错", "back": "新的"}
    assert installation.query("SELECT text FROM comment_versions") == [("还行",)]
    assert installation.number("SELECT COUNT(*) FROM erasures") == 2
    assert installation.counts_that_differ() == []


async def test_aborted_transactions_are_skipped(installation: Installation) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=installation.kafka, transactional_id=f"tx-{installation.topic}"
    ) as producer:
        for round_ in range(3):
            for commits in (False, True):
                await producer.begin_transaction()
                for number in range(5):
                    record = comment(f"{round_}-{number}-{commits}", "好")
                    await producer.send_and_wait(installation.topic, record.value, key=record.key, partition=0)
                await (producer.commit_transaction() if commits else producer.abort_transaction())
        await producer.begin_transaction()
        await producer.send_and_wait(installation.topic, record.value, key=record.key, partition=0)
        await producer.abort_transaction()
    with installation.consumer() as consumer:
        # 30 events and 6 markers, then an aborted event and its marker, which no poll returns.
        installation.wait_for(lambda: installation.stored() == 38, seconds=60, process=consumer)
    assert installation.comments() == 15
    assert installation.number("SELECT COUNT(*) FROM comments WHERE id LIKE '%False'") == 0


async def test_committed_offsets_in_kafka_are_ignored(installation: Installation) -> None:
    """A partition without a stored offset starts at the log start offset, whatever is committed in Kafka."""
    await installation.publish(Record(record.key, record.value, partition=0) for record in real_comments(40))
    async with AIOKafkaConsumer(bootstrap_servers=installation.kafka, group_id=installation.group) as elsewhere:
        partition = TopicPartition(installation.topic, 0)
        elsewhere.assign([partition])
        await elsewhere.commit({partition: 30})
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == 40, seconds=60, process=consumer)
    assert installation.comments() == 40


async def test_partition_is_paused_resumed_and_sought_through_its_row(installation: Installation) -> None:
    keyed = [Record(record.key, record.value, partition=0) for record in real_comments(60)]
    with installation.consumer() as consumer:
        await installation.publish(keyed[:20])
        installation.wait_for(lambda: installation.comments() == 20, seconds=60, process=consumer)
        done = installation.run("consumer", "pause", installation.topic, "0", "--reason", "test")
        assert done.returncode == 0, done.stderr
        installation.wait_for(lambda: "Paused" in readiness(consumer), seconds=15, process=consumer)
        await installation.publish(keyed[20:])
        await asyncio.sleep(1)
        assert installation.comments() == 20
        status = installation.run("consumer", "status")
        assert "\tpaused\ttest\n" in status.stdout
        assert status.stderr.splitlines()[-1] == "lag 40"
        assert installation.run("consumer", "seek", installation.topic, "0", "--to", "41").returncode == 0
        installation.wait_for(lambda: installation.stored() == 60, seconds=15, process=consumer)
        assert installation.comments() == 39
        assert installation.run("consumer", "seek", installation.topic, "0", "--to", "0").returncode == 0
        installation.wait_for(lambda: installation.comments() == 60, seconds=15, process=consumer)
        assert get(f"{consumer.health()}/readyz")[0] == 200
        assert get(f"{consumer.health()}/livez")[0] == 200


async def test_circuit_breaker_survives_restart_and_rebalance_until_resume(installation: Installation) -> None:
    settings = {"LIUYAN_POISON_WINDOW": "20", "LIUYAN_BATCH_RECORDS": "10"}
    await installation.publish([Record(b"forum:x", b"poison", partition=1) for _ in range(100)])
    with installation.consumer(**settings) as consumer:
        paused = "SELECT COUNT(*) FROM partitions WHERE paused_reason LIKE 'circuit breaker%'"
        installation.wait_for(lambda: installation.number(paused) == 1, seconds=60, process=consumer)
        consumer.send(signal.SIGTERM)
        assert consumer.wait(20) == 0
    letters = installation.number("SELECT COUNT(*) FROM dead_letters")
    assert 20 <= letters < 60
    with installation.consumer(**settings) as consumer:
        installation.wait_for(lambda: "Paused" in readiness(consumer), seconds=30, process=consumer)
        assert_pause_is_reported(installation, consumer)
        with installation.consumer(**settings) as another:
            both_consume(installation, consumer, another)
            holder = consumer if "Paused" in readiness(consumer) else another
            installation.wait_for(lambda: "Paused" in readiness(holder), seconds=15, process=holder)
            assert_pause_is_reported(installation, holder)
            assert installation.number("SELECT COUNT(*) FROM dead_letters") == letters
        assert installation.run("consumer", "resume", installation.topic, "1").returncode == 0
        installation.wait_for(
            lambda: installation.number("SELECT COUNT(*) FROM dead_letters") > letters, seconds=30, process=consumer
        )


def assert_pause_is_reported(installation: Installation, consumer: Process) -> None:
    """Check the pause in /readyz, in the metrics and in the output of `status`."""
    assert f"Paused: {installation.topic} 1 (circuit breaker" in readiness(consumer)
    assert get(f"{consumer.health()}/readyz")[0] == 503
    gauge = f'liuyan_consumer_partition_paused{{partition="1",topic="{installation.topic}"}} 1.0'
    assert gauge in get(f"{consumer.health()}/metrics")[1]
    output = installation.run("consumer", "status").stdout
    assert "\tpaused\tcircuit breaker: " in output
    assert f"`liuyan consumer resume {installation.topic} 1`" in output
