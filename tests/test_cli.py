"""The command line: help is fast and complete, and errors are one line."""

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

from liuyan.cli import app, main
from liuyan.demo.errors import DemoError

pytestmark = pytest.mark.programs

HEAVY = ["torch", "sqlalchemy", "aiokafka", "fastapi", "pydantic", "pydantic_settings", "jieba", "numpy"]
PROGRAM = Path(sys.executable).with_name("liuyan")


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command under a group with its path (Click objects, whose types Typer does not export)."""
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
    script = "import sys, json, liuyan.cli; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert [name for name in HEAVY if name in json.loads(done.stdout)] == []


# What consumers, servers and commands import, and what labelling and explaining a comment imports later.
SERVING = """
import importlib, pkgutil, sys
sys.modules["torch"] = None  # importing it raises ImportError
for name in ("consumer", "api", "store", "registry", "liuyan"):
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
from model.labeller import load_labeller
labeller = load_labeller()
assert labeller.predict(["很好"])[0].label == "positive"
assert labeller.explain("很好").words
"""


def test_only_training_needs_pytorch() -> None:
    subprocess.run([sys.executable, "-c", SERVING], timeout=60, check=True)


def test_training_without_pytorch_names_what_to_install() -> None:
    script = "import sys; sys.modules['torch'] = None; from liuyan.__main__ import main; main()"
    command = [sys.executable, "-c", script, "model", "train", "--output", "anywhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Training needs PyTorch. Run `pip install liuyan[training]`." in " ".join(done.stderr.split())


def test_help_is_not_much_slower_than_importing_its_libraries() -> None:
    # Compare CPU time, alternating, best of five, because a slow machine is slow for both.
    libraries: list[str | Path] = [sys.executable, "-c", "import typer.rich_utils"]
    turns = [(processor_seconds([PROGRAM, "--help"]), processor_seconds(libraries)) for _ in range(5)]
    program, baseline = (min(seconds) for seconds in zip(*turns, strict=True))
    assert program < 2 * baseline


def processor_seconds(command: list[str | Path]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=30, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], terminal_width=200)
    assert shown.exit_code == 0
    text = " ".join(shown.output.split())
    assert "Example" in text
    # Once in the usage line and at least once in an example.
    assert text.count(" ".join(["liuyan", *path])) >= 2
    assert [option.name for option in ALL[path].params if not option.help] == []


def run(*arguments: str, redirected: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the program in a shell with the redirections ``redirected``."""
    command = ["sh", "-c", f'exec "$0" "$@" {redirected}', str(PROGRAM), *arguments]
    variables = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "shell", "status", "sentence"),
    [
        (["consumer", "check-event", "-"], "<&-", 2, "Standard input is closed"),
        (["model", "predict", "-"], "<&-", 2, "Standard input is closed"),
        (["api", "create-admin", "name", "--password-stdin"], "<&-", 2, "Standard input is closed"),
        (["consumer", "contract"], ">/dev/full", 1, "No space left on device."),
        (["consumer", "contract"], ">&-", 0, ""),
        (["consumer", "check-event", "/"], "", 2, "Cannot read /: Is a directory."),
        (["consumer", "check-event", "\udcff"], "", 2, "Argument \\udcff is neither UTF-8 nor an existing file."),
        (["consumer", "pause", "comments", "0", "--reason=\udcff"], "", 2, "Argument --reason=\\udcff is neither"),
    ],
)
def test_user_errors_are_one_line(arguments: list[str], shell: str, status: int, sentence: str) -> None:
    done = run(*arguments, redirected=shell)
    assert done.returncode == status
    assert done.stderr.startswith(f"liuyan: {sentence}" if sentence else "")
    assert done.stderr.count("\n") == bool(sentence)


def test_error_names_a_folder_that_cannot_be_created() -> None:
    done = run("model", "train", "--output", "/dev/null/model", "--epochs", "1", "--sample", "100")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "liuyan: The folder /dev/null/model cannot be created: Not a directory. Name another --output.",
    )


def test_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    (tmp_path / "many.jsonl").write_text("{}\n" * 20_000)
    done = run("consumer", "check-event", str(tmp_path / "many.jsonl"), redirected="| head -n 1")
    assert (done.stdout, done.stderr) == ("line\tkey\tpartition\treason\tdetail\tnote\n", "")


def test_unencodable_output_is_escaped(tmp_path: Path) -> None:
    event = {"platform": "a", "id": "👍", "text": "x", "created_at": "2026-01-31T08:15:00Z"}
    (tmp_path / "event.jsonl").write_text(json.dumps(event))
    command = ["consumer", "check-event", str(tmp_path / "event.jsonl")]
    done = run(*command, PYTHONIOENCODING="gbk")
    assert (done.returncode, done.stdout.splitlines()[1].split("\t")[1]) == (0, "a:\\U0001f44d")
    done = run(*command, "--json", PYTHONIOENCODING="gbk")
    assert json.loads(done.stdout)["key"] == "a:👍"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_numbers_too_large_for_a_database_are_rejected(path: tuple[str, ...]) -> None:
    numbers = [one for one in ALL[path].params if one.type_descriptor.annotation in (int, list[int])]
    arguments = [one for one in numbers if one.param_type_name == "argument"]
    for argument in arguments:
        before = [
            str(2**63) if one is argument else "1" for one in ALL[path].params if one.param_type_name == "argument"
        ]
        shown = CliRunner().invoke(app, [*path, *before])
        assert shown.exit_code == 2, path


def test_unknown_command_exits_with_status_2() -> None:
    done = subprocess.run([PROGRAM, "consumer", "rnu"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "No such command 'rnu'" in done.stderr
    assert "Traceback" not in done.stderr


def test_further_lines_of_an_error_are_printed_below_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = typer.Typer()

    @program.command()
    def fail() -> None:
        raise DemoError("It ended. The end of its log:", "first", "second\nforged \x1b")

    monkeypatch.setattr(sys, "argv", ["liuyan"])
    with pytest.raises(SystemExit):
        main(program)
    assert capsys.readouterr().err == "liuyan: It ended. The end of its log:\nfirst\nsecond\\nforged \\x1b\n"
