"""The separator of a CSV file: a comma, unless its first line or its first rows clearly say another one.

Without a file name or a Content-Type that says CSV, the first rows also decide whether the file is a table at all.
"""

import re
from collections.abc import Sequence
from itertools import islice

from liuyan.text_files.column_words import comment_rank, is_known, looks_like_prose
from liuyan.text_files.csv_rows import csv_rows
from liuyan.text_files.errors import TextFileError

SEPARATORS = (",", "\t", ";")
# A bar needs a header: it is common in texts.
WITH_HEADER = (*SEPARATORS, "|")
SAMPLE = 50
# Excel names the separator in the first line of what it exports.
DECLARATION = re.compile(r'"?sep=(.)"?\s*', re.DOTALL)
# So many rows without a header have to agree before another separator than the comma is believed.
AGREEING = 3
# A comma is the usual separator, and tabs are rare in texts.
ENOUGH = {",": 1, "\t": 2}


def declared_separator(first_line: str) -> str | None:
    """The separator of a line such as ``sep=;``, which is no row."""
    found = DECLARATION.fullmatch(first_line.removeprefix("\ufeff"))
    return found.group(1) if found and found.group(1) in WITH_HEADER else None


def find_separator(lines: Sequence[str]) -> str:
    """The separator of a file that begins with ``lines``."""
    return max(WITH_HEADER, key=lambda separator: _evidence(lines, separator))


def is_table(lines: Sequence[str]) -> bool:
    """Whether a file that may have one comment a line is clearly a table: it has a header, or all rows have tabs."""
    if declared_separator(lines[0] if lines else "") or _has_header(lines):
        return True
    rows = _rows(lines, "\t")
    return len(rows) >= ENOUGH["\t"] and len(rows[0]) > 1 and _agree(rows)


def is_table_by_content(lines: Sequence[str]) -> bool:
    """The same for a file of which nothing is known: several rows that agree, or a name above one column, do too."""
    tables = (_rows(lines, separator) for separator in SEPARATORS)
    if is_table(lines) or any(len(rows) >= AGREEING and len(rows[0]) > 1 and _agree(rows) for rows in tables):
        return True
    first = next((line.strip().strip('"') for line in lines if line.strip()), "")
    return comment_rank(first) is not None and is_known(first) and all(len(row) == 1 for row in _rows(lines, ","))


def _has_header(lines: Sequence[str]) -> bool:
    """Whether the first row has names of columns, and nothing like a text, and the rows below are as wide."""
    for separator in WITH_HEADER:
        rows = _rows(lines, separator)
        if not rows or len(rows[0]) < 2 or any(map(looks_like_prose, rows[0])):
            continue
        names = sum(map(is_known, rows[0]))
        # With nothing but names it is a header, whatever is below; the file itself is judged later.
        if names and (names == len(rows[0]) or (len(rows) > 1 and _agree(rows))):
            return True
    return False


def _agree(rows: Sequence[Sequence[str]]) -> bool:
    return all(len(row) == len(rows[0]) for row in rows)


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The first rows, up to a fault."""
    rows: list[list[str]] = []
    try:
        for row in islice(csv_rows(lines, separator), SAMPLE):
            rows.append(_without_empty_end(row.cells))
    except TextFileError:
        pass  # the lines are a part of the file, so the last quote may be open; the file itself is judged later
    return rows


def _evidence(lines: Sequence[str], separator: str) -> tuple[int, int]:
    """How many column names it cuts out of the header, and whether it cuts all rows into as many cells."""
    rows = _rows(lines, separator)
    if not rows:
        return 0, 0
    names = sum(map(is_known, rows[0])) if len(rows[0]) > 1 else 0
    width = len(rows[0])
    enough = ENOUGH.get(separator, AGREEING)
    agrees = separator != "|" and width > 1 and len(rows) >= enough and _agree(rows)
    return names, int(agrees)


def _without_empty_end(cells: list[str]) -> list[str]:
    width = len(cells)
    while width > 1 and not cells[width - 1].strip():
        width -= 1
    return cells[:width]
