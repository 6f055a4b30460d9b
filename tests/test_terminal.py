"""Command output: foreign text is escaped everywhere, and tables fit terminals and pipes."""

import ast
import asyncio
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from liuyan import cli, terminal
from liuyan.packages import PACKAGES
from liuyan.terminal import UNPRINTABLE, Column, json_line, printable, printable_bytes, write_table
from store.batch import PartitionKey
from store.migrate import migrate
from store.models import register_model
from store.partitions import begin_partition, pause_partition
from store.store import Store
from tests.store.feed import ERASURE_KEY, PARTITION, arrival, dead_letter, feed_of
from tests.test_cli import ALL, PROGRAM

ROOT = Path(__file__).parent.parent
FORGED = "forged line"
# Terminal control sequences, bidirectional text, Rich markup and line separators.
HOSTILE = (
    f"\x1b]0;title\x07\x1b[2J\x9b31m[bold]x[/bold]:smile:\u202e\u2066\u200b\r\n{FORGED}\u2028{FORGED}\x85{FORGED}\t."
)
# Modules with other output: a live screen, progress bars, CSV with cells that Liuyan generates.
OTHER_WRITERS = {
    "liuyan/terminal.py",
    "liuyan/metrics/document.py",
    "liuyan/settings_example.py",
    "liuyan/settings_document.py",
    "liuyan/demo/display.py",
    "liuyan/demo/stack.py",
    "liuyan/progress.py",
    "model/files.py",
    # A separate program that responds to its parent process.
    "api/identity/guesses.py",
}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("物流很快 👍🏽 👩‍👩‍👧　é", "物流很快 👍🏽 👩‍👩‍👧　é"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31m\x9b\x7f", "\\x1b[31m\\x9b\\x7f"),
        ("\u202e\u2066\u200b\ufeff\u2028\x85", "\\u202e\\u2066\\u200b\\ufeff\\u2028\\x85"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
    ],
)
def test_unprintable_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    line = json_line({"text": text})
    assert json.loads(line) == {"text": text}
    assert not UNPRINTABLE.search(line)


def test_characters_can_be_kept() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"
    assert printable_bytes(b"\xff\xe5\xa5\xbd\x1b") == "\\xff好\\x1b"
    assert printable_bytes(None) == "(none)"


COLUMNS = [Column("number", right=True), Column("name"), Column("key", below=True), Column("detail", below=True)]
ROWS = [(7, "物流", "plain-1", "x" * 100), (1234, HOSTILE, None, "短")]


def test_table_in_a_pipe_is_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(COLUMNS, ROWS)
    heads, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert heads == ["number", "name", "key", "detail"]
    assert rows == [["7", "物流", "plain-1", "x" * 100], ["1234", printable(HOSTILE), "-", "短"]]


def test_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    write_table(COLUMNS, [ROWS[0], (1234, "x", None, "短")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["number  name", "     7  物流", "  key plain-1"]
    assert "".join("".join(lines[3:6]).split()) == "detail" + "x" * 100
    assert lines[6:] == ["  1234  x", "  detail 短"]
    assert max(map(len, lines)) <= 80
    write_table(COLUMNS, ROWS)  # A name is wider than the terminal: every column is on a separate line.
    narrow = capsys.readouterr().out
    assert not UNPRINTABLE.search(narrow.replace("\n", ""))
    assert max(map(len, narrow.splitlines())) <= 80
    assert "[bold]x[/bold]:smile:" in narrow


@pytest.fixture(scope="module")
def hostile_database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a database in which all foreign text is hostile."""
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('hostile') / 'liuyan.db'}"
    asyncio.run(_fill(url))
    return url


async def _fill(url: str) -> None:
    async with Store.open(url) as store:
        await migrate(store.engine, lambda step: None)
        await store.check_ready(ERASURE_KEY)
        feed = await feed_of(store)
        files = {"README.md": HOSTILE.encode() + b"\xff", "metrics.json": json.dumps({HOSTILE: HOSTILE}).encode()}
        for letter in "bc":
            await register_model(store, letter * 64, HOSTILE[:100], 0.3, 0.7, files=files)
        key, headers = f"forum:{HOSTILE}".encode(), ((HOSTILE, HOSTILE.encode()),)
        await feed.send(arrival(HOSTILE), dead_letter(1, key, HOSTILE.encode() + b"\xff", headers))
        await store.write(begin_partition, PartitionKey(HOSTILE, HOSTILE[:200], 0), 0, None)
        await store.write(pause_partition, PARTITION, HOSTILE[:200])


def run_main(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the program in this process and return its exit status, standard output and standard error."""
    monkeypatch.setattr(sys, "argv", ["liuyan", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    written = capsys.readouterr()
    return ended.value.code, written.out, written.err


def hostile_arguments(path: tuple[str, ...]) -> list[str]:
    """Return arguments with hostile text for every text parameter, and 1 for numbers."""
    arguments = [*path]
    for parameter in ALL[path].params:
        if getattr(parameter, "is_flag", False) or parameter.name == "help":
            continue
        kind = parameter.type_descriptor.annotation
        text = "1" if kind in (int, float, list[int]) else HOSTILE
        if parameter.param_type_name == "argument":
            arguments.append(text)
        elif text == HOSTILE:
            arguments += [parameter.opts[0], *[text] * parameter.nargs]
    return arguments


def is_safe(output: str) -> bool:
    # The program itself writes no colours in these tests, so any escape sequence is foreign.
    forged = [line for line in output.splitlines() if line.startswith(FORGED)]
    return not forged and not UNPRINTABLE.search(re.sub("[\n\t]", "", output))


@pytest.mark.filterwarnings("ignore:Can not control echo")
@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_commands_escape_foreign_text(
    path: tuple[str, ...],
    hostile_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {"DATABASE_URL": hostile_database, "ERASURE_KEY": ERASURE_KEY.decode(), "SECRET_KEY": "s" * 32}
    for name, value in {**settings, "KAFKA": "127.0.0.1:1", "TOPICS": HOSTILE.replace("\n", "")}.items():
        monkeypatch.setenv(f"LIUYAN_{name}", value)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a password\n")))
    status, out, err = run_main(hostile_arguments(path), monkeypatch, capsys)
    assert is_safe(out + err), out + err
    assert status != cli.INTERNAL_ERROR, err


@pytest.mark.parametrize(
    "command",
    [
        "consumer dead-letters list",
        "consumer dead-letters list --json",
        "consumer dead-letters show 1",
        "consumer dead-letters show 1 --json",
        "consumer dead-letters export",
        "model list",
        "model list --json",
        "model show 2",
        "model show 2 --json",
        "model promote 2 --yes --incomplete",
        "model retire 3",
        "store status",
    ],
)
def test_stored_text_is_escaped(
    command: str, hostile_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIUYAN_DATABASE_URL", hostile_database)
    status, out, err = run_main(command.split(), monkeypatch, capsys)
    assert status == 0, err
    assert "bold" in out + err
    assert is_safe(out + err), out + err


def test_explanations_escape_the_comment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "comments.csv").write_text(f'text\n"很好\n{HOSTILE}"\n', encoding="utf-8", newline="")
    for more in ([], ["--json"]):
        command = ["model", "predict", "--explain", str(tmp_path / "comments.csv"), *more]
        status, out, err = run_main(command, monkeypatch, capsys)
        assert (status, "[bold]" in out) == (0, True), err
        assert is_safe(out + err)


def test_only_one_module_writes_to_the_terminal() -> None:
    writers = {
        str(path.relative_to(ROOT)): [
            ast.unparse(call) for call in ast.walk(ast.parse(path.read_text())) if writes(call)
        ]
        for name in PACKAGES
        if name != "local_stack"
        for path in (ROOT / name).rglob("*.py")
    }
    assert len(writers) > 200
    assert {name: calls for name, calls in writers.items() if calls and name not in OTHER_WRITERS} == {}


def writes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    return bool(re.fullmatch(r"print|typer\.(echo|secho|style)|sys\.std(out|err)\.write|Console", called))


def test_dead_letters_fit_a_terminal_of_80_columns(hostile_database: str) -> None:
    controller, terminal_side = pty.openpty()
    environment = {**os.environ, "LIUYAN_DATABASE_URL": hostile_database, "COLUMNS": "80", "NO_COLOR": "1"}
    command = [str(PROGRAM), "consumer", "dead-letters", "list"]
    with subprocess.Popen(command, stdout=terminal_side, stdin=terminal_side, env=environment) as process:
        assert process.wait(60) == 0
        output = os.read(controller, 100_000).decode()
    os.close(terminal_side)
    os.close(controller)
    lines = output.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "").split("\r\n")
    assert lines[0].split() == ["number", "stored", "reason", "state", "tries"]
    assert max(map(len, lines)) <= 80
    assert not UNPRINTABLE.search("".join(lines))
    assert "1 dead letter" in lines


BAR_AND_LINES = """
from liuyan.terminal import write_line
from liuyan.progress import progress_bar
with progress_bar() as progress:
    progress("reading", 1, 2)
    write_line("first")
    progress("reading", 2, 2)
    write_line("second", err=True)
"""


def test_lines_stay_above_a_progress_bar() -> None:
    """A line that begins where a bar ends would be overwritten when the bar is drawn again."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-c", BAR_AND_LINES]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    assert subprocess.run(command, stdout=terminal, stderr=terminal, env=environment, timeout=60).returncode == 0
    shown = os.read(controller, 100_000).decode()
    rows = re.split(r"\r\n|\r|\x1b\[2K", shown)
    assert {"first", "second"} <= set(rows)
    assert "reading" in rows[-2]


def test_lines_are_separate_from_a_progress_bar_in_a_pipe() -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-c", BAR_AND_LINES]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, timeout=60, check=True)
    assert done.stdout == b"first\n"
    shown = os.read(controller, 100_000).decode()
    assert "second" in shown
    assert "first" not in shown
