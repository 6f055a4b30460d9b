"""Command output: escapes foreign text and formats tables for terminals and pipes.

On a terminal, tables are aligned and fit its width. Otherwise they are tab-separated values with a header line, and
totals go to standard error, so that programs can parse standard output.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from liuyan.errors import LiuyanError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

# Control characters, characters that move or hide others, line separators, and surrogates. Zero-width joiners are
# allowed, because emoji and several scripts need them.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
GAP = "  "
BELOW = "  "
# Cells that may share a line below a row, because none of them can look like two.
PLAIN = re.compile(r"[\w.-]{1,40}")


@dataclass(frozen=True, slots=True)
class Column:
    """A table column. On a terminal, a column with ``below`` is printed under its row, for text of any length."""

    name: str
    right: bool = False
    below: bool = False


def printable(text: object, *, keep: str = "") -> str:
    r"""Escape characters that could affect a terminal, a log line or a table: ESC becomes ``\x1b``.

    Characters in ``keep``, such as a line feed, are not escaped. The result is for people and cannot be converted back,
    because backslashes are not escaped.
    """
    return UNPRINTABLE.sub(lambda match: match[0] if match[0] in keep else _escape(match[0]), str(text))


def printable_bytes(content: bytes | None, *, keep: str = "") -> str:
    r"""Return bytes as ``printable`` text; bytes that are not UTF-8 as ``\xff``, and None as ``(none)``."""
    return "(none)" if content is None else printable(content.decode(errors="backslashreplace"), keep=keep)


def json_line(fields: object) -> str:
    """Return JSON on one line; characters that ``printable`` escapes are JSON escapes."""
    return UNPRINTABLE.sub(lambda match: _escape_json(match[0]), json.dumps(fields, ensure_ascii=False, default=str))


def write_line(message: object, *, err: bool = False) -> None:
    """Print one escaped line to standard output or standard error."""
    _echo(printable(message), err=err)


def write_text(text: str) -> None:
    """Print text of several lines, escaped except for line feeds."""
    _echo(printable(text, keep="\n"))


def write_json(fields: Mapping[str, Any]) -> None:
    """Print an object as one line of JSON; in ASCII if standard output is not UTF-8, as JSON requires."""
    line = json_line(fields)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _echo(line if encoding.lower().replace("-", "") == "utf8" else json.dumps(fields, default=str))


def write_total(text: str) -> None:
    """Print a summary of the preceding lines; to standard error if standard output is not a terminal."""
    write_line(text, err=not is_terminal())


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the cells of each row are in the order of ``columns``, and None is printed as ``-``."""
    cells = ([printable("-" if cell is None else cell) for cell in row] for row in rows)
    if is_terminal():
        _show_table(columns, list(cells), console())
        return
    _echo("\t".join(column.name for column in columns))
    for row in cells:
        _echo("\t".join(row))


def _echo(text: str, *, err: bool = False) -> None:
    """Print a line above a progress bar, if one is shown.

    Rich replaces the streams of a terminal while it draws a bar. Typer would write to the terminal itself, and the bar
    would overwrite the line.
    """
    stream = sys.stderr if err else sys.stdout
    typer.echo(text, file=stream if hasattr(stream, "rich_proxied_file") else None, err=err)


def console(*, error: bool = False) -> "Console":
    """Return a Rich console that prints text literally, without markup, emoji names or highlighting."""
    from rich.console import Console

    return Console(stderr=error, markup=False, emoji=False, highlight=False)


def is_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def is_terminal_input() -> bool:
    """Return whether standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def require_confirmation(question: str, *, yes: bool) -> None:
    """Ask before a command changes something, unless ``yes``.

    Raises UsageError if nobody can answer, and LiuyanError if the answer is no.
    """
    if yes:
        return
    if not is_terminal_input():
        raise UsageError("Standard input is not a terminal. Confirm with --yes.")
    if not typer.confirm(question, err=True):
        raise LiuyanError("Nothing changed.")


def standard_input() -> BinaryIO:
    """Return standard input as a binary stream. Raises UsageError if it is closed."""
    if sys.stdin is None:
        raise UsageError("Standard input is closed. Specify a file instead of -, or pipe data into the command.")
    return sys.stdin.buffer


def escape_unencodable_output() -> None:
    """Escape characters that standard output and error cannot encode, such as emoji, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _escape_json(character: str) -> str:
    """Return a character as JSON escapes of its UTF-16 code units."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _show_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], console: "Console") -> None:
    """Print aligned rows, each followed by its ``below`` columns; all columns if the terminal is too narrow."""
    from rich.text import Text

    widths = {
        index: max([len(column.name), *(Text(row[index]).cell_len for row in rows)])
        for index, column in enumerate(columns)
        if not column.below
    }
    if sum(widths.values()) + len(widths) * len(GAP) > console.width:
        widths = {}
    if widths:
        _show_row(columns, [column.name for column in columns], widths, console, style="bold")
    for row in rows:
        if widths:
            _show_row(columns, row, widths, console)
        below = [
            (columns[index].name, cell)
            for index, cell in enumerate(row)
            if index not in widths and cell not in ("", "-")
        ]
        plain = [f"{name} {cell}" for name, cell in below if PLAIN.fullmatch(cell)]
        _show_below(GAP.join(plain), console)
        for name, cell in below:
            if not PLAIN.fullmatch(cell):
                _show_below(f"{name} {cell}", console)
        if not widths:
            console.print()


def _show_row(
    columns: Sequence[Column], row: Sequence[str], widths: Mapping[int, int], console: "Console", *, style: str = ""
) -> None:
    from rich.text import Text

    line = Text(style=style, no_wrap=True)
    for index, width in widths.items():
        cell = Text(row[index])
        cell.align("right" if columns[index].right else "left", width)
        line.append(cell)
        line.append(GAP)
    line.rstrip()
    console.print(line)


def _show_below(line: str, console: "Console") -> None:
    from rich.padding import Padding
    from rich.text import Text

    if line:
        console.print(Padding(Text(line, "dim", overflow="fold"), (0, 0, 0, len(BELOW)), expand=False))
