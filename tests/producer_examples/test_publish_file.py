"""Files as people have them, published or refused with one sentence; and everything else that can go wrong."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.event import CommentEvent
from producer_examples.publish_file import FileError, check, read_events
from tests.file_cases import BOTH, CASES, GOOD, HEADER, PLAIN, FileCase, row, table

PROGRAM = Path(__file__).parents[2] / "producer_examples" / "publish_file.py"
TRADITIONAL = "物流很快，包裝也好，服務很滿意"


def read(path: Path, encoding: str | None = None) -> tuple[str, ...]:
    """The texts that the file would publish."""
    events = read_events(path, encoding)
    assert len(check(events)) == len(events)
    return tuple(event.parsed.text for event in events if isinstance(event.parsed, CommentEvent))


def refusal(path: Path, capsys: pytest.CaptureFixture[str], encoding: str | None = None) -> str:
    """The sentence with which the file is refused, as a whole or for a line of it."""
    with pytest.raises((FileError, SystemExit)) as refused:
        check(read_events(path, encoding))
    return str(refused.value) if isinstance(refused.value, FileError) else capsys.readouterr().err


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_files_as_people_have_them(case: FileCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content)
    if case.texts:
        assert read(path) == case.texts
        return
    sentence = refusal(path, capsys)
    expected = ("has no comments",) if case.texts == () else case.says
    assert all(part in sentence for part in expected), sentence
    assert case.line is None or f"line {case.line}: " in sentence


@pytest.mark.parametrize("encoding", ["big5", "gbk", "utf-16-le", "utf-8"])
def test_an_encoding_can_be_named(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "named.csv").write_bytes(table(TRADITIONAL).encode(encoding))
    assert read(tmp_path / "named.csv", encoding) == (TRADITIONAL,)


@pytest.mark.parametrize("encoding", ["big5", "latin-1", "shift_jis", "koi8-r", "cp1252"])
def test_other_encodings_are_not_mistaken_for_gb18030(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"big5": TRADITIONAL, "shift_jis": "とても良いです", "koi8-r": "очень хорошо"}
    text = words.get(encoding, "très bien, déjà reçu".replace(",", ""))
    (tmp_path / "other.csv").write_bytes(table(*[text] * 5).encode(encoding))
    assert "line 2: this is not UTF-8" in refusal(tmp_path / "other.csv", capsys)


@pytest.mark.parametrize("encoding", ["klingon", "base64", "ascii", "utf-32"])
def test_a_wrong_encoding_is_one_sentence(encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file.csv").write_bytes(table(GOOD).encode())
    assert refusal(tmp_path / "file.csv", capsys, encoding).count(".") == 1


def test_columns_of_no_concern_are_not_published(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(f"{HEADER},html\n{row(1, GOOD)},{'<p>' * 100_000}\n", encoding="utf-8")
    [event] = read_events(path, None)
    assert len(event.value) < 200


def test_a_header_must_name_what_is_required(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file.csv").write_text("id,评论内容\n1,好\n", encoding="utf-8")
    sentence = refusal(tmp_path / "file.csv", capsys)
    assert sentence.startswith("line 1: no column is named platform or text or created_at;")


@pytest.mark.parametrize("text", ['[{"text":"好吃"},{"text":"难吃"}]', '\n[\n  {\n    "text": "好吃"\n  }\n]\n', "[]"])
def test_a_json_array_is_one_sentence(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "json.json"
    file.write_bytes(text.encode("utf-8-sig"))
    assert refusal(file, capsys) == "This is a JSON array: write one object a line (JSON lines)."


def test_lines_are_counted_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ['"两\n行\n"', PLAIN, ""]
    (tmp_path / "file.csv").write_text(table(*rows), encoding="utf-8", newline="")
    assert "line 6: field text: is missing" in refusal(tmp_path / "file.csv", capsys)


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def good_file(tmp_path: Path) -> Path:
    (tmp_path / "good.csv").write_text(table(*BOTH), encoding="utf-8")
    return tmp_path / "good.csv"


def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "open.csv").write_text(table('"' + GOOD), encoding="utf-8")
    (tmp_path / "escape.jsonl").write_text('{"\x1b[31m": 1}\n', encoding="utf-8")
    sentences = {
        "absent.csv": (2, "absent.csv cannot be read: No such file or directory."),
        ".": (2, "cannot be read: Is a directory."),
        "open.csv": (2, "line 2: the quote that opens a cell here is never closed"),
        "escape.jsonl": (1, "line 1: the value is not JSON: Invalid control character at character 3"),
    }
    for name, (status, sentence) in sentences.items():
        done = run(tmp_path / name)
        assert (done.returncode, done.stdout) == (status, "")
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stderr


@pytest.mark.parametrize("kafka", ["127.0.0.1:9", "127.0.0.1:99999", "no-such-host.invalid:9092", "::::", "a b", ""])
def test_a_kafka_that_cannot_be_reached_is_one_sentence(kafka: str, good_file: Path) -> None:
    done = run(good_file, "--kafka", kafka)
    assert done.returncode == 1
    assert "Kafka failed after 0 of 2 events" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_are_wrong_are_one_sentence(good_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIUYAN_KAFKA_SECURITY_PROTOCOL", "tls")
    done = run(good_file)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("LIUYAN_KAFKA_SECURITY_PROTOCOL is wrong")


def test_it_can_be_stopped(good_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # It takes connections and never answers.
        command = [sys.executable, str(PROGRAM), str(good_file), "--kafka", f"127.0.0.1:{silent.getsockname()[1]}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=30)[1]
            connection.close()
    assert process.returncode == 130
    assert errors.endswith("Stopped. Run this again to publish the rest: what was published already changes nothing.\n")
    assert "Traceback" not in errors


@pytest.mark.parametrize("target", ["/dev/full", None])
def test_output_that_cannot_be_written_is_one_sentence(
    kafka: str, topic: str, good_file: Path, target: str | None
) -> None:
    command = [sys.executable, str(PROGRAM), str(good_file), "--kafka", kafka, "--topic", topic]
    reader, writer = os.pipe()
    os.close(reader)  # A reader that is gone.
    output = os.open(target, os.O_WRONLY) if target else writer
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
