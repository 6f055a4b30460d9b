"""Compare the consumer's throughput with that of the model alone, on the same texts and the same core.

The backlog is published in advance. The consumer is pinned to one core, Kafka and MySQL to the other, and the answer
cache is off. The model alone runs segmentation, GRU and n-grams in batches of the consumer's size.
"""

import asyncio
import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from tests.harness import Installation, Process, Record, get, real_comments

CONSUMER_CORE, SERVERS_CORE = 0, 1
TARGET_RATIO = 0.6
# Enough comments to make the start of the consumer negligible.
COMMENTS = 40_000


@dataclass(frozen=True)
class ConsumerRun:
    """The results for one backlog: comments/s up to the last committed row, and times in seconds."""

    speed: float
    seconds: float
    worker_seconds: float
    event_loop_seconds: float
    stages: dict[str, float]


def run(rounds: int = 3) -> bool:
    """Measure and print. Return whether the target ratio is reached."""
    records = real_comments(COMMENTS)
    alone: list[float] = []
    runs: list[ConsumerRun] = []
    with tempfile.TemporaryDirectory() as folder, pinned(SERVERS_CORE), Kafka() as kafka, MySQL() as mysql:
        for number in range(rounds):
            alone.append(_model_alone())
            name = f"bench_{secrets.token_hex(4)}"
            mysql.create_database(name)
            installation = Installation(kafka.bootstrap, name, mysql.url(name), Path(folder))
            runs.append(asyncio.run(consume(installation, records)))
            sys.stderr.write(f"round {number + 1}: model {alone[-1]:,.0f}/s, consumer {runs[-1].speed:,.0f}/s\n")
        alone.append(_model_alone())
    return _report(alone, runs)


def _model_alone() -> float:
    """Return comments/s of the model in a separate process on the consumer's core."""
    command = [sys.executable, "-m", "benchmarks.model_alone", str(COMMENTS)]
    with pinned(CONSUMER_CORE):
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def consume(installation: Installation, records: Sequence[Record]) -> ConsumerRun:
    installation.settings |= {"LIUYAN_ANSWER_CACHE_SIZE": "0"}
    installation.migrate()
    await installation.create_topic(partitions=4)
    await installation.publish(records)
    with pinned(CONSUMER_CORE):
        process = Process(["consumer", "run"], installation.environment(LIUYAN_LOG_FORMAT="json"), installation.folder)
    with process:
        # Polling runs on the servers' core, so it does not slow down the consumer.
        installation.wait_for(lambda: installation.stored() == len(records), seconds=300, process=process)
        [(ended,)] = installation.query("SELECT MAX(updated_at) FROM partitions")
        seconds = (ended.replace(tzinfo=UTC) - _start_time(process.output())).total_seconds()
        threads = thread_seconds(process.popen.pid)
        stages = _stages(process)
        process.send(signal.SIGTERM)
        process.wait(30)
    assert installation.comments() == len(records)
    return ConsumerRun(len(records) / seconds, seconds, threads[1], threads[0], stages)


def _start_time(output: str) -> datetime:
    """Return the time when the consumer started its partitions."""
    match = re.search(r'"event": "partitions started".*?"time": "([^"]+)"', output)
    assert match is not None, output
    return datetime.fromisoformat(match[1])


def _stages(process: Process) -> dict[str, float]:
    """Return the seconds in each stage from the consumer's metrics."""
    metrics = get(f"{process.health()}/metrics")[1]
    pattern = r'liuyan_consumer_stage_duration_seconds_sum\{stage="(\w+)"\} (\S+)'
    return {stage: float(seconds) for stage, seconds in re.findall(pattern, metrics)}


def thread_seconds(pid: int) -> tuple[float, float]:
    """Return the CPU seconds of the event loop's thread and of all other threads."""
    main, others = 0.0, 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        main, others = (seconds, others) if int(task.name) == pid else (main, others + seconds)
    return main, others


def _report(alone: Sequence[float], runs: Sequence[ConsumerRun]) -> bool:
    console = Console()
    speed = statistics.median(run.speed for run in runs)
    model = statistics.median(alone)
    ratio = speed / model
    middle = sorted(runs, key=lambda run: run.speed)[len(runs) // 2]
    table = Table("seconds", "where", title=f"One run of {COMMENTS:,} comments: {middle.seconds:.1f} s", box=None)
    table.columns[0].justify = "right"
    table.add_row(f"{COMMENTS / model:.2f}", "model alone: segmentation, GRU and n-grams")
    table.add_row(f"{middle.stages['prepare']:.2f}", "worker: parsing and segmentation, including waits for the core")
    table.add_row(f"{middle.stages['label']:.2f}", "worker: GRU and n-grams, including waits for the core")
    table.add_row(f"{middle.stages['write']:.2f}", "writer: transactions, concurrent with the worker")
    table.add_row(f"{middle.event_loop_seconds:.2f}", "CPU time of the event loop, including process start")
    table.add_row(f"{middle.worker_seconds:.2f}", "CPU time of the worker, including model loading")
    console.print(table)
    console.print(f"model alone {model:,.0f}/s, consumer {speed:,.0f}/s up to the last committed row")
    console.print(
        f"consumer ratio {ratio:.2f}, target {TARGET_RATIO}", style="green" if ratio >= TARGET_RATIO else "red"
    )
    return ratio >= TARGET_RATIO


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run processes that are started within the block on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
