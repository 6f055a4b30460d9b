"""docs/relabel.md: run exactly the commands of the page, in order, and compare their output with the page.

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

from tests.demo.test_demo import programs_in
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/relabel.md"
FENCE = re.compile(r"^```(sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STORED = re.compile(r"stored ([\d,]+) lag")
# The page says to wait for these before the second terminal is used.
ENOUGH = 3_000
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


@pytest.mark.server
@pytest.mark.trains
@pytest.mark.minutes
@pytest.mark.timeout(900)
def test_the_commands_of_the_guide_work_and_print_what_it_shows(tmp_path: Path) -> None:
    start, *blocks, end = read_blocks(PAGE.read_text())
    assert [bool(block.commands) for block in blocks] == [True] * len(blocks)
    assert not end.commands
    prepare_checkout(tmp_path)
    with terminal(start.commands, tmp_path) as demo:
        assert eventually(lambda: stored(demo) >= ENOUGH, seconds=240), demo.output
        with terminal(session(blocks), tmp_path) as second:
            assert second.wait(600) == 0, second.output
            outputs = second.output.split(f"{MARK}\n")
        demo.send(signal.SIGINT)
        demo.wait(60)
        assert matches(end.output or "", demo.output.splitlines()[-1]), demo.output
    for block, output in zip(blocks, outputs[:-1], strict=True):
        assert block.output is None or matches(block.output, output), f"{block.commands}{block.output}\n{output}"
    assert programs_in(tmp_path) == []
    assert not (tmp_path / "demo.env").exists()


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
