"""Dead letters from the topic and back to it: real processes, a genuine Kafka, a genuine database."""

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


def say(ours: Installation, *arguments: str) -> str:
    """What `liuyan consumer dead-letters ARGUMENTS` prints."""
    done = ours.run("consumer", "dead-letters", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(ours: Installation, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in say(ours, "list", "--json", *arguments).splitlines()]


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


async def test_letters_are_published_again_and_settled_by_their_copies(installation: Installation) -> None:
    ours = installation
    junk = Record(b"forum:junk", b"\xff{")
    await ours.publish([comment("1", "很好"), comment("2", "差"), junk, comment("3", "不错", platform="desk")])
    consume(ours, 4, LIUYAN_TOPICS=f"{ours.topic}=desk")
    assert letters(ours, reason="platform_not_allowed") == 2
    assert letters(ours, reason="not_utf8") == 1
    assert ours.comments() == 1

    [bad] = listed(ours, "--reason", "not_utf8")
    assert say(ours, "requeue", "--reason", "platform_not_allowed", "--all") == (
        "Ordered 2 dead letters to be published again.\n"
    )
    assert say(ours, "requeue", str(bad["number"]), "--by", "wang").startswith("Ordered 1 ")
    assert say(ours, "requeue", str(bad["number"]), "--by", "wang").startswith("Ordered 0 ")
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
    shown = say(ours, "show", str(bad["number"]))
    assert "requeued by wang" in shown
    assert "published at partition" in shown
    assert shown.endswith("value\n  \\xff{\n")


async def test_two_consumers_publish_each_letter_once(installation: Installation) -> None:
    ours = installation
    await ours.publish([comment(number, f"第{number}条") for number in range(80)])
    only_desk = {"LIUYAN_TOPICS": f"{ours.topic}=desk", "LIUYAN_POISON_WINDOW": "100000"}
    consume(ours, 80, **only_desk)
    with ours.consumer() as first, ours.consumer() as second:
        for one in (first, second):
            ours.wait_for(lambda: "taken up" in one.output(), seconds=60, process=one)  # noqa: B023
        assert say(ours, "requeue", "--all").startswith("Ordered 80 ")
        ours.wait_for(lambda: letters(ours, state="resolved") == 80, seconds=60, process=first)
        assert ours.number("SELECT COUNT(*) FROM outbox WHERE done_at IS NULL") == 0
    assert ours.stored() == 160
    assert ours.comments() == 80
    assert letters(ours) == 80


async def test_a_crash_between_publishing_and_noting_it_publishes_twice_and_harms_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = installation
    await ours.publish([comment("1", "很好"), Record(b"forum:junk", b"junk")])
    consume(ours, 2, LIUYAN_TOPICS=f"{ours.topic}=desk")
    say(ours, "requeue", "--all")
    async with Store.open(ours.database_url) as store:
        carrier = Outbox(
            store, Connection(ours.kafka), [ours.topic], ERASURE_KEY.encode(), ConsumerMetrics(), lease_seconds=0
        )

        async def crash(*_: object) -> None:
            raise TransientStoreError("killed here")

        with monkeypatch.context() as broken:
            broken.setattr(outbox_module, "mark_published", crash)
            with pytest.raises(TransientStoreError):
                await carrier.round()
        assert await carrier.round()
        await carrier.close()
    copies = [record for record in await topic_contents(ours) if record.headers]
    assert len(copies) == 4
    consume(ours, 6)
    assert ours.query("SELECT state, attempts FROM dead_letters ORDER BY number") in (
        [("resolved", 1), ("open", 1)],
        [("open", 1), ("resolved", 1)],
    )
    assert ours.comments() == 1
    assert ours.counts_that_differ() == []


async def test_what_kafka_does_not_take_is_told(kafka: str, topic: str, database_url: str, tmp_path: Path) -> None:
    ours = Installation(kafka, topic, database_url, tmp_path)
    ours.migrate()
    await ours.create_topic(partitions=1, **{"max.message.bytes": "1000"})
    # As it is it fits; with the header of a copy it does not.
    await ours.publish([Record(b"forum:1", b"x" * 900)])
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic)
    producer.produce(topic, b"small", b"forum:2", headers=[("trace", b"\xfe"), ("trace", None)])
    producer.flush()
    consume(ours, 3)
    say(ours, "requeue", "--all")
    with ours.consumer() as consumer:
        ours.wait_for(lambda: ours.stored() == 4, seconds=30, process=consumer)
        consumer.check()
    small, empty, large = (say(ours, "show", str(letter["number"])) for letter in listed(ours, "--state", "open"))
    assert "Kafka refuses it: " in large
    assert "neither key nor value" in empty
    assert "published at partition 0, offset 3" in small
    copy = (await topic_contents(ours))[-1]
    assert copy.headers[:2] == (("trace", b"\xfe"), ("trace", None))


