"""Compare the working tree with another commit: the model alone, and the consumer's CPU time outside the model.

    python -m benchmarks.before_after ed486e9

Both take turns in one run, on one core, with the same interpreter and packages. The commit is checked out into a
temporary worktree. The time of the model alone is segmentation, network and n-grams, in batches of the consumer's size.
The consumer's CPU time per comment is measured from the first stored batch of a backlog to the last one, so that its
start does not count.
"""

import argparse
import asyncio
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.consumer import CONSUMER_CORE, SERVERS_CORE, pinned, thread_seconds
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from tests.harness import Installation, Process, Record, real_comments

HERE = Path(__file__).parent.parent
# At least this ratio of speeds of the model alone, and at most this ratio of the CPU times outside it.
TARGET_MODEL_RATIO, TARGET_OTHER_RATIO = 1.4, 0.6
COMMENTS, MODEL_COMMENTS = 40_000, 16_384
MICROSECONDS = 1_000_000


@dataclass
class Side:
    """A checkout and its measurements per round, in seconds per comment."""

    name: str
    checkout: Path
    model: list[float] = field(default_factory=list)
    consumer: list[float] = field(default_factory=list)

    @property
    def other(self) -> float:
        """The consumer's CPU seconds per comment outside the model."""
        return statistics.median(self.consumer) - statistics.median(self.model)


def run(commit: str, rounds: int) -> bool:
    """Measure and print. Return whether the targets are reached."""
    records = real_comments(COMMENTS)
    with worktree(commit) as checkout, pinned(SERVERS_CORE), Kafka() as kafka, MySQL() as mysql:
        sides = [Side(commit, checkout), Side("working tree", HERE)]
        for number in range(rounds):
            for side in sides:
                side.model.append(_model_alone(side.checkout))
                side.consumer.append(_consumer(side.checkout, kafka, mysql, records))
                sys.stderr.write(f"round {number + 1}, {side.name}: {_figures(side.model[-1:], side.consumer[-1:])}\n")
    return _report(*sides)


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """Check ``commit`` out into a temporary folder, with its installed packages left out."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", checkout, commit], cwd=HERE, check=True)
        try:
            yield checkout
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", checkout], cwd=HERE, check=True)


def _model_alone(checkout: Path) -> float:
    """Return the seconds per comment of the model alone."""
    command = [sys.executable, "-m", "benchmarks.model_alone", str(MODEL_COMMENTS)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with pinned(CONSUMER_CORE):
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=checkout, env=environment)
    return 1 / float(done.stdout)


def _consumer(checkout: Path, kafka: Kafka, mysql: MySQL, records: Sequence[Record]) -> float:
    """Return the CPU seconds per comment of a consumer that stores ``records``."""
    name = f"before_after_{secrets.token_hex(4)}"
    mysql.create_database(name)
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(kafka.bootstrap, name, mysql.url(name), Path(folder))
        installation.settings |= {"LIUYAN_ANSWER_CACHE_SIZE": "0", "PYTHONPATH": str(checkout)}
        installation.migrate()
        asyncio.run(_publish(installation, records))
        with pinned(CONSUMER_CORE):
            process = Process(["consumer", "run"], installation.environment(), installation.folder)
        with process:
            installation.wait_for(lambda: installation.stored() > 0, seconds=60, process=process)
            before, stored = _cpu_seconds(process), installation.stored()
            installation.wait_for(lambda: installation.stored() == len(records), seconds=120, process=process)
            seconds = _cpu_seconds(process) - before
            process.send(signal.SIGTERM)
            process.wait(30)
    return seconds / (len(records) - stored)


async def _publish(installation: Installation, records: Sequence[Record]) -> None:
    await installation.create_topic(partitions=4)
    await installation.publish(records)


def _cpu_seconds(process: Process) -> float:
    return sum(thread_seconds(process.popen.pid))


def _report(before: Side, after: Side) -> bool:
    console = Console()
    table = Table("", "model alone", "consumer", "outside the model", title="CPU time per comment, medians", box=None)
    for side in (before, after):
        table.add_row(side.name, *(f"{seconds * MICROSECONDS:.1f} us" for seconds in _medians(side)))
    console.print(table)
    model = statistics.median(before.model) / statistics.median(after.model)
    other = after.other / before.other
    reached = model >= TARGET_MODEL_RATIO, other <= TARGET_OTHER_RATIO
    colours = ["green" if one else "red" for one in reached]
    console.print(f"speed of the model alone {model:.2f}, target at least {TARGET_MODEL_RATIO}", style=colours[0])
    console.print(f"CPU time outside the model {other:.2f}, target at most {TARGET_OTHER_RATIO}", style=colours[1])
    return all(reached)


def _medians(side: Side) -> tuple[float, float, float]:
    return statistics.median(side.model), statistics.median(side.consumer), side.other


def _figures(model: Sequence[float], consumer: Sequence[float]) -> str:
    return f"model {model[0] * MICROSECONDS:.1f} us, consumer {consumer[0] * MICROSECONDS:.1f} us per comment"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sys.exit(0 if run(arguments.commit, arguments.rounds) else 1)
