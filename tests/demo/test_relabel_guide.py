"""docs/relabel.md and docs/tour.md: run exactly the commands of a page, in order, and compare their output with it.

A fence marked ``sh`` contains commands, and one without a mark after it their output: ``N`` stands for any number and
``...`` for any text, also of several lines; the amount of white space is free.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from store.sample import AUDIT_SHARE, AuditSample
from tests.demo.test_demo import programs_in
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent.parent
FENCE = re.compile(r"^```(sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STORED = re.compile(r"stored ([\d,]+) lag")
# The comments that must be stored before the second terminal is used.
RELABEL, TOUR = ("relabel.md", 3_000), ("tour.md", 500)
TOUR_COMMENTS = ("tour-1", "tour-2")
# Printed after each block.
MARK = "--- end of the block ---"
PATTERNS = {"N": r"\d[\d,.:]*", "...": r".*?"}


@dataclass
class Block:
    """Commands to paste into a terminal, and the output that the page shows; None if it shows none."""

    commands: str
    output: str | None = None


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of a page. The output that follows the last commands is the end of the first terminal."""
    blocks: list[Block] = []
    for kind, content in FENCE.findall(page):
        if kind:
            blocks.append(Block(content))
        elif blocks and blocks[-1].output is None:
            blocks[-1].output = content
        else:
            blocks.append(Block("", content))
    return blocks


def matches(expected: str, output: str) -> bool:
    """Return whether the output is the expected one, with any white space and any values for placeholders."""
    words = re.split(r"(\.\.\.|\bN\b)", " ".join(expected.split()))
    pattern = "".join(PATTERNS.get(word, re.escape(word)) for word in words)
    # A placeholder for text may stand for none.
    pattern = pattern.replace(r"\ .*?\ ", r"\ (?:.*?\ )?")
    return re.fullmatch(pattern, " ".join(output.split())) is not None


def prepare_checkout(folder: Path) -> None:
    """Make ``folder`` look like a checkout after `make install`, without a way to reinstall into this environment."""
    (folder / "Makefile").symlink_to(ROOT / "Makefile")
    environment = folder / ".venv"
    environment.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (environment / name).symlink_to(Path(sys.prefix) / name)
    (folder / "producer_examples").symlink_to(ROOT / "producer_examples")
    for name in ("pyproject.toml", "constraints.txt", "hatch_build.py"):
        (folder / name).touch()
    (environment / ".installed").touch()


class Terminal:
    """A shell in a process group of its own. Its output, standard error included, is collected in the background."""

    def __init__(self, script: str, folder: Path) -> None:
        # Make's variables of `make test` do not belong to a newcomer's `make demo`.
        kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        self._shell = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env={**kept, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._shell.stdout is not None
        with self._shell.stdout as stdout:
            for line in stdout:
                self.lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait(self, seconds: float) -> int:
        """Wait for the end and return the exit status. Fail with the output if it takes longer."""
        try:
            status = self._shell.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"not finished after {seconds} s:\n{self.output}")
        self._reader.join(seconds)
        return status

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all programs of the terminal, as Ctrl-C does."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, number)


@contextmanager
def terminal(script: str, folder: Path) -> Iterator[Terminal]:
    """Run a script in a terminal; kill what is left of it at the end."""
    opened = Terminal(script, folder)
    try:
        yield opened
    finally:
        opened.send(signal.SIGKILL)


def session(blocks: list[Block]) -> str:
    """Return a script that runs the blocks in one shell, marks their ends, and stops at the first failure."""
    return "set -e\n" + "".join(f"{block.commands}\necho {MARK}\n" for block in blocks)


def stored(demo: Terminal) -> int:
    """Return the number of stored comments that the demo printed last."""
    found = STORED.findall(demo.output)
    return int(found[-1].replace(",", "")) if found else 0


def shows_labels(folder: Path) -> bool:
    """Return whether none of the tour's comments belongs to the demo's audit sample, whose labels are hidden."""
    key = re.search(r"LIUYAN_ERASURE_KEY=(\w+)", (folder / "demo.env").read_text())
    assert key is not None
    sample = AuditSample.of(key[1].encode(), AUDIT_SHARE)
    return all(sample.rank("forum", id) is None for id in TOUR_COMMENTS)


@contextmanager
def running_demo(script: str, folder: Path, enough: int) -> Iterator[Terminal]:
    """Run a demo until it has stored ``enough`` comments; start another one unless it shows the labels of the tour."""
    while True:
        with terminal(script, folder) as demo:
            assert eventually(lambda: stored(demo) >= enough, seconds=240), demo.output
            if shows_labels(folder):
                yield demo
                return
            demo.send(signal.SIGINT)
            demo.wait(60)


@pytest.mark.server
@pytest.mark.trains
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "enough"),
    [pytest.param(*RELABEL, marks=pytest.mark.minutes), pytest.param(*TOUR, marks=pytest.mark.long)],
    ids=["relabel", "tour"],
)
def test_the_commands_of_the_page_work_and_print_what_it_shows(tmp_path: Path, name: str, enough: int) -> None:
    start, *blocks, end = read_blocks((ROOT / "docs" / name).read_text())
    assert [bool(block.commands) for block in blocks] == [True] * len(blocks)
    assert not end.commands
    prepare_checkout(tmp_path)
    with running_demo(start.commands, tmp_path, enough) as demo:
        with terminal(session(blocks), tmp_path) as second:
            assert second.wait(600) == 0, second.output
            outputs = second.output.split(f"{MARK}\n")
        demo.send(signal.SIGINT)
        demo.wait(60)
        assert matches(end.output or "", last_line(demo)), demo.output
    for block, output in zip(blocks, outputs[:-1], strict=True):
        assert block.output is None or matches(block.output, output), f"{block.commands}{block.output}\n{output}"
    assert programs_in(tmp_path) == []
    assert not (tmp_path / "demo.env").exists()


def last_line(demo: Terminal) -> str:
    """Return the demo's last line; make adds one if the status is not 0."""
    return [line for line in demo.output.splitlines() if not line.startswith("make: ")][-1]


@pytest.mark.parametrize(
    ("expected", "output", "equal"),
    [
        ("stored N of N", "stored 1,234 of 56.7", True),
        ("stored N", "stored many", False),
        ("a  b\nc", "a\tb\nc\n", True),
        ("a\n...\nz", "a\nb\nc\nz", True),
        ("a\n...\nz", "a\nz", True),
        ("a\nz", "a\nb\nz", False),
        ("N% (N .. N)", "12.5% (1 .. 2)", True),
        ("model 2 (x, ...) is active.", "model 2 (x, 9f2c41d07b3e) is active.", True),
    ],
)
def test_output_is_compared_with_the_page(expected: str, output: str, equal: bool) -> None:
    assert matches(expected, output) is equal
