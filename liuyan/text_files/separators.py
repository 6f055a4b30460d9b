"""The separator of a CSV file: a comma, unless its first line or its first rows clearly say another one."""

import re
from collections.abc import Sequence
from itertools import islice

from liuyan.text_files.column_words import is_known
from liuyan.text_files.csv_rows import csv_rows
from liuyan.text_files.errors import TextFileError

SEPARATORS = (",", "\t", ";")
SAMPLE = 50
# Excel names the separator in the first line of what it exports.
DECLARATION = re.compile(r'"?sep=(.)"?\s*', re.DOTALL)
# So many rows without a header have to agree before another separator than the comma is believed.
AGREEING = 3


def declared_separator(first_line: str) -> str | None:
    """The separator of a line such as ``sep=;``, which is no row."""
    found = DECLARATION.fullmatch(first_line.removeprefix("\ufeff"))
    return found.group(1) if found and found.group(1) in (*SEPARATORS, "|") else None


def find_separator(lines: Sequence[str]) -> str:
    """The separator of a file that begins with ``lines``."""
    return max(SEPARATORS, key=lambda separator: _evidence(lines, separator))


def _evidence(lines: Sequence[str], separator: str) -> tuple[int, int]:
    """How many column names it cuts out of the header, and whether it cuts all rows into as many cells."""
    rows: list[list[str]] = []
    try:
        for row in islice(csv_rows(lines, separator), SAMPLE):
            rows.append(_without_empty_end(row.cells))
    except TextFileError:
        pass  # the lines are a part of the file, so the last quote may be open; the file itself is judged later
    if not rows:
        return 0, 0
    names = sum(map(is_known, rows[0])) if len(rows[0]) > 1 else 0
    width = len(rows[0])
    enough = 1 if separator == "," else AGREEING
    agrees = width > 1 and len(rows) >= enough and all(len(row) == width for row in rows)
    return names, int(agrees)


def _without_empty_end(cells: list[str]) -> list[str]:
    width = len(cells)
    while width > 1 and not cells[width - 1].strip():
        width -= 1
    return cells[:width]
