"""Run one system on real servers and measure it. The consumer has one core, the servers and the observer the other."""

import asyncio
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

from confluent_kafka import Producer

from benchmarks.comments import spread_comments
from benchmarks.consumer import CONSUMER_CORE, pinned
from benchmarks.peers.environments import environment
from benchmarks.peers.observing import PARTITIONS, Observer, Usage
from benchmarks.peers.programs.common import BATCH_RECORDS, CREATE_TABLE
from benchmarks.peers.systems import System
from local_stack.errors import LocalStackError
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from tests.harness import Installation, Record, comment

ROOT = Path(__file__).parent.parent.parent
DIFFERENT_TEXTS = 10_000
# Latencies of the first seconds at a rate are left out.
WARM_SECONDS = 1.0
END_SECONDS = 20.0


@dataclass(frozen=True)
class Backlog:
    """One run over a backlog. Throughput is from the first visible row to the last; so is ``cpu_seconds``."""

    comments: int
    throughput: float
    cpu_seconds: float
    cpu_seconds_of_start: float
    start_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Latency:
    """Publish-to-row latency in milliseconds, and the share of a core used. Void unless ``kept_up``.

    ``rate`` is what was asked for, ``published`` what the publisher reached, in comments/s.
    """

    rate: float
    published: float
    p50: float
    p95: float
    p99: float
    cpu_share: float
    kept_up: bool


@dataclass(frozen=True)
class Servers:
    """Running servers, the exported model and a folder for logs."""

    kafka: Kafka
    mysql: MySQL
    model: Path
    folder: Path

    def installation(self, system: System) -> Installation:
        """Return a new topic and database with the system's tables."""
        name = f"peers_{secrets.token_hex(4)}"
        self.mysql.create_database(name)
        made = Installation(self.kafka.bootstrap, name, self.mysql.url(name), self.folder)
        if system.requirements:
            made.execute(CREATE_TABLE)
        else:
            # The texts repeat, which is an advantage of the benchmark only.
            limits = {"LIUYAN_ANSWER_CACHE_SIZE": "0", "LIUYAN_BATCH_RECORDS": str(BATCH_RECORDS)}
            made.settings |= {**limits, **system.settings}
            made.migrate()
        asyncio.run(made.create_topic(PARTITIONS))
        return made


def event(number: int, text: str) -> Record:
    """Return comment ``number`` as an event."""
    minutes = number / 1000
    partition = number % PARTITIONS
    return replace(comment(f"{number:09}", text, platform=f"p{partition}", minutes=minutes), partition=partition)


def texts() -> Iterator[str]:
    """Return comments of the corpus without end, different ones first."""
    return cycle(text[:10_000] for text in spread_comments(DIFFERENT_TEXTS))


def measure_backlog(servers: Servers, system: System, engine: str, comments: int) -> Backlog:
    """Publish ``comments`` and measure from the start of the system until the last row. Raises LocalStackError."""
    made = servers.installation(system)
    asyncio.run(made.publish(event(number, text) for number, text in enumerate(islice(texts(), comments))))
    with Observer(made.address(), 0.01) as observer:
        began = time.time()
        with started(servers, system, engine, made) as usage:
            _expect(observer.wait_for(1, usage, 120), system, made)
            first, before = observer.seen.total, usage.cpu_seconds()
            first_time = min(times[0] for times in observer.seen.times if times)
            # A slow system needs time in proportion; ten comments/s is far below the slowest.
            _expect(observer.wait_for(comments, usage, 60 + comments / 10), system, made)
            after, peak = usage.cpu_seconds(), usage.peak_bytes()
    last_time = max(times[-1] for times in observer.seen.times)
    seconds = last_time - first_time
    assert made.comments() == comments
    scale = comments / max(comments - first, 1)
    return Backlog(
        comments,
        (comments - first) / seconds if seconds else float(comments),
        (after - before) * scale,
        before,
        first_time - began,
        peak,
    )


