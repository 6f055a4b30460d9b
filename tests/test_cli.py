"""The command line: answers at once, shows every group, explains every command with an example."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from liuyan.cli import app

HEAVY = ["torch", "sqlalchemy", "aiokafka", "fastapi", "pydantic", "pydantic_settings", "jieba", "numpy"]
PROGRAM = Path(sys.executable).with_name("liuyan")


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command under a group, with the words that call it (click's objects, which Typer brings along unnamed)."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, part in command.commands.items():
        yield from commands(part, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_help_shows_all_groups() -> None:
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=30, check=True)
    for name in ("consumer", "model", "store", "api", "demo"):
        assert f" {name} " in done.stdout


def test_help_imports_nothing_heavy() -> None:
    asks = "import sys, json, liuyan.cli; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, timeout=30, check=True)
    assert [name for name in HEAVY if name in json.loads(done.stdout)] == []


def test_what_is_wrong_at_a_start_is_found_before_pytorch_is_imported() -> None:
    asks = "import sys, liuyan.consumer.run, liuyan.api.serve; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", asks], timeout=30, check=True)


def test_help_costs_little_more_than_the_libraries_that_show_it() -> None:
    # Processor time, in turns, the best of five: a slow machine is slow for both.
    libraries: list[str | Path] = [sys.executable, "-c", "import typer.rich_utils"]
    turns = [(processor_seconds([PROGRAM, "--help"]), processor_seconds(libraries)) for _ in range(5)]
    ours, theirs = (min(seconds) for seconds in zip(*turns, strict=True))
    assert ours < 2 * theirs


def processor_seconds(command: list[str | Path]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=30, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_a_help_with_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], terminal_width=200)
    assert shown.exit_code == 0
    text = " ".join(shown.output.split())
    assert "Example" in text
    # Once in the usage line, at least once as an example.
    assert text.count(" ".join(["liuyan", *path])) >= 2
    assert [option.name for option in ALL[path].params if not option.help] == []


def test_a_wrong_command_ends_with_status_2() -> None:
    done = subprocess.run([PROGRAM, "consumer", "rnu"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "No such command 'rnu'" in done.stderr
    assert "Traceback" not in done.stderr
