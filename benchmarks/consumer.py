"""The consumer against the model alone: the same texts, the same core, one after the other, several times.

The backlog is published before. The consumer is pinned to one core, broker and database to the other, the answer cache
is off. The model alone is segmentation, GRU and n-grams over the same texts, in batches of the consumer's size.
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
WANTED = 0.6
# Below this many comments the start of a run, which is not the consumer's pace, would weigh in.
COMMENTS = 40_000


@dataclass(frozen=True)
class ConsumerRun:
    """One backlog consumed: comments/s to the last committed row, and where the seconds went."""

    speed: float
    seconds: float
    worker_seconds: float
    event_loop_seconds: float
    stages: dict[str, float]


def run(rounds: int = 3) -> bool:
    """Measure, print, and say whether the wanted ratio was reached."""
    records = real_comments(COMMENTS)
    alone: list[float] = []
    runs: list[ConsumerRun] = []
    with tempfile.TemporaryDirectory() as folder, _pinned(SERVERS_CORE), Kafka() as kafka, MySQL() as mysql:
        for number in range(rounds):
            alone.append(_model_alone())
            name = f"bench_{secrets.token_hex(4)}"
            mysql.create_database(name)
            installation = Installation(kafka.bootstrap, name, mysql.url(name), Path(folder))
            runs.append(asyncio.run(_consume(installation, records)))
            sys.stderr.write(f"round {number + 1}: model {alone[-1]:,.0f}/s, consumer {runs[-1].speed:,.0f}/s\n")
        alone.append(_model_alone())
    return _report(alone, runs)


def _model_alone() -> float:
    """comments/s of segmentation and the GRU, in a process of its own on the consumer's core."""
    command = [sys.executable, "-m", "benchmarks.model_alone", str(COMMENTS)]
    with _pinned(CONSUMER_CORE):
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def _consume(installation: Installation, records: Sequence[Record]) -> ConsumerRun:
    installation.settings |= {"LIUYAN_ANSWER_CACHE_SIZE": "0"}
    installation.migrate()
    await installation.create_topic(partitions=4)
    await installation.publish(records)
    with _pinned(CONSUMER_CORE):
        process = Process(["consumer", "run"], installation.environment(LIUYAN_LOG_FORMAT="json"), installation.folder)
    with process:
        # Asked for seldom, and from the servers' core: watching costs the measured core nothing.
        installation.wait_for(lambda: installation.stored() == len(records), seconds=300, process=process)
        [(ended,)] = installation.query("SELECT MAX(updated_at) FROM partitions")
        seconds = (ended.replace(tzinfo=UTC) - _began(process.output())).total_seconds()
        threads = _thread_seconds(process.popen.pid)
        stages = _stages(process)
        process.send(signal.SIGTERM)
        process.wait(30)
    assert installation.comments() == len(records)
    return ConsumerRun(len(records) / seconds, seconds, threads[1], threads[0], stages)


def _began(output: str) -> datetime:
    """When the consumer knew its positions and asked for the first records."""
    match = re.search(r'"event": "partitions started".*?"time": "([^"]+)"', output)
    assert match is not None, output
    return datetime.fromisoformat(match[1])


def _stages(process: Process) -> dict[str, float]:
    """Seconds in each stage, as the consumer's own metrics have them."""
    metrics = get(f"{process.health()}/metrics")[1]
    pattern = r'liuyan_consumer_stage_seconds_sum\{stage="(\w+)"\} (\S+)'
    return {stage: float(seconds) for stage, seconds in re.findall(pattern, metrics)}


def _thread_seconds(pid: int) -> tuple[float, float]:
    """Processor seconds of the event loop's thread and of all the others, since the process began."""
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
    table.add_row(f"{COMMENTS / model:.2f}", "segmentation and the GRU, by the model alone")
    table.add_row(f"{middle.stages['prepare']:.2f}", "worker: parsing and segmentation, waiting for the core included")
    table.add_row(f"{middle.stages['label']:.2f}", "worker: the GRU, waiting for the core included")
    table.add_row(f"{middle.stages['write']:.2f}", "writer: the transactions, beside the worker")
    table.add_row(f"{middle.event_loop_seconds:.2f}", "processor time of the event loop, the process's start included")
    table.add_row(f"{middle.worker_seconds:.2f}", "processor time of the worker, the model's loading included")
    console.print(table)
    console.print(f"model alone {model:,.0f}/s, consumer {speed:,.0f}/s to the last committed row")
    console.print(f"consumer ratio {ratio:.2f} wanted {WANTED}", style="green" if ratio >= WANTED else "red")
    return ratio >= WANTED


@contextmanager
def _pinned(core: int) -> Iterator[None]:
    """Processes started within the block run on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
