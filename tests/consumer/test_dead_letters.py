"""Dead letters and their requeueing, with real processes, Kafka and a real database."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
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
from tests.harness import ERASURE_KEY, Installation, Record, comment, get


@pytest.fixture
async def installation(kafka: str, topic: str, database_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic of two partitions."""
    ours = Installation(kafka, topic, database_url, tmp_path)
    ours.migrate()
    await ours.create_topic(partitions=2)
    return ours


def run_command(ours: Installation, *arguments: str) -> str:
    """Return the output of `liuyan consumer dead-letters ARGUMENTS`."""
    done = ours.run("consumer", "dead-letters", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(ours: Installation, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run_command(ours, "list", "--json", *arguments).splitlines()]


def letters(ours: Installation, **equal: object) -> int:
    conditions = " AND ".join(["true", *(f"{name} = :{name}" for name in equal)])
    return ours.number(f"SELECT COUNT(*) FROM dead_letters WHERE {conditions}", **equal)


def consume(ours: Installation, records: int, **settings: str) -> None:
    with ours.consumer(**settings) as consumer:
        ours.wait_for(lambda: ours.stored() == records, seconds=60, process=consumer)


async def topic_contents(ours: Installation) -> list[ConsumerRecord]:
    async with AIOKafkaConsumer(ours.topic, bootstrap_servers=ours.kafka, auto_offset_reset="earliest") as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        read: list[ConsumerRecord] = []
        while len(read) < sum(ends.values()):
            read += [record for some in (await consumer.getmany(timeout_ms=200)).values() for record in some]
        return read


async def test_requeued_dead_letters_are_resolved_by_their_copies(installation: Installation) -> None:
    ours = installation
    junk = Record(b"forum:junk", b"\xff{")
    await ours.publish([comment("1", "很好"), comment("2", "差"), junk, comment("3", "不错", platform="desk")])
    consume(ours, 4, LIUYAN_TOPICS=f"{ours.topic}=desk")
    assert letters(ours, reason="platform_not_allowed") == 2
    assert letters(ours, reason="not_utf8") == 1
    assert ours.comments() == 1

    [bad] = listed(ours, "--reason", "not_utf8")
    assert run_command(ours, "requeue", "--reason", "platform_not_allowed", "--all") == ("Requeued 2 dead letters.\n")
    assert run_command(ours, "requeue", str(bad["number"]), "--by", "wang").startswith("Requeued 1 ")
    assert run_command(ours, "requeue", str(bad["number"]), "--by", "wang").startswith("Requeued 0 ")
    with ours.consumer() as consumer:
        ours.wait_for(lambda: ours.stored() == 7, seconds=60, process=consumer)
        assert letters(ours, state="resolved") == 2
        metric = 'liuyan_consumer_letters{state="resolved"} 2.0'
        ours.wait_for(lambda: metric in get(f"{consumer.health()}/metrics")[1], seconds=30, process=consumer)
    assert ours.comments() == 3
    assert letters(ours) == 3
    [again] = listed(ours)
    assert (again["state"], again["attempts"], again["offset"]) == ("open", 1, bad["offset"])
    assert again["latest_offset"] > bad["offset"]

    originals = [record for record in await topic_contents(ours) if not record.headers]
    copies = [record for record in await topic_contents(ours) if record.headers]
    assert [[name for name, _ in copy.headers] for copy in copies] == [[DEAD_LETTER_HEADER]] * 3
    assert {(copy.key, copy.value) for copy in copies} == {
        (record.key, record.value) for record in originals if record.key != b"desk:3"
    }
    shown = run_command(ours, "show", str(bad["number"]))
    assert "requeued by wang" in shown
    assert "published at partition" in shown
    assert shown.endswith("value\n  \\xff{\n")


async def test_two_consumers_publish_each_dead_letter_once(installation: Installation) -> None:
    ours = installation
    await ours.publish([comment(number, f"第{number}条") for number in range(80)])
    only_desk = {"LIUYAN_TOPICS": f"{ours.topic}=desk", "LIUYAN_POISON_WINDOW": "100000"}
    consume(ours, 80, **only_desk)
    with ours.consumer() as first, ours.consumer() as second:
        for one in (first, second):
            ours.wait_for(lambda: "partitions started" in one.output(), seconds=60, process=one)  # noqa: B023
        assert run_command(ours, "requeue", "--all").startswith("Requeued 80 ")
        ours.wait_for(lambda: letters(ours, state="resolved") == 80, seconds=60, process=first)
        assert ours.number("SELECT COUNT(*) FROM outbox WHERE done_at IS NULL") == 0
    assert ours.stored() == 160
    assert ours.comments() == 80
    assert letters(ours) == 80


async def test_crash_after_publishing_publishes_twice_without_harm(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = installation
    await ours.publish([comment("1", "很好"), Record(b"forum:junk", b"junk")])
    consume(ours, 2, LIUYAN_TOPICS=f"{ours.topic}=desk")
    run_command(ours, "requeue", "--all")
    async with Store.open(ours.database_url) as store:
        outbox = Outbox(
            store, Connection(ours.kafka), [ours.topic], ERASURE_KEY.encode(), ConsumerMetrics(), lease_seconds=0
        )

        async def crash(*_: object) -> None:
            raise TransientStoreError("crash before the message is marked")

        with monkeypatch.context() as broken:
            broken.setattr(outbox_module, "mark_published", crash)
            with pytest.raises(TransientStoreError):
                await outbox.round()
        assert await outbox.round()
        await outbox.close()
    copies = [record for record in await topic_contents(ours) if record.headers]
    assert len(copies) == 4
    consume(ours, 6)
    assert ours.query("SELECT state, attempts FROM dead_letters ORDER BY number") in (
        [("resolved", 1), ("open", 1)],
        [("open", 1), ("resolved", 1)],
    )
    assert ours.comments() == 1
    assert ours.counts_that_differ() == []


async def test_dead_letter_shows_why_kafka_refused_it(
    kafka: str, topic: str, database_url: str, tmp_path: Path
) -> None:
    ours = Installation(kafka, topic, database_url, tmp_path)
    ours.migrate()
    await ours.create_topic(partitions=1, **{"max.message.bytes": "1000"})
    # The original record fits into the limit; the copy with its additional header does not.
    await ours.publish([Record(b"forum:1", b"x" * 900)])
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic)
    producer.produce(topic, b"small", b"forum:2", headers=[("trace", b"\xfe"), ("trace", None)])
    producer.flush()
    consume(ours, 3)
    run_command(ours, "requeue", "--all")
    with ours.consumer() as consumer:
        ours.wait_for(lambda: ours.stored() == 4, seconds=30, process=consumer)
        consumer.check()
    small, empty, large = (
        run_command(ours, "show", str(letter["number"])) for letter in listed(ours, "--state", "open")
    )
    assert "Kafka refuses the record: " in large
    assert "neither key nor value" in empty
    assert "published at partition 0, offset 3" in small
    copy = (await topic_contents(ours))[-1]
    assert copy.headers[:2] == (("trace", b"\xfe"), ("trace", None))


async def test_dead_letters_are_listed_exported_and_discarded(installation: Installation) -> None:
    ours = installation
    event = json.dumps({"platform": "forum", "id": "1", "text": ""}).encode()
    keyless = Record(None, comment("3", "很好").value)
    await ours.publish([Record(b"forum:1", event), Record(b"forum:2\x1b[31m", b"\xff\xfe"), keyless])
    consume(ours, 3)
    table = run_command(ours, "list")
    heads, *rows = (line.split("\t") for line in table.splitlines())
    assert heads[:3] == ["number", "stored", "reason"]
    assert len(rows) == 3
    assert {len(row) for row in rows} == {len(heads)}
    assert {row[heads.index("key")] for row in rows} == {"forum:1", "forum:2\\x1b[31m", "(none)"}
    assert len(listed(ours, "--limit", "2")) == 2
    numbers = [letter["number"] for letter in listed(ours)]
    assert numbers == sorted(numbers, reverse=True)

    file = ours.folder / "letters.jsonl"
    run_command(ours, "export", str(file))
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["number"] for line in exported] == numbers[::-1]
    by_reason = {line["reason"]: line for line in exported}
    assert by_reason["invalid_field"]["value"] == event.decode()
    assert base64.b64decode(by_reason["not_utf8"]["value_base64"]) == b"\xff\xfe"
    assert by_reason["missing_key"]["key"] is None
    assert run_command(ours, "export", "-", "--reason", "not_utf8").count("\n") == 1

    assert run_command(ours, "discard", str(numbers[0]), "--by", "wang") == "Discarded 1 dead letters.\n"
    assert len(listed(ours)) == 2
    [discarded] = listed(ours, "--state", "discarded")
    assert (discarded["number"], discarded["settled_by"]) == (numbers[0], "wang")
    assert len(listed(ours, "--all")) == 3
    assert run_command(ours, "discard", "--all") == "Discarded 2 dead letters.\n"


def test_invalid_arguments_are_one_line_errors(tmp_path: Path) -> None:
    ours = Installation("127.0.0.1:1", "comments", f"sqlite+aiosqlite:///{tmp_path / 'liuyan.db'}", tmp_path)
    ours.migrate()
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
    with ThreadPoolExecutor(4) as several:
        answers = several.map(lambda arguments: ours.run("consumer", "dead-letters", *arguments), sentences)
        for done, sentence in zip(answers, sentences.values(), strict=True):
            assert done.stderr.startswith(f"liuyan: {sentence}")
            assert done.stderr.count("\n") == 1
            assert done.returncode == 2
