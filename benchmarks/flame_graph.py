"""Draw where the consumer spends its time: a flame graph as plain SVG, and the share of each step.

    python -m benchmarks.flame_graph consumer docs/images/flame-consumer.svg
    python -m benchmarks.flame_graph model docs/images/flame-model.svg

The consumer works on a backlog, pinned to one core; the model runs alone as in `benchmarks.model_alone`, with native
frames, for which py-spy would stop a consumer for too long. py-spy's own SVG contains a script, so the samples are
drawn here.
"""

import asyncio
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.consumer import CONSUMER_CORE, SERVERS_CORE, pinned
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from tests.harness import Installation, Process, real_comments

COMMENTS = 30_000
# Enough to outlast the start of py-spy.
BACKLOG = 100_000
RATE, SECONDS = 250, 6
WIDTH, ROW, SMALLEST_SHARE = 1200, 15, 0.004
STARTING = ("importlib", "load_labeller", "load_model")
WAITING = ("_worker (concurrent", "EpollSelector.select", "select (selectors", "wait (threading", "Condition.wait")
# A sample belongs to the step of its innermost frame that has one.
STEPS = {
    "n-grams": ("model/ngrams.py", "ngram"),
    "network": ("model/inference.py", "model/kernel", "gru.so", "model/network.py"),
    "normalisation": ("model/normalise.py", "liuyan/nfkc.py"),
    "segmentation (rjieba)": ("model/segment.py", "rjieba"),
    "vocabulary lookup": ("model/vocabulary.py",),
    "parsing": ("consumer/event.py",),
    "rest of the labeller": ("model/labeller.py", "model/gru.py", "model/words.py"),
    "rest of the worker": ("consumer/worker.py",),
    "merging and rows": ("store/merge.py", "store/write.py", "store/rows.py", "store/lock_keys.py", "store/batch.py"),
    "JSON of rows": ("store/bulk.py",),
    "database client": ("aiomysql", "pymysql", "sqlalchemy", "store/"),
    "Kafka client": ("aiokafka",),
    "rest of the consumer": ("consumer/",),
    "event loop": ("asyncio", "selectors"),
}


@dataclass
class Frame:
    """A frame with the samples in it and in the frames that it calls."""

    samples: int = 0
    calls: "dict[str, Frame]" = field(default_factory=dict)


def profile_model(samples: Path) -> None:
    """Sample the model alone."""
    with pinned(CONSUMER_CORE):
        _record(samples, "--native", "--", sys.executable, "-m", "benchmarks.model_alone", str(COMMENTS))


def profile_consumer(samples: Path) -> None:
    """Sample a consumer that works on a backlog."""
    with tempfile.TemporaryDirectory() as folder, pinned(SERVERS_CORE), Kafka() as kafka, MySQL() as mysql:
        name = f"flame_{secrets.token_hex(4)}"
        mysql.create_database(name)
        installation = Installation(kafka.bootstrap, name, mysql.url(name), Path(folder))
        installation.settings |= {"LIUYAN_ANSWER_CACHE_SIZE": "0"}
        installation.migrate()
        asyncio.run(_publish(installation))
        with pinned(CONSUMER_CORE):
            process = Process(["consumer", "run"], installation.environment(), installation.folder)
        with process:
            installation.wait_for(lambda: installation.stored() > 0, seconds=60, process=process)
            _record(samples, "--duration", str(SECONDS), "--pid", str(process.popen.pid))
            process.send(signal.SIGTERM)
            process.wait(30)


async def _publish(installation: Installation) -> None:
    await installation.create_topic(partitions=4)
    await installation.publish(real_comments(BACKLOG))


def _record(samples: Path, *arguments: str) -> None:
    program = Path(sys.executable).with_name("py-spy")
    options = ("--rate", str(RATE), "--format", "raw", "--output", str(samples))
    subprocess.run([program, "record", *options, *arguments], check=True, capture_output=True, timeout=120)


def read_samples(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield stacks, outermost frame first, and their samples from lines such as ``main;run (a.py:3) 12``."""
    for line in text.splitlines():
        stack, _, samples = line.rpartition(" ")
        yield tuple(stack.split(";")), int(samples)


def step_of(stack: Sequence[str]) -> str:
    """Return the step that a stack belongs to."""
    for frame in reversed(stack):
        for step, names in STEPS.items():
            if any(name in frame for name in names):
                return step
    return "other"


def grow(stacks: Sequence[tuple[tuple[str, ...], int]]) -> Frame:
    """Return the root of the frames of all ``stacks``."""
    root = Frame()
    for stack, samples in stacks:
        frame = root
        frame.samples += samples
        for name in stack:
            frame = frame.calls.setdefault(name, Frame())
            frame.samples += samples
    return root


def draw(root: Frame, title: str) -> str:
    """Return the flame graph as SVG without scripts. Frames with fewer than SMALLEST_SHARE are left out."""
    boxes = list(_boxes(root, 0.0, 0, root.samples))
    height = ROW * (3 + max(depth for _, _, depth, _ in boxes))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="10"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="4" y="12" font-size="12">{escape(title)}</text>'
    ]
    for name, left, depth, share in boxes:
        y, width = ROW * (1 + depth) + 4, share * WIDTH
        shown = escape(name[: int(width / 5.4)]) if width > 20 else ""
        x = left * WIDTH
        lines += [
            f"<g><title>{escape(name)}, {share:.1%}</title>",
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="{_colour(name)}"/>',
            f'<text x="{x + 2:.1f}" y="{y + 11}">{shown}</text></g>',
        ]
    return "\n".join([*lines, "</svg>\n"])


def _boxes(frame: Frame, left: float, depth: int, total: int) -> Iterator[tuple[str, float, int, float]]:
    for name, call in sorted(frame.calls.items()):
        share = call.samples / total
        if share >= SMALLEST_SHARE:
            yield name, left, depth, share
            yield from _boxes(call, left, depth + 1, total)
        left += share


def _colour(name: str) -> str:
    """Python frames are yellow, those of native libraries grey."""
    return "#f5c04e" if ".py:" in name or ".py)" in name else "#c9c9c9"


def main(what: str, target: Path) -> None:
    """Profile ``what``, print the shares of the steps and write the flame graph to ``target``."""
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "samples"
        {"consumer": profile_consumer, "model": profile_model}[what](samples)
        stacks = [(stack, count) for stack, count in read_samples(samples.read_text()) if _busy(stack)]
    root = grow(stacks)
    target.write_text(draw(root, f"{what}, {root.samples:,} samples"))
    _print_steps(stacks, root.samples)


def _busy(stack: Sequence[str]) -> bool:
    """Leave out waiting threads, the import of modules and the loading of the model."""
    return not any(name in frame for frame in stack for name in STARTING) and not stack[-1].startswith(WAITING)


def _print_steps(stacks: Sequence[tuple[tuple[str, ...], int]], total: int) -> None:
    counted = dict.fromkeys((*STEPS, "other"), 0)
    for stack, samples in stacks:
        counted[step_of(stack)] += samples
    table = Table("step", "share", box=None)
    for step, samples in counted.items():
        if samples:
            table.add_row(step, f"{samples / total:.1%}")
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
