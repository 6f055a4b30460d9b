"""Compare a replay's throughput with that of the live consumer, and measure how it delays live comments.

Both read the same backlog with models of the same size, on the same core, with the answer cache off. Kafka and MySQL
run on the other core. The delay is measured from publishing a comment to its committed row, at a quarter of the
consumer's capacity: first without a replay, then during one that is limited to a quarter too and runs on the
consumer's core.
"""

import asyncio
import json
import re
import secrets
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pymysql
from aiokafka import AIOKafkaProducer
from rich.console import Console

from benchmarks.consumer import COMMENTS, CONSUMER_CORE, SERVERS_CORE, consume, pinned
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from model.artifact import SHIPPED, SUMS
from registry.register import register
from store.audit import Actor
from store.store import Store
from tests.harness import Installation, Process, Record, comment, real_comments
from tests.registry.artifacts import write_sums

THROUGHPUT_TARGET = 1.0
LATENCY_TARGET = 1.5
LIVE_SECONDS = 20
POLL_SECONDS = 0.002


@dataclass(frozen=True)
class Speeds:
    """Comments per second of the consumer and of the replay, for one backlog."""

    consumer: float
    replay: float


def run(rounds: int = 3) -> bool:
    """Measure and print. Return whether the targets are reached."""
    records = real_comments(COMMENTS)
    speeds: list[Speeds] = []
    latencies: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name, pinned(SERVERS_CORE), Kafka() as kafka, MySQL() as mysql:
        folder = Path(name)
        copy = copy_model(folder / "copy")
        for number in range(rounds):
            database = f"bench_{secrets.token_hex(4)}"
            mysql.create_database(database)
            settings = {"LIUYAN_CACHE_DIR": str(folder / "cache"), "LIUYAN_LOG_FORMAT": "json"}
            installation = Installation(kafka.bootstrap, database, mysql.url(database), folder, settings)
            consumer = asyncio.run(consume(installation, records)).speed
            model = asyncio.run(_register(installation, copy))
            speeds.append(Speeds(consumer, _replay(installation, model)))
            latencies.append(_latencies(installation, copy_model(folder / f"copy-{number}", number + 1), consumer / 4))
            sys.stderr.write(f"round {number + 1}: {speeds[-1]}, p99 {latencies[-1]}\n")
    return _report(speeds, latencies)


def copy_model(folder: Path, number: int = 0) -> Path:
    """Copy the shipped model with other metrics, so that it is another model of the same size."""
    shutil.copytree(SHIPPED, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, "copy": number}))
    write_sums(folder)
    assert (folder / SUMS).is_file()
    return folder


async def _register(installation: Installation, artifact: Path) -> int:
    async with Store.open(installation.database_url) as store:
        return (await register(store, artifact, Actor(None, "bench", "command", None))).model.number


def start_replay(installation: Installation, model: int, *arguments: str) -> Process:
    """Start a replay on the consumer's core."""
    with pinned(CONSUMER_CORE):
        return Process(["consumer", "replay", str(model), *arguments], installation.environment(), installation.folder)


def _replay(installation: Installation, model: int) -> float:
    """Replay the whole topic and return comments/s."""
    with start_replay(installation, model) as process:
        assert process.wait(300) == 0, process.output()
    [(ended, added)] = installation.query("SELECT MAX(finished_at), SUM(added) FROM relabel_runs")
    assert added == COMMENTS, process.output()
    match = re.search(r'"event": "replaying".*?"time": "([^"]+)"', process.output())
    assert match is not None, process.output()
    seconds: float = (ended.replace(tzinfo=UTC) - datetime.fromisoformat(match[1])).total_seconds()
    return COMMENTS / seconds


def _latencies(installation: Installation, artifact: Path, rate: float) -> tuple[float, float]:
    """Return the p99 in seconds from publishing to the row, without a replay and during one."""
    model = asyncio.run(_register(installation, artifact))
    with pinned(CONSUMER_CORE):
        consumer = Process(["consumer", "run"], installation.environment(), installation.folder)
    with consumer:
        installation.wait_for(lambda: "partitions started" in consumer.output(), seconds=60, process=consumer)
        _measure(installation, rate, "warm-up", seconds=5)
        alone = _measure(installation, rate, "alone")
        with start_replay(installation, model, "--rate", str(int(rate))) as replay:
            installation.wait_for(lambda: '"replaying"' in replay.output(), seconds=60, process=replay)
            beside = _measure(installation, rate, "beside")
            replay.check()
    return alone, beside


def _measure(installation: Installation, rate: float, name: str, seconds: float = LIVE_SECONDS) -> float:
    """Publish for some seconds and return the p99 of the time from publishing to the committed row."""
    texts = [json.loads(one.value or b"")["text"] for one in real_comments(int(rate * seconds))]
    records = [comment(f"{name}-{number}", text, platform=name) for number, text in enumerate(texts)]
    sent: list[float] = []
    seen: dict[int, float] = {}
    watcher = threading.Thread(target=_watch, args=(installation, name, seen, len(records)))
    watcher.start()
    asyncio.run(_publish(installation, records, rate, sent))
    watcher.join(60)
    assert len(seen) == len(records), f"{len(seen)} of {len(records)}"
    return statistics.quantiles([seen[number] - at for number, at in enumerate(sent)], n=100)[98]


async def _publish(installation: Installation, records: Sequence[Record], rate: float, sent: list[float]) -> None:
    """Publish at a steady rate; ``sent`` receives the times."""
    begun = time.monotonic()
    async with AIOKafkaProducer(bootstrap_servers=installation.kafka, linger_ms=0) as producer:
        for number, record in enumerate(records):
            wait = begun + number / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            sent.append(time.monotonic())
            await producer.send(installation.topic, key=record.key, value=record.value)


def _watch(installation: Installation, platform: str, seen: dict[int, float], count: int) -> None:
    """Record when each comment becomes visible, by the number in its id."""
    deadline = time.monotonic() + 120
    with pymysql.connect(**installation.address(), autocommit=True) as connection, connection.cursor() as cursor:
        last = 0
        while len(seen) < count and time.monotonic() < deadline:
            cursor.execute(
                "SELECT number, id FROM comments WHERE number > %s AND platform = %s ORDER BY number", (last, platform)
            )
            at = time.monotonic()
            for number, id in cursor.fetchall():
                seen[int(id.rpartition("-")[2])] = at
                last = number
            time.sleep(POLL_SECONDS)


def _report(speeds: Sequence[Speeds], latencies: Sequence[tuple[float, float]]) -> bool:
    console = Console()
    consumer, replay = (statistics.median(getattr(one, name) for one in speeds) for name in ("consumer", "replay"))
    ratio = replay / consumer
    alone, beside = (statistics.median(pair[at] for pair in latencies) for at in (0, 1))
    increase = beside / alone
    console.print(
        f"consumer {consumer:,.0f}/s, replay {replay:,.0f}/s; live p99 {alone * 1000:.0f} ms, "
        f"{beside * 1000:.0f} ms during a replay"
    )
    reached = ratio >= THROUGHPUT_TARGET
    console.print(f"replay ratio {ratio:.2f}, target {THROUGHPUT_TARGET}", style="green" if reached else "red")
    bounded = increase <= LATENCY_TARGET
    console.print(f"live p99 increase {increase:.2f}, limit {LATENCY_TARGET}", style="green" if bounded else "red")
    return reached and bounded