def measure_latency(servers: Servers, system: System, engine: str, rates: list[float], seconds: float) -> list[Latency]:
    """Publish at each of ``rates`` (comments/s) for ``seconds`` to one process of the system."""
    made = servers.installation(system)
    source = texts()
    warm = 2 * BATCH_RECORDS if system.share == 1 else 40
    asyncio.run(made.publish(event(number, next(source)) for number in range(warm)))
    measured: list[Latency] = []
    with Observer(made.address(), 0.002) as observer, started(servers, system, engine, made) as usage:
        _expect(observer.wait_for(warm, usage, 120), system, made)
        published = warm
        for rate in rates:
            count = int(rate * seconds)
            measured.append(_at(rate, count, published, source, made, observer, usage))
            published += count
            if not measured[-1].kept_up:
                break
    return measured


def _at(
    rate: float, count: int, first: int, source: Iterator[str], made: Installation, observer: Observer, usage: Usage
) -> Latency:
    time.sleep(1)  # let the previous rate's background work end
    records = [event(number, next(source)) for number in range(first, first + count)]
    # Above 1,000/s a request per record and frequent queries would occupy the servers' core.
    observer.pause = 0.002 if rate <= 1000 else 0.01
    producer = Producer({"bootstrap.servers": made.kafka, "linger.ms": 2})
    before, began = usage.cpu_seconds(), time.time()
    sent: list[float] = []
    for place, record in enumerate(records):
        wait = began + place / rate - time.time()
        if wait > 0:
            time.sleep(wait)
        sent.append(time.time())
        producer.produce(made.topic, record.value, record.key, partition=(first + place) % PARTITIONS)
        producer.poll(0)
    producer.flush(10)
    kept_up = observer.wait_for(first + count, usage, 30)
    share = (usage.cpu_seconds() - before) / (time.time() - began)
    visible = [(at, observer.seen.time_of(first + place)) for place, at in enumerate(sent)]
    late = [seen - at for at, seen in visible if seen is not None and at >= began + WARM_SECONDS]
    cuts = statistics.quantiles(late or [0.0, 0.0], n=100, method="inclusive")
    p50, p95, p99 = (1000 * cuts[place - 1] for place in (50, 95, 99))
    published = (count - 1) / (sent[-1] - sent[0])
    return Latency(rate, published, p50, p95, p99, share, kept_up and p99 < 10_000)


@contextmanager
def started(servers: Servers, system: System, engine: str, made: Installation) -> Iterator[Usage]:
    """Run the system on the consumer's core; end it at the end of the block."""
    python = str(environment(system.requirements)) if system.requirements else sys.executable
    settings = {
        "PEER_KAFKA": made.kafka,
        "PEER_TOPIC": made.topic,
        "PEER_DATABASE": json.dumps({**_address(made), "charset": "utf8mb4"}),
        "PEER_MODEL": str(servers.model),
        "PEER_ENGINE": engine,
        "PEER_BATCH_SECONDS": str(system.batch_seconds),
        "PYTHONPATH": str(ROOT),
        # One core: more threads of a matrix library would only compete.
        "OMP_NUM_THREADS": "1",
    }
    log = made.folder / f"{made.topic}.log"
    with pinned(CONSUMER_CORE), log.open("wb") as output:
        process = subprocess.Popen(
            [python, *system.arguments],
            env=made.environment(**(settings if system.requirements else {})),
            cwd=ROOT if system.requirements else made.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Usage(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(made: Installation) -> dict[str, object]:
    """Return the connection arguments; aiomysql and PyMySQL both accept ``db``."""
    address = made.address()
    return {"db": address.pop("database"), **address}


def _expect(reached: bool, system: System, made: Installation) -> None:
    if not reached:
        lines = (made.folder / f"{made.topic}.log").read_text(errors="replace").splitlines()[-15:]
        raise LocalStackError(f"{system.title} ended or did not store all comments. The end of its output:", *lines)


def machine() -> dict[str, str | int]:
    """Describe the machine, without names."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown",
    )
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processor": model,
        "cores": os.cpu_count() or 1,
        "memory_gib": round(gigabytes),
        "python": ".".join(map(str, sys.version_info[:3])),
        "date": datetime.now(UTC).date().isoformat(),
    }
