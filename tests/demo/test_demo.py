"""The demo as a process: labels soon, ends by itself or on Ctrl-C, and leaves nothing behind."""

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
    """The demo, with its temporary files in ``folder`` and its standard output to read from."""
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
    """Read lines up to one in which the pattern is found."""
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        found = pattern.search(line)
        if found:
            return found
    raise AssertionError(f"no line matches {pattern.pattern!r}:\n{''.join(lines)}")


def programs_in(folder: Path) -> list[str]:
    """The command lines of the processes that work in ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            works_in = (process / "cwd").readlink()
            if works_in.is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def publish_something_else(broker: str) -> None:
    """A comment that the demo does not know of."""
    event = {"platform": "elsewhere", "id": "1", "text": "物流很快", "created_at": "2026-01-31T08:15:00+08:00"}
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    producer.produce("comments", json.dumps(event).encode(), key=b"elsewhere:1")
    assert producer.flush(20) == 0


def sign_in(url: str, password: str) -> httpx.Client:
    """A browser in which the demo's account is signed in."""
    client = httpx.Client(base_url=url, timeout=10)
    page = client.get("/admin/login")
    token = re.search(r'name="csrftoken" value="([^"]+)"', page.text)
    assert token, page.text
    form = {"csrftoken": token[1], "name": "demo", "password": password}
    assert client.post("/admin/login", data=form).status_code == 303
    return client


def ask_for_comments(client: httpx.Client, **filters: str) -> list[object]:
    """The first page of comments, three at most."""
    items: list[object] = client.get("/api/v1/comments", params={"limit": "3", **filters}).json()["items"]
    return items


def check_end(demo: "subprocess.Popen[str]", folder: Path) -> int:
    """The demo ends well, with its line last, and nothing of it stays; the number of comments."""
    output, _ = demo.communicate(timeout=60)
    last = LAST_LINE.fullmatch(output.splitlines()[-1])
    assert last, output
    assert last[1] == last[2]
    assert demo.returncode == 0
    assert programs_in(folder) == []
    assert list(folder.glob("liuyan-demo-*")) == []
    return int(last[1])


@pytest.mark.timeout(120)
def test_demo_ends_by_itself(tmp_path: Path) -> None:
    began = time.monotonic()
    with running_demo(tmp_path, "--seconds", "8") as demo:
        first = read_until(demo, FIRST_COMMENT)
        # What it says is from its start on. How long that is depends on what else the machine does.
        assert 0 < float(first[1]) <= time.monotonic() - began
        assert check_end(demo, tmp_path) > 1_000


@pytest.mark.timeout(120)
def test_demo_serves_the_api_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        broker = read_until(demo, BROKER)[1]
        said = read_until(demo, ADMIN)
        client = sign_in(said[1], said[2])
        assert eventually(lambda: len(ask_for_comments(client)) == 3, seconds=20)
        assert len(programs_in(tmp_path)) >= 2
        publish_something_else(broker)
        assert eventually(lambda: len(ask_for_comments(client, platform="elsewhere")) == 1, seconds=20)
        demo.send_signal(signal.SIGINT)
        assert check_end(demo, tmp_path) > 100


@pytest.mark.long
@pytest.mark.timeout(240)
def test_demo_on_apache_kafka_and_mysql(tmp_path: Path) -> None:
    with running_demo(tmp_path, "--stack", "real", "--seconds", "20", "--rate", "1000") as demo:
        read_until(demo, FIRST_COMMENT)
        # How many get through in the time is the machine's affair, and the publisher waits for a consumer that starts.
        assert check_end(demo, tmp_path) > 1_000
    assert [path for path in tmp_path.glob("liuyan-*") if not path.name.startswith("liuyan-ports-")] == []