async def test_letters_are_listed_exported_and_discarded(installation: Installation) -> None:
    ours = installation
    event = json.dumps({"platform": "forum", "id": "1", "text": ""}).encode()
    keyless = Record(None, comment("3", "很好").value)
    await ours.publish([Record(b"forum:1", event), Record(b"forum:2\x1b[31m", b"\xff\xfe"), keyless])
    consume(ours, 3)
    table = say(ours, "list")
    heads, *rows = (line.split("\t") for line in table.splitlines())
    assert heads[:3] == ["number", "stored", "reason"]
    assert len(rows) == 3
    assert {len(row) for row in rows} == {len(heads)}
    assert {row[heads.index("key")] for row in rows} == {"forum:1", "forum:2\\x1b[31m", "(none)"}
    assert len(listed(ours, "--limit", "2")) == 2
    numbers = [letter["number"] for letter in listed(ours)]
    assert numbers == sorted(numbers, reverse=True)

    file = ours.folder / "letters.jsonl"
    say(ours, "export", str(file))
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["number"] for line in exported] == numbers[::-1]
    by_reason = {line["reason"]: line for line in exported}
    assert by_reason["invalid_field"]["value"] == event.decode()
    assert base64.b64decode(by_reason["not_utf8"]["value_base64"]) == b"\xff\xfe"
    assert by_reason["missing_key"]["key"] is None
    assert say(ours, "export", "-", "--reason", "not_utf8").count("\n") == 1

    assert say(ours, "discard", str(numbers[0]), "--by", "wang") == "Discarded 1 dead letters.\n"
    assert len(listed(ours)) == 2
    [discarded] = listed(ours, "--state", "discarded")
    assert (discarded["number"], discarded["settled_by"]) == (numbers[0], "wang")
    assert len(listed(ours, "--all")) == 3
    assert say(ours, "discard", "--all") == "Discarded 2 dead letters.\n"


@pytest.mark.programs
def test_what_cannot_be_done_is_one_line(tmp_path: Path) -> None:
    ours = Installation("127.0.0.1:1", "comments", f"sqlite+aiosqlite:///{tmp_path / 'liuyan.db'}", tmp_path)
    ours.migrate()
    which = "Name the numbers of letters, or say --all"
    sentences = {
        ("requeue",): which,
        ("requeue", "1", "--all"): which,
        ("requeue", "--reason", "nan"): which,
        ("requeue", "9"): "There is no dead letter 9",
        ("show", "9"): "There is no dead letter 9",
        ("list", "--since", "0001-01-01T00:00:00+1400"): "--since is before year 1 or after year 9999 in UTC",
        ("list", "--since", "bad"): "--since 'bad' is not a time: write it like 2026-01-31 or 2026-01-31T08:15:00",
        ("list", "--state", "lost"): "'lost' is not a state: say open, requeued, resolved, discarded.",
        ("export", "no/such/file"): "no/such/file cannot be written: No such file or directory.",
    }
    with ThreadPoolExecutor(4) as several:
        answers = several.map(lambda arguments: ours.run("consumer", "dead-letters", *arguments), sentences)
        for done, sentence in zip(answers, sentences.values(), strict=True):
            assert done.stderr.startswith(f"liuyan: {sentence}")
            assert done.stderr.count("\n") == 1
            assert done.returncode == 2
