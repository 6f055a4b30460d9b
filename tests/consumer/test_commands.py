"""Output of `check-event` and partition computation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from typer.testing import CliRunner

from consumer.check_event import check_lines, partition_of
from consumer.commands import app
from tests.consumer.test_event import EVENT, encoded


def test_check_event_reports_each_line(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(encoded() + b"\r\n\n" + b"{}\n" + encoded(created_at="2100-01-01T00:00:00Z") + b"\n\xff")
    result = CliRunner().invoke(app, ["check-event", str(file), "--partitions", "8"])
    heads, *lines = (line.split("\t") for line in result.stdout.splitlines())
    assert heads == ["line", "key", "partition", "reason", "detail", "note"]
    assert lines[0] == ["1", "forum:post:1", str(partition_of(b"forum:post:1", 8)), "-", "-", "-"]
    assert [line[:4] for line in lines[1:]] == [
        ["3", "-", "-", "invalid_field"],
        ["4", "-", "-", "from_the_future"],
        ["5", "-", "-", "not_utf8"],
    ]
    assert lines[1][4].startswith("field platform")
    assert result.stderr == "1 valid, 3 not valid\n"
    assert result.exit_code == 1


def test_check_event_writes_json(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(encoded(id="post\u2028\x1b[31m👍") + b"\n{}\n")
    result = CliRunner().invoke(app, ["check-event", str(file), "--json"])
    valid, invalid = map(json.loads, result.stdout.splitlines())
    assert (valid["key"], valid["reason"]) == ("forum:post\u2028\x1b[31m👍", None)
    assert (invalid["line"], invalid["reason"]) == (2, "invalid_field")
    assert not {"\x1b", "\u2028"} & set(result.stdout)


def test_check_event_reads_standard_input() -> None:
    result = CliRunner().invoke(app, ["check-event", "-"], input=json.dumps(EVENT))
    assert result.stderr == "1 valid, 0 not valid\n"
    assert result.exit_code == 0


def test_missing_file_is_a_one_line_error() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "liuyan", "consumer", "check-event", "no-such-file"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr == "liuyan: Cannot read no-such-file: No such file or directory.\n"


@pytest.mark.parametrize("key", [b"forum:1", "论坛:二".encode(), b"x" * 200])
def test_partition_matches_the_default_partitioner(key: bytes) -> None:
    assert partition_of(key, 12) == DefaultPartitioner()(key, list(range(12)), list(range(12)))


def test_lines_are_checked_against_the_current_time() -> None:
    [verdict] = check_lines([encoded(created_at="2026-01-03T00:00:00Z")], 4, now=1_767_225_600)
    assert verdict.reason == "from_the_future"
