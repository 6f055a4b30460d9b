"""The producer examples with a real Kafka: the consumer's parser accepts the records that they publish."""

import ast
import asyncio
import csv
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.event import CommentEvent, Erasure, Parsed, parse, parse_value
from consumer.topics import Topics

ROOT = Path(__file__).parents[2]
PARTITIONS = 3
EVENT = '{{"platform":"shop","id":"{id}","text":"{text}","created_at":"2026-01-31T08:15:00+08:00"}}'
HEADER = "platform,id,text,created_at,edited_at,author,thread"

pytestmark = pytest.mark.timeout(90)


@dataclass(frozen=True)
class Ended:
    """The result of running an example."""

    status: int
    output: str
    errors: str


Example = Callable[..., Coroutine[None, None, Ended]]


@pytest.fixture
async def new_topic(kafka: str, topic: str) -> str:
    await Topics(kafka).create(topic, partitions=PARTITIONS, replication=1, settings={})
    return topic


@pytest.fixture
def example(kafka: str, topic: str) -> Example:
    async def run(name: str, *arguments: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(str(ROOT / "producer_examples" / name), *arguments, "--kafka", kafka, "--topic", topic),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        return Ended(process.returncode or 0, output.decode(), errors.decode())

    return run


async def published(kafka: str, topic: str) -> list[Parsed]:
    """Return all records of the topic, parsed."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                records += batch
    return [parse(record.key, record.value, record.timestamp) for record in records]


async def test_forum_publishes_posts_an_edit_and_an_erasure(kafka: str, new_topic: str, example: Example) -> None:
    ended = await example("forum.py")
    assert (ended.status, ended.errors) == (0, "")
    parsed = await published(kafka, new_topic)
    comments = [event for event in parsed if isinstance(event, CommentEvent)]
    assert sorted(event.id for event in comments) == ["post-1", "post-2", "post-2", "post-3", "post-4"]
    assert [event.edited_at is None for event in comments if event.id == "post-2"] == [True, False]
    assert [event for event in parsed if isinstance(event, Erasure)] == [Erasure("forum", "post-4")]
    assert len(parsed) == 6


async def test_support_desk_publishes_messages_and_erases_a_customers(
    kafka: str, new_topic: str, example: Example
) -> None:
    ended = await example("support_desk.py")
    assert (ended.status, ended.errors) == (0, "")
    parsed = await published(kafka, new_topic)
    comments = [event for event in parsed if isinstance(event, CommentEvent)]
    assert {event.id for event in comments} == {f"T-100{ticket}/{number}" for ticket in (1, 2, 3) for number in (1, 2)}
    erased = [event for event in parsed if isinstance(event, Erasure)]
    assert {event.id for event in erased} == {event.id for event in comments if event.author == "customer-31"}
    assert len(parsed) == len(comments) + len(erased) == 8


async def test_csv_file_is_published(kafka: str, new_topic: str, example: Example, tmp_path: Path) -> None:
    path = tmp_path / "comments.csv"
    rows = [f'shop,item/{number},"好评 👍, ""真的""",2026-01-31T08:15:00+08:00,,u-1,' for number in range(2_500)]
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8-sig")
    ended = await example("publish_file.py", str(path))
    assert (ended.status, ended.output, ended.errors) == (0, "published 2500 events\n", "")
    parsed = await published(kafka, new_topic)
    comments = {event.id: event for event in parsed if isinstance(event, CommentEvent)}
    assert len(comments) == len(parsed) == 2_500
    assert comments["item/7"].text == '好评 👍, "真的"'
    assert (comments["item/7"].author, comments["item/7"].thread) == ("u-1", None)


async def test_json_lines_are_published(kafka: str, new_topic: str, example: Example, tmp_path: Path) -> None:
    path = tmp_path / "comments.jsonl"
    path.write_text(
        EVENT.format(id="1", text="好") + "\n\n" + EVENT.format(id="2", text="差") + "\r\n", encoding="utf-8"
    )
    ended = await example("publish_file.py", str(path))
    assert (ended.status, ended.output) == (0, "published 2 events\n")
    parsed = await published(kafka, new_topic)
    assert {event.text for event in parsed if isinstance(event, CommentEvent)} == {"好", "差"}


async def test_invalid_lines_are_reported_and_nothing_is_published(
    kafka: str, new_topic: str, example: Example, tmp_path: Path
) -> None:
    path = tmp_path / "comments.jsonl"
    bad = [EVENT.format(id="2", text=""), '{"platform":', EVENT.format(id="4", text="x" * 200_000)]
    path.write_text("\n".join([EVENT.format(id="1", text="好"), *bad]), encoding="utf-8")
    ended = await example("publish_file.py", str(path))
    assert ended.status == 1
    assert "line 2: field text: must not be empty\n" in ended.errors
    assert "line 3: the value is not JSON" in ended.errors
    assert "line 4: field text: must have at most 10000 characters" in ended.errors
    assert ended.errors.endswith("3 of 4 events are invalid; nothing was published.\n")
    assert await published(kafka, new_topic) == []


async def test_invalid_rows_of_a_csv_file_are_reported(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "comments.csv"
    path.write_bytes(f"{HEADER}\nshop,1,好,gestern,,,\nshop,2,,2026-01-31T08:15:00Z,,,\n".encode())
    ended = await example("publish_file.py", str(path))
    assert ended.status == 1
    assert "line 2: field created_at: must be an RFC 3339 time" in ended.errors
    assert "line 3: field text: is missing" in ended.errors


async def test_unquoted_comma_is_reported(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "comments.csv"
    path.write_text(f"{HEADER}\nshop,1,good, but slow,2026-01-31T08:15:00Z,,,\n", encoding="utf-8")
    ended = await example("publish_file.py", str(path))
    assert ended.status == 2
    assert "line 2: has more cells than the header" in ended.errors


async def test_missing_kafka_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "comments.jsonl"
    path.write_text(EVENT.format(id="1", text="好"), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(ROOT / "producer_examples" / "publish_file.py"), str(path), "--kafka", "127.0.0.1:9"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "Kafka failed after 0 of 1 events" in errors.decode()
    assert "Traceback" not in errors.decode()


def test_events_in_the_readme_are_valid() -> None:
    lines = [line.strip() for line in (ROOT / "producer_examples" / "README.md").read_text().splitlines()]
    records = [line.split("\t") for line in lines if "\t" in line]
    parsed = [parse(key.encode(), None if value == "NULL" else value.encode(), -1) for key, value in records]
    assert [type(one) for one in parsed] == [CommentEvent, CommentEvent, CommentEvent, Erasure]
    [row] = csv.DictReader([line for line in lines if line.startswith((HEADER, "shop,"))])
    fields = {name: cell for name, cell in row.items() if cell}
    assert isinstance(parse_value(json.dumps(fields).encode()), CommentEvent)


@pytest.mark.parametrize("name", ["forum.py", "support_desk.py", "publish_file.py"])
def test_examples_import_only_aiokafka_and_the_standard_library(name: str) -> None:
    tree = ast.parse((ROOT / "producer_examples" / name).read_text(encoding="utf-8"))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert {module.partition(".")[0] for module in modules} - sys.stdlib_module_names == {"aiokafka"}


def test_examples_to_read_have_fewer_than_80_lines() -> None:
    # publish_file.py is a program to run rather than an example to read.
    lengths = {path.name: len(path.read_text().splitlines()) for path in (ROOT / "producer_examples").glob("*.py")}
    assert set(lengths) == {"__init__.py", "forum.py", "support_desk.py", "publish_file.py"}
    del lengths["publish_file.py"]
    assert max(lengths.values()) < 80, lengths
