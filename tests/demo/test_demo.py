"""The demo as a process: it labels comments, stops after its time or on Ctrl-C, and leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest
from confluent_kafka import Producer

from tests.waiting import eventually

pytestmark = pytest.mark.server

PROGRAM = Path(sys.executable).with_name("liuyan")
LAST_LINE = re.compile(r"published (\d+) stored (\d+) missing 0 duplicated 0 dead 0")
FIRST_COMMENT = re.compile(r" *([0-9.]+) s  first labelled comment: (positive|negative) [01]\.\d\d \S")
BROKER = re.compile(r"Kafka at ([0-9.:]+)")
ADMIN = re.compile(r"admin app at (http://\S+)/admin \(name demo, password (\S+)\)")


@contextmanager
def running_demo(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the demo with its temporary files in ``folder``; its standard output can be read."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        [PROGRAM, "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment,
    ) as demo:
        try:
            yield demo
        finally:
            demo.kill()


def read_until(demo: "subprocess.Popen[str]", pattern: re.Pattern[str]) -> re.Match[str]:
    """Read lines until one contains the pattern."""
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        match = pattern.search(line)
        if match:
            return match
    raise AssertionError(f"no line matches {pattern.pattern!r}:\n{''.join(lines)}")


def programs_in(folder: Path) -> list[str]:
    """Return the command lines of processes whose working directory is in ``folder``."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            directory = (process / "cwd").readlink()
            if directory.is_relative_to(folder):
                commands.append((process / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return commands


def publish_another_comment(broker: str) -> None:
    """Publish a comment that is not the demo's."""
    event = {"platform": "elsewhere", "id": "1", "text": "物流很快", "created_at": "2026-01-31T08:15:00+08:00"}
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    producer.produce("comments", json.dumps(event).encode(), key=b"elsewhere:1")
    assert producer.flush(20) == 0


def sign_in(url: str, password: str) -> httpx.Client:
    """Return a client that is signed in with the demo's account."""
    client = httpx.Client(base_url=url, timeout=10)
    page = client.get("/admin/login")
    token = re.search(r'name="csrftoken" value="([^"]+)"', page.text)
    assert token, page.text
    form = {"csrftoken": token[1], "name": "demo", "password": password}
    assert client.post("/admin/login", data=form).status_code == 303
    return client


def get_comments(client: httpx.Client, **filters: str) -> list[object]:
    """Return the first page of at most three comments."""
    items: list[object] = client.get("/api/v1/comments", params={"limit": "3", **filters}).json()["items"]
    return items


def check_end(demo: "subprocess.Popen[str]", folder: Path) -> int:
    """Check that the demo succeeds and leaves nothing behind; return the number of comments."""
    output, _ = demo.communicate(timeout=60)
    last = LAST_LINE.fullmatch(output.splitlines()[-1])
    assert last, output
    assert last[1] == last[2]
    assert demo.returncode == 0
    assert programs_in(folder) == []
    assert list(folder.glob("liuyan-demo-*")) == []
    return int(last[1])


@pytest.mark.timeout(120)
def test_demo_stops_after_its_time(tmp_path: Path) -> None:
    started_at = time.monotonic()
    with running_demo(tmp_path, "--seconds", "8") as demo:
        first = read_until(demo, FIRST_COMMENT)
        # The time counts from the demo's start; its length depends on the machine's load.
        assert 0 < float(first[1]) <= time.monotonic() - started_at
        assert check_end(demo, tmp_path) > 1_000


@pytest.mark.timeout(120)
def test_demo_serves_the_api_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        broker = read_until(demo, BROKER)[1]
        admin = read_until(demo, ADMIN)
        client = sign_in(admin[1], admin[2])
        assert eventually(lambda: len(get_comments(client)) == 3, seconds=20)
        assert len(programs_in(tmp_path)) >= 2
        publish_another_comment(broker)
        assert eventually(lambda: len(get_comments(client, platform="elsewhere")) == 1, seconds=20)
        demo.send_signal(signal.SIGINT)
        assert check_end(demo, tmp_path) > 100


@pytest.mark.long
@pytest.mark.timeout(240)
def test_demo_on_apache_kafka_and_mysql(tmp_path: Path) -> None:
    with running_demo(tmp_path, "--stack", "real", "--seconds", "20", "--rate", "1000") as demo:
        read_until(demo, FIRST_COMMENT)
        # The number depends on the machine, and the publisher waits while the consumer starts.
        assert check_end(demo, tmp_path) > 1_000
    assert [path for path in tmp_path.glob("liuyan-*") if not path.name.startswith("liuyan-ports-")] == []
