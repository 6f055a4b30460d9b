"""Everything that commands print goes through here: text that others wrote is escaped, tables suit terminal and pipe.

On a terminal a table is aligned and fits the width. Elsewhere it is tab-separated values under a line of headings, and
totals go to standard error, so that a program can read standard output as it is.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from liuyan.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

# What a terminal obeys, what moves or hides other characters, what ends a line, and what no encoding can write. The
# zero-width joiners stay: emoji and several scripts need them.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
GAP = "  "
BELOW = "  "
# Cells that share a line below a row: none of them can look like two.
PLAIN = re.compile(r"[\w.-]{1,40}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. On a terminal, one that is ``below`` is shown under its row, for text of any length."""

    name: str
    right: bool = False
    below: bool = False


def printable(text: object, *, keep: str = "") -> str:
    r"""``text`` with every character escaped that could change a terminal, a log line or a table: ESC becomes ``\x1b``.

    ``keep`` holds characters that stay as they are, such as a line feed. The result is for reading: it cannot be
    turned back, because a backslash stays a backslash.
    """
    return UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), str(text))


def printable_bytes(content: bytes | None, *, keep: str = "") -> str:
    r"""Bytes as ``printable`` text; what is not UTF-8 is shown as ``\xff``, and None as ``(none)``."""
    return "(none)" if content is None else printable(content.decode(errors="backslashreplace"), keep=keep)


def json_line(fields: object) -> str:
    """JSON on one line that is safe to print: what ``printable`` escapes is escaped as JSON escapes it."""
    return UNPRINTABLE.sub(lambda found: _escape_json(found[0]), json.dumps(fields, ensure_ascii=False, default=str))


def write_line(message: object, *, err: bool = False) -> None:
    """Print one line, escaped, on standard output or standard error."""
    typer.echo(printable(message), err=err)


def write_text(text: str) -> None:
    """Print text of several lines, escaped except for its line feeds."""
    typer.echo(printable(text, keep="\n"))


def write_json(fields: Mapping[str, Any]) -> None:
    """Print an object as one line of JSON; as ASCII where standard output is not UTF-8, which JSON has to be."""
    line = json_line(fields)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    typer.echo(line if encoding.lower().replace("-", "") == "utf8" else json.dumps(fields, default=str))


def write_total(text: str) -> None:
    """Print what sums up the lines before it: on standard error where a program reads standard output."""
    write_line(text, err=not is_terminal())


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print rows, whose cells are in the order of ``columns``, as the module says; None is shown as ``-``."""
    cells = ([printable("-" if cell is None else cell) for cell in row] for row in rows)
    if is_terminal():
        _show_table(columns, list(cells), console())
        return
    typer.echo("\t".join(column.name for column in columns))
    for row in cells:
        typer.echo("\t".join(row))


def console(*, error: bool = False) -> "Console":
    """A rich console that takes text as text: it looks for no markup, emoji names or numbers to highlight in it."""
    from rich.console import Console

    return Console(stderr=error, markup=False, emoji=False, highlight=False)


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def is_terminal_input() -> bool:
    """Whether a person types standard input."""
    return sys.stdin is not None and sys.stdin.isatty()


def standard_input() -> BinaryIO:
    """Standard input as bytes. Raises UsageError when it is closed."""
    if sys.stdin is None:
        raise UsageError("Standard input is closed: name a file instead of -, or send something to the command.")
    return sys.stdin.buffer


def escape_what_cannot_be_encoded() -> None:
    """Standard output may be in an encoding without emoji, or a path may not be UTF-8: escape instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _escape_json(character: str) -> str:
    """UTF-16 code units, as JSON wants them."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _show_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], console: "Console") -> None:
    """Aligned rows, each followed by its columns below; where the terminal is too narrow, every column is below."""
    from rich.text import Text

    widths = {
        at: max([len(column.name), *(Text(row[at]).cell_len for row in rows)])
        for at, column in enumerate(columns)
        if not column.below
    }
    if sum(widths.values()) + len(widths) * len(GAP) > console.width:
        widths = {}
    if widths:
        _show_row(columns, [column.name for column in columns], widths, console, style="bold")
    for row in rows:
        if widths:
            _show_row(columns, row, widths, console)
        below = [(columns[at].name, cell) for at, cell in enumerate(row) if at not in widths and cell not in ("", "-")]
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
    for at, width in widths.items():
        cell = Text(row[at])
        cell.align("right" if columns[at].right else "left", width)
        line.append(cell)
        line.append(GAP)
    line.rstrip()
    console.print(line)


def _show_below(line: str, console: "Console") -> None:
    from rich.padding import Padding
    from rich.text import Text

    if line:
        console.print(Padding(Text(line, "dim", overflow="fold"), (0, 0, 0, len(BELOW)), expand=False))
