"""publish_file.py: typical and broken files, agreement with the consumer's parser, and errors."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.event import CommentEvent, parse_value
from consumer.topics import Topics
from producer_examples.publish_file import FIELDS, REQUIRED, EventError, FileError, check, parse_event, read_events
from tests.consumer import test_fuzz
from tests.consumer.test_event import EVENT, encoded, nested
from tests.file_cases import BOTH, CASES, GOOD, HEADER, PLAIN, FileCase, row, table

PROGRAM = Path(__file__).parents[2] / "producer_examples" / "publish_file.py"
TRADITIONAL = "物流很快，包裝也好，服務很滿意"


def read(path: Path, encoding: str | None = None) -> tuple[str, ...]:
    """Return the texts that the file would publish."""
    events = read_events(path, encoding)
    assert len(check(events)) == len(events)
    return tuple(event.fields["text"] for event in events if event.fields is not None)


def rejection(path: Path, capsys: pytest.CaptureFixture[str], encoding: str | None = None) -> str:
    """Return the message with which the file, or one of its lines, is rejected."""
    with pytest.raises((FileError, SystemExit)) as rejected:
        check(read_events(path, encoding))
    return str(rejected.value) if isinstance(rejected.value, FileError) else capsys.readouterr().err


def is_valid(value: bytes) -> bool:
    try:
        parse_event(value)
    except EventError:
        return False
    return True


def test_fields_are_those_of_the_contract() -> None:
    fields = CommentEvent.model_fields
    assert set(FIELDS) == set(fields)
    assert set(REQUIRED) == {name for name, field in fields.items() if field.is_required()}


@pytest.mark.parametrize(
    "value",
    [
        *(encoded(**{name: None}) for name in FIELDS),
        *(encoded(**{name: ""}) for name in FIELDS),
        *(encoded(**{name: 7}) for name in FIELDS),
        *(
            encoded(**{name: "x" * length})
            for name in FIELDS
            for length in (32, 33, 128, 129, 256, 257, 10_000, 10_001)
        ),
        *(encoded(extra=nested(depth)) for depth in (31, 32, 500)),
        b'{"x":' * 100_000,
        *(encoded(created_at=time) for time in test_fuzz.TIMES),
        encoded(edited_at="2026-01-31T00:14:59Z"),
        encoded(edited_at="2026-01-31T00:15:00.0000001Z"),
        encoded(platform="forum\n"),
        encoded(text="\ud83d"),
        encoded(extra="x" * 2**20),
        b'{"id": 1, "id": 2}',
        b"[]",
        b"\xef\xbb\xbf" + encoded(),
    ],
)
def test_check_agrees_with_the_consumers_parser(value: bytes) -> None:
    assert is_valid(value) == isinstance(parse_value(value), CommentEvent)


def test_check_agrees_with_the_consumers_parser_on_mutated_events() -> None:
    results = set()
    for _, value, _ in test_fuzz.records(5_000, seed=2):
        if value is None or b"\0" in value or not _is_utf_8(value):
            continue  # Rejected before events are parsed.
        assert is_valid(value) == isinstance(parse_value(value), CommentEvent), value
        results.add(is_valid(value))
    assert results == {True, False}
    assert is_valid(json.dumps(EVENT).encode())


def _is_utf_8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_typical_and_broken_files(case: FileCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content)
    if case.texts:
        assert read(path) == case.texts
        return
    sentence = rejection(path, capsys)
    expected = ("has no comments",) if case.texts == () else case.says
    assert all(part in sentence for part in expected), sentence
    assert case.line is None or f"line {case.line}: " in sentence


@pytest.mark.parametrize("encoding", ["big5", "gbk", "utf-16-le", "utf-8"])
def test_encoding_can_be_specified(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "named.csv").write_bytes(table(TRADITIONAL).encode(encoding))
    assert read(tmp_path / "named.csv", encoding) == (TRADITIONAL,)


@pytest.mark.parametrize("encoding", ["big5", "latin-1", "shift_jis", "koi8-r", "cp1252"])
def test_other_encodings_are_not_mistaken_for_gb18030(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"big5": TRADITIONAL, "shift_jis": "とても良いです", "koi8-r": "очень хорошо"}
    text = words.get(encoding, "très bien, déjà reçu".replace(",", ""))
    (tmp_path / "other.csv").write_bytes(table(*[text] * 5).encode(encoding))
    assert "line 2: is not UTF-8" in rejection(tmp_path / "other.csv", capsys)


@pytest.mark.parametrize("encoding", ["klingon", "base64", "ascii", "utf-32"])
def test_wrong_encoding_is_one_line(encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file.csv").write_bytes(table(GOOD).encode())
    assert rejection(tmp_path / "file.csv", capsys, encoding).count("\n") == 0


def test_unknown_columns_are_not_published(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(f"{HEADER},html\n{row(1, GOOD)},{'<p>' * 100_000}\n", encoding="utf-8")
    [event] = read_events(path, None)
    assert len(event.value) < 200


def test_header_must_have_the_required_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file.csv").write_text("id,评论内容\n1,好\n", encoding="utf-8")
    sentence = rejection(tmp_path / "file.csv", capsys)
    assert sentence.startswith("line 1: the header has no platform, text, created_at;")


@pytest.mark.parametrize("text", ['[{"text":"好吃"},{"text":"难吃"}]', '\n[\n  {\n    "text": "好吃"\n  }\n]\n', "[]"])
def test_json_array_is_rejected(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "json.json"
    file.write_bytes(text.encode("utf-8-sig"))
    assert rejection(file, capsys) == "This is a JSON array. Write one object per line (JSON Lines)."


def test_reported_lines_are_those_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ['"两\n行\n"', PLAIN, ""]
    (tmp_path / "file.csv").write_text(table(*rows), encoding="utf-8", newline="")
    assert "line 6: field text: is missing" in rejection(tmp_path / "file.csv", capsys)


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def good_file(tmp_path: Path) -> Path:
    (tmp_path / "good.csv").write_text(table(*BOTH), encoding="utf-8")
    return tmp_path / "good.csv"


def test_unusable_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "open.csv").write_text(table('"' + GOOD), encoding="utf-8")
    (tmp_path / "escape.jsonl").write_text('{"\x1b[31m": 1}\n', encoding="utf-8")
    sentences = {
        "absent.csv": (2, "absent.csv: No such file or directory."),
        ".": (2, ": Is a directory."),
        "open.csv": (2, "line 2: a quote that opens here is not closed at the end of its cell"),
        "escape.jsonl": (1, "line 1: the value is not JSON: Invalid control character at character 3"),
    }
    for name, (status, sentence) in sentences.items():
        done = run(tmp_path / name)
        assert (done.returncode, done.stdout) == (status, "")
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stderr


@pytest.mark.parametrize("kafka", ["127.0.0.1:9", "127.0.0.1:99999", "no-such-host.invalid:9092", "::::", "a b", ""])
def test_unreachable_kafka_is_reported(kafka: str, good_file: Path) -> None:
    done = run(good_file, "--kafka", kafka)
    assert done.returncode == 1
    assert "Kafka failed after 0 of 2 events" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"KAFKA_PASSWORD": "p", "KAFKA_CA_FILE": "absent.pem"}, "Cannot use KAFKA_CA_FILE absent.pem: No such file"),
        ({}, "KAFKA_USERNAME is set. Also set KAFKA_PASSWORD."),
    ],
)
def test_wrong_credentials_are_one_line(
    good_file: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in {"KAFKA_USERNAME": "u", **variables}.items():
        monkeypatch.setenv(name, value)
    done = run(good_file)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(message)


def test_it_can_be_stopped(good_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # Accepts connections and never responds.
        command = [sys.executable, str(PROGRAM), str(good_file), "--kafka", f"127.0.0.1:{silent.getsockname()[1]}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=30)[1]
            connection.close()
    assert process.returncode == 130
    assert errors.startswith("Stopped. Run this again to publish the rest;")
    assert errors.count("\n") == 1
    assert "Traceback" not in errors


@pytest.mark.parametrize("target", ["/dev/full", None])
def test_unwritable_output_is_reported(kafka: str, topic: str, good_file: Path, target: str | None) -> None:
    asyncio.run(Topics(kafka).create(topic, partitions=1, replication=1, settings={}))
    command = [sys.executable, str(PROGRAM), str(good_file), "--kafka", kafka, "--topic", topic]
    reader, writer = os.pipe()
    os.close(reader)  # A closed pipe.
    output = os.open(target, os.O_WRONLY) if target else writer
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == 1
    assert "Kafka failed" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
