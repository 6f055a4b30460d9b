"""What a platform and an operator see on the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from typer.testing import CliRunner

from liuyan.consumer.check_event import check_lines, partition_of
from liuyan.consumer.commands import app
from tests.consumer.test_event import EVENT, encoded


def test_check_event_says_of_each_line_what_would_become_of_it(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(encoded() + b"\r\n\n" + b"{}\n" + encoded(created_at="2100-01-01T00:00:00Z") + b"\n\xff")
    result = CliRunner().invoke(app, ["check-event", str(file), "--partitions", "8"])
    lines = result.stdout.splitlines()
    assert lines[0] == f"line 1: valid, key forum:post:1, partition {partition_of(b'forum:post:1', 8)}"
    assert lines[1].startswith("line 3: invalid_field: field platform")
    assert lines[2].startswith("line 4: from_the_future:")
    assert lines[3].startswith("line 5: not_utf8:")
    assert lines[4] == "1 valid, 3 not valid"
    assert result.exit_code == 1


def test_check_event_reads_standard_input() -> None:
    result = CliRunner().invoke(app, ["check-event", "-"], input=json.dumps(EVENT))
    assert result.stdout.splitlines()[-1] == "1 valid, 0 not valid"
    assert result.exit_code == 0


def test_a_file_that_is_not_there_is_one_line() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "liuyan", "consumer", "check-event", "no-such-file"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr == "liuyan: no-such-file cannot be read: No such file or directory.\n"


@pytest.mark.parametrize("key", [b"forum:1", "论坛:二".encode(), b"x" * 200])
def test_the_partition_is_the_one_that_producers_pick(key: bytes) -> None:
    assert partition_of(key, 12) == DefaultPartitioner()(key, list(range(12)), list(range(12)))


def test_lines_are_judged_as_of_now() -> None:
    [verdict] = check_lines([encoded(created_at="2026-01-03T00:00:00Z")], 4, now=1_767_225_600)
    assert verdict.reason == "from_the_future"
