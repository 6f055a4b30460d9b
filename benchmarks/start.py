"""Measure the time from the start of a consumer to its first stored row, and the memory of consumers on one machine.

Consumers are pinned to one core; Kafka and MySQL to the other. Comments wait in Kafka. The first start also computes
the word tables; the later ones map them. Memory is resident (RSS) and proportional (PSS): pages that consumers share
count once for all of them together.

Usage: python -m benchmarks.start [--rounds 5]
"""

import argparse
import asyncio
import re
import secrets
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks.consumer import CONSUMER_CORE, SERVERS_CORE, pinned
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from tests.harness import Installation, Process, comment

TARGET_SECONDS, TARGET_MIB = 2.5, 450
PARTITIONS = 4


def run(rounds: int = 5) -> bool:
    """Measure and print. Return whether the targets are reached."""
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder, pinned(SERVERS_CORE), Kafka() as kafka, MySQL() as mysql:

        def installation() -> Installation:
            name = f"bench_{secrets.token_hex(4)}"
            mysql.create_database(name)
            created = Installation(kafka.bootstrap, name, mysql.url(name), Path(folder))
            created.settings |= {"LIUYAN_CACHE_DIR": str(Path(folder) / "cache"), "LIUYAN_LOG_FORMAT": "json"}
            created.migrate()
            asyncio.run(_publish(created))
            return created

        seconds = [_start(installation(), console) for _ in range(rounds + 1)]
        largest = _memory(installation(), console)
    middle = statistics.median(seconds[1:])
    reached = middle <= TARGET_SECONDS and largest <= TARGET_MIB
    console.print(
        f"start to first row: {seconds[0]:.2f} s with an empty cache, then median {middle:.2f} s (target "
        f"{TARGET_SECONDS}); largest resident memory {largest:.0f} MiB (target {TARGET_MIB})",
        style="green" if reached else "red",
    )
    return reached


async def _publish(installation: Installation) -> None:
    await installation.create_topic(partitions=PARTITIONS)
    await installation.publish([comment(number, "很好") for number in range(2 * PARTITIONS)])


def _start(installation: Installation, console: Console) -> float:
    """Return the seconds from starting a consumer to its first stored row, and print when it logged what."""
    began, at = time.monotonic(), time.time()
    with pinned(CONSUMER_CORE):
        process = Process(["consumer", "run"], installation.environment(), installation.folder)
    with process:
        installation.wait_for(lambda: installation.stored() > 0, seconds=60, process=process)
        seconds = time.monotonic() - began
        process.send(signal.SIGTERM)
        process.wait(30)
    logged = re.findall(r'"event": "([^"]+)".*?"time": "[^T]+T(\d+):(\d+):([\d.]+)', process.output())
    midnight = at - at % 86_400
    steps = [(name, midnight + 3600 * int(h) + 60 * int(m) + float(s) - at) for name, h, m, s in logged]
    console.print(f"{seconds:.2f} s: " + ", ".join(f"{name} {after:.2f}" for name, after in steps[:6]))
    return seconds


def _memory(installation: Installation, console: Console) -> float:
    """Print the memory of one consumer and of two, and return the largest resident memory in MiB."""
    largest = 0.0
    with ExitStack() as running:
        processes: list[Process] = []
        for _ in range(2):
            with pinned(CONSUMER_CORE):
                processes.append(running.enter_context(installation.consumer()))
            installation.wait_for(
                lambda: all("partitions started" in one.output() for one in processes),
                seconds=60,
                process=processes[-1],
            )
            time.sleep(5)
            memory = [_memory_of(process) for process in processes]
            largest = max(largest, *(resident for resident, _ in memory))
            figures = ", ".join(f"RSS {resident:.0f} and PSS {shared:.0f} MiB" for resident, shared in memory)
            console.print(f"{len(processes)} consumer(s): {figures}")
    return largest


def _memory_of(process: Process) -> tuple[float, float]:
    """Return a process's resident and proportional memory in MiB."""
    rollup = Path(f"/proc/{process.popen.pid}/smaps_rollup").read_text()
    rss, pss = (int(re.findall(rf"^{name}:\s+(\d+) kB", rollup, re.MULTILINE)[0]) / 1024 for name in ("Rss", "Pss"))
    return rss, pss


def main() -> int:
    """Run as a command. Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    return 0 if run(parser.parse_args().rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
