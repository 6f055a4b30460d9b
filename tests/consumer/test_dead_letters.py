"""Dead letters and their requeueing, with real processes, Kafka and a real database."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from confluent_kafka import Producer

from consumer import outbox as outbox_module
from consumer.connection import Connection
from consumer.metrics import ConsumerMetrics
from consumer.outbox import Outbox
from store.errors import TransientStoreError
from store.requeued import DEAD_LETTER_HEADER
from store.store import Store
from tests.conftest import RunLiuyan
from tests.harness import ERASURE_KEY, Installation, Record, comment, get


@pytest.fixture
async def installation(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path, run_liuyan: RunLiuyan
) -> Installation:
    """A migrated database and a topic of two partitions."""
    installation = Installation(kafka, topic, migrated_url, tmp_path, run_here=run_liuyan)
    await installation.create_topic(partitions=2)
    return installation


def run_command(installation: Installation, *arguments: str) -> str:
    """Return the output of `liuyan consumer dead-letters ARGUMENTS`."""
    done = installation.run("consumer", "dead-letters", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(installation: Installation, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run_command(installation, "list", "--json", *arguments).splitlines()]


def letters(installation: Installation, **equal: object) -> int:
    conditions = " AND ".join(["true", *(f"{name} = :{name}" for name in equal)])
    return installation.number(f"SELECT COUNT(*) FROM dead_letters WHERE {conditions}", **equal)


def consume(installation: Installation, records: int, **settings: str) -> None:
    with installation.consumer(**settings) as consumer:
        installation.wait_for(lambda: installation.stored() == records, seconds=60, process=consumer)


async def topic_contents(installation: Installation) -> list[ConsumerRecord]:
    async with AIOKafkaConsumer(
        installation.topic, bootstrap_servers=installation.kafka, auto_offset_reset="earliest"
    ) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        read: list[ConsumerRecord] = []
        while len(read) < sum(ends.values()):
            read += [record for some in (await consumer.getmany(timeout_ms=200)).values() for record in some]
        return read


async def test_requeued_dead_letters_are_resolved_by_their_copies(installation: Installation) -> None:
    junk = Record(b"forum:junk", b"\xff{")
    await installation.publish([comment("1", "很好"), comment("2", "差"), junk, comment("3", "不错", platform="desk")])
    consume(installation, 4, LIUYAN_TOPICS=f"{installation.topic}=desk")
    assert letters(installation, reason="platform_not_allowed") == 2
    assert letters(installation, reason="not_utf8") == 1
    assert installation.comments() == 1

    [bad] = listed(installation, "--reason", "not_utf8")
    assert run_command(installation, "requeue", "--reason", "platform_not_allowed", "--all") == (
        "Requeued 2 dead letters.\n"
    )
    assert run_command(installation, "requeue", str(bad["number"]), "--by", "wang").startswith("Requeued 1 ")
    assert run_command(installation, "requeue", str(bad["number"]), "--by", "wang").startswith("Requeued 0 ")
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == 7, seconds=60, process=consumer)
        assert letters(installation, state="resolved") == 2
        metric = 'liuyan_consumer_stored_dead_letters{state="resolved"} 2.0'
        installation.wait_for(lambda: metric in get(f"{consumer.health()}/metrics")[1], seconds=30, process=consumer)
    assert installation.comments() == 3
    assert letters(installation) == 3
    [again] = listed(installation)
    assert (again["state"], again["attempts"], again["offset"]) == ("open", 1, bad["offset"])
    assert again["latest_offset"] > bad["offset"]

    originals = [record for record in await topic_contents(installation) if not record.headers]
    copies = [record for record in await topic_contents(installation) if record.headers]
    assert [[name for name, _ in copy.headers] for copy in copies] == [[DEAD_LETTER_HEADER]] * 3
    assert {(copy.key, copy.value) for copy in copies} == {
        (record.key, record.value) for record in originals if record.key != b"desk:3"
    }
    shown = run_command(installation, "show", str(bad["number"]))
    assert "requeued by wang" in shown
    assert "published at partition" in shown
    assert shown.endswith("value\n  \\xff{\n")


async def test_two_consumers_publish_each_dead_letter_once(installation: Installation) -> None:
    await installation.publish([comment(number, f"第{number}条") for number in range(80)])
    only_desk = {"LIUYAN_TOPICS": f"{installation.topic}=desk", "LIUYAN_POISON_WINDOW": "100000"}
    consume(installation, 80, **only_desk)
    with installation.consumer() as first, installation.consumer() as second:
        for one in (first, second):
            installation.wait_for(lambda: "partitions started" in one.output(), seconds=60, process=one)  # noqa: B023
        assert run_command(installation, "requeue", "--all").startswith("Requeued 80 ")
        installation.wait_for(lambda: letters(installation, state="resolved") == 80, seconds=60, process=first)
        assert installation.number("SELECT COUNT(*) FROM outbox WHERE done_at IS NULL") == 0
    assert installation.stored() == 160
    assert installation.comments() == 80
    assert letters(installation) == 80


async def test_crash_after_publishing_publishes_twice_without_harm(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await installation.publish([comment("1", "很好"), Record(b"forum:junk", b"junk")])
    consume(installation, 2, LIUYAN_TOPICS=f"{installation.topic}=desk")
    run_command(installation, "requeue", "--all")
    async with Store.open(installation.database_url) as store:
        outbox = Outbox(
            store,
            Connection(installation.kafka),
            [installation.topic],
            ERASURE_KEY.encode(),
            ConsumerMetrics(),
            lease_seconds=0,
        )

        async def crash(*_: object) -> None:
            raise TransientStoreError("crash before the message is marked")

        with monkeypatch.context() as broken:
            broken.setattr(outbox_module, "mark_published", crash)
            with pytest.raises(TransientStoreError):
                await outbox.round()
        assert await outbox.round()
        await outbox.close()
    copies = [record for record in await topic_contents(installation) if record.headers]
    assert len(copies) == 4
    consume(installation, 6)
    assert installation.query("SELECT state, attempts FROM dead_letters ORDER BY number") in (
        [("resolved", 1), ("open", 1)],
        [("open", 1), ("resolved", 1)],
    )
    assert installation.comments() == 1
    assert installation.counts_that_differ() == []


async def test_dead_letter_shows_why_kafka_refused_it(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path, run_liuyan: RunLiuyan
) -> None:
    installation = Installation(kafka, topic, migrated_url, tmp_path, run_here=run_liuyan)
    await installation.create_topic(partitions=1, **{"max.message.bytes": "1000"})
    # The original record fits into the limit; the copy with its additional header does not.
    await installation.publish([Record(b"forum:1", b"x" * 900)])
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic)
    producer.produce(topic, b"small", b"forum:2", headers=[("trace", b"\xfe"), ("trace", None)])
    producer.flush()
    consume(installation, 3)
    run_command(installation, "requeue", "--all")
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == 4, seconds=30, process=consumer)
        consumer.check()
    small, empty, large = (
        run_command(installation, "show", str(letter["number"])) for letter in listed(installation, "--state", "open")
    )
    assert "Kafka refuses the record: " in large
    assert "neither key nor value" in empty
    assert "published at partition 0, offset 3" in small
    copy = (await topic_contents(installation))[-1]
    assert copy.headers[:2] == (("trace", b"\xfe"), ("trace", None))


async def test_dead_letters_are_listed_exported_and_discarded(installation: Installation) -> None:
    event = json.dumps({"platform": "forum", "id": "1", "text": ""}).encode()
    keyless = Record(None, comment("3", "很好").value)
    await installation.publish([Record(b"forum:1", event), Record(b"forum:2\x1b[31m", b"\xff\xfe"), keyless])
    consume(installation, 3)
    table = run_command(installation, "list")
    heads, *rows = (line.split("\t") for line in table.splitlines())
    assert heads[:3] == ["number", "stored", "reason"]
    assert len(rows) == 3
    assert {len(row) for row in rows} == {len(heads)}
    assert {row[heads.index("key")] for row in rows} == {"forum:1", "forum:2\\x1b[31m", "(none)"}
    assert len(listed(installation, "--limit", "2")) == 2
    numbers = [letter["number"] for letter in listed(installation)]
    assert numbers == sorted(numbers, reverse=True)

    file = installation.folder / "letters.jsonl"
    run_command(installation, "export", str(file))
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["number"] for line in exported] == numbers[::-1]
    by_reason = {line["reason"]: line for line in exported}
    assert by_reason["invalid_field"]["value"] == event.decode()
    assert base64.b64decode(by_reason["not_utf8"]["value_base64"]) == b"\xff\xfe"
    assert by_reason["missing_key"]["key"] is None
    assert run_command(installation, "export", "-", "--reason", "not_utf8").count("\n") == 1

    assert run_command(installation, "discard", str(numbers[0]), "--by", "wang") == "Discarded 1 dead letters.\n"
    assert len(listed(installation)) == 2
    [discarded] = listed(installation, "--state", "discarded")
    assert (discarded["number"], discarded["settled_by"]) == (numbers[0], "wang")
    assert len(listed(installation, "--all")) == 3
    assert run_command(installation, "discard", "--all") == "Discarded 2 dead letters.\n"


@pytest.mark.programs
def test_invalid_arguments_are_one_line_errors(migrated_sqlite_url: str, tmp_path: Path, run_liuyan: RunLiuyan) -> None:
    installation = Installation("127.0.0.1:1", "comments", migrated_sqlite_url, tmp_path, run_here=run_liuyan)
    selection = "Specify either the numbers of dead letters or --all"
    sentences = {
        ("requeue",): selection,
        ("requeue", "1", "--all"): selection,
        ("requeue", "--reason", "nan"): selection,
        ("requeue", "9"): "There is no dead letter 9",
        ("show", "9"): "There is no dead letter 9",
        ("list", "--since", "0001-01-01T00:00:00+1400"): "Invalid --since: the time must be in the years 1 to 9999",
        ("list", "--since", "bad"): "Invalid --since 'bad'. Use a format such as 2026-01-31 or 2026-01-31T08:15:00",
        ("list", "--state", "lost"): "Invalid state 'lost'. Use one of: open, requeued, resolved, discarded.",
        ("export", "no/such/file"): "Cannot write no/such/file: No such file or directory.",
    }
    for arguments, sentence in sentences.items():
        done = installation.run("consumer", "dead-letters", *arguments)
        assert done.stderr.startswith(f"liuyan: {sentence}")
        assert done.stderr.count("\n") == 1
        assert done.returncode == 2
