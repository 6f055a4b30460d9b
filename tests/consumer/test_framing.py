"""Schema registry frames: JSON values are accepted, other formats are rejected with an explanation."""

import json
import struct
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from typer.testing import CliRunner

from consumer.check_event import check_lines, partition_of
from consumer.commands import app
from consumer.contract import build_contract
from consumer.event import CommentEvent, Reason, Rejection, parse, split_frame
from tests.consumer.test_event import EVENT, KEY, NOW, encoded
from tests.harness import Installation, Record

SCHEMA = json.dumps({**build_contract()["components"]["schemas"]["CommentEvent"], "title": "CommentEvent"})


def serialized(fields: dict[str, object], **settings: object) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return the value and headers that Confluent's serializer writes with the contract's schema."""
    registry = SchemaRegistryClient.new_client({"url": "mock://"})
    headers: list[tuple[str, bytes]] = []
    context = SerializationContext("comments", MessageField.VALUE, headers)  # type: ignore[arg-type] # lists vary
    value: bytes = JSONSerializer(SCHEMA, registry, conf=settings)(fields, context)
    return value, headers


def framed(content: bytes, schema_id: int = 7) -> bytes:
    return struct.pack(">bI", 0, schema_id) + content


def test_value_of_confluent_serializer_is_parsed() -> None:
    value, _ = serialized(EVENT)
    assert value.startswith(b"\0\0\0\0")
    assert parse(KEY, value, NOW) == parse(KEY, encoded(), NOW)
    assert split_frame(value) == (1, value[5:])


def test_schema_id_in_header_is_ignored() -> None:
    value, headers = serialized(EVENT, **{"schema.id.serializer": header_schema_id_serializer})
    assert [name for name, _ in headers] == ["__value_schema_id"]
    assert isinstance(parse(KEY, value, NOW), CommentEvent)


@pytest.mark.parametrize("schema_id", [0, 7, 10, 0x0A0A0A0A, 0x7B7D0D0A, 2**32 - 1])
def test_frame_is_removed_for_any_schema_id(schema_id: int) -> None:
    assert isinstance(parse(KEY, framed(encoded(), schema_id), NOW), CommentEvent)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (framed(b"\x0aforum\x0cpost:1"), Reason.UNKNOWN_FRAMING),  # Avro: strings with their lengths.
        (framed(b"\0\x0a\x05forum\x12\x06post:1"), Reason.UNKNOWN_FRAMING),  # Protobuf: message indexes, then fields.
        (framed(b"\xff\xfe"), Reason.UNKNOWN_FRAMING),
        (framed(b""), Reason.UNKNOWN_FRAMING),
        (framed(framed(encoded())), Reason.UNKNOWN_FRAMING),
        (b"\0", Reason.NOT_JSON),
        (b"\0\0\0\1", Reason.NOT_JSON),
        (b"\1" + framed(encoded())[1:], Reason.NOT_JSON),
        (framed(encoded()[:-1]), Reason.NOT_JSON),
        (framed(b'{"text": "\xff"}'), Reason.NOT_UTF8),
        (framed(b"[]"), Reason.NOT_AN_OBJECT),
        (framed(encoded(text="")), Reason.INVALID_FIELD),
        (framed(encoded(id="other")), Reason.KEY_CONTRADICTS_VALUE),
    ],
)
def test_invalid_framed_values_are_rejected_with_a_reason(value: bytes, reason: Reason) -> None:
    rejection = parse(KEY, value, NOW)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert ("schema id 7" in rejection.detail) == (reason is Reason.UNKNOWN_FRAMING)


@pytest.mark.parametrize("value", [encoded(), None])
def test_framed_key_is_explained(value: bytes | None) -> None:
    rejection = parse(framed(b'"forum:post:1"'), value, NOW)
    assert isinstance(rejection, Rejection)
    assert rejection.detail.endswith("it has a schema registry frame; serialize keys as plain strings")


def test_check_event_explains_frames(tmp_path: Path) -> None:
    file = tmp_path / "events"
    # Three of the ids contain line breaks.
    values = [encoded(), framed(encoded()), framed(encoded(), 10), framed(encoded(), 0x0A0A0A0A), framed(b"\x0aforum")]
    file.write_bytes(b"\n".join(values) + b"\n")
    result = CliRunner().invoke(app, ["check-event", str(file), "--partitions", "8"])
    partition = partition_of(KEY, 8)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert rows[0] == ["line", "key", "partition", "reason", "detail", "note"]
    notes = ["-", *(f"the schema registry frame (schema id {id}) is removed" for id in (7, 10, 168430090))]
    assert rows[1:5] == [
        [line, "forum:post:1", str(partition), "-", "-", note] for line, note in zip("1235", notes, strict=True)
    ]
    assert rows[5][3] == "unknown_framing"
    assert rows[5][4].startswith("the value has a schema registry frame (schema id 7) but no JSON after it")
    assert result.exit_code == 1


def test_file_that_ends_within_a_frame_is_checked() -> None:
    [verdict] = check_lines([b"\0\0\n"], 4)
    assert verdict.reason == Reason.NOT_JSON


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic of one partition."""
    installation = Installation(kafka, topic, migrated_url, tmp_path)
    await installation.create_topic(partitions=1)
    return installation


async def test_framed_records_are_stored_and_dead_letters_keep_the_frame(
    installation: Installation,
) -> None:
    good, _ = serialized({**EVENT, "id": "1"})
    avro = framed(b"\x0aforum\x022")
    await installation.publish([Record(b"forum:1", good), Record(b"forum:2", avro)])
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == 2, seconds=60, process=consumer)
    assert installation.query("SELECT id, text FROM comments") == [("1", EVENT["text"])]
    [(reason, key, value)] = installation.query("SELECT reason, `key`, value FROM dead_letters")
    assert (reason, key, value) == ("unknown_framing", b"forum:2", avro)
