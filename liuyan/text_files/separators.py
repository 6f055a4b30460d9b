"""Detect the separator of a CSV file: a comma, unless the first line or the first rows clearly use another one.

If neither file name nor Content-Type says that a file is CSV, the first rows also decide whether it is a table.
"""

import re
from collections.abc import Sequence
from itertools import islice

from liuyan.text_files.column_words import comment_rank, is_known, looks_like_prose
from liuyan.text_files.csv_rows import csv_rows
from liuyan.text_files.errors import TextFileError

SEPARATORS = (",", "\t", ";")
# A bar counts only with a header, because it is common in texts.
WITH_HEADER = (*SEPARATORS, "|")
SAMPLE = 50
# Excel can declare the separator in the first line of an export.
DECLARATION = re.compile(r'"?sep=(.)"?\s*', re.DOTALL)
# Number of rows that must have as many cells, without a header, to accept a separator other than the comma.
AGREEING = 3
# A comma is the usual separator, and tabs are rare in texts.
ENOUGH = {",": 1, "\t": 2}


def declared_separator(first_line: str) -> str | None:
    """Return the separator that a line such as ``sep=;`` declares, or None."""
    match = DECLARATION.fullmatch(first_line.removeprefix("\ufeff"))
    return match.group(1) if match and match.group(1) in WITH_HEADER else None


def find_separator(lines: Sequence[str]) -> str:
    """Return the separator of a file that starts with ``lines``."""
    return max(WITH_HEADER, key=lambda separator: _evidence(lines, separator))


def is_table(lines: Sequence[str]) -> bool:
    """Return whether a plain text file is clearly a table: it has a header, or all rows have tabs."""
    if declared_separator(lines[0] if lines else "") or _has_header(lines):
        return True
    rows = _rows(lines, "\t")
    return len(rows) >= ENOUGH["\t"] and len(rows[0]) > 1 and _agree(rows)


def is_table_by_content(lines: Sequence[str]) -> bool:
    """Return whether a file of unknown type is a table; unlike ``is_table``, several rows of equal width or a single
    column with a known name suffice."""
    tables = (_rows(lines, separator) for separator in SEPARATORS)
    if is_table(lines) or any(len(rows) >= AGREEING and len(rows[0]) > 1 and _agree(rows) for rows in tables):
        return True
    first = next((line.strip().strip('"') for line in lines if line.strip()), "")
    return comment_rank(first) is not None and is_known(first) and all(len(row) == 1 for row in _rows(lines, ","))


def _has_header(lines: Sequence[str]) -> bool:
    """Return whether the first row has column names and no text, and the rows below are as wide."""
    for separator in WITH_HEADER:
        rows = _rows(lines, separator)
        if not rows or len(rows[0]) < 2 or any(map(looks_like_prose, rows[0])):
            continue
        names = sum(map(is_known, rows[0]))
        # A row of known names only is a header, whatever follows; errors below it are reported later.
        if names and (names == len(rows[0]) or (len(rows) > 1 and _agree(rows))):
            return True
    return False


def _agree(rows: Sequence[Sequence[str]]) -> bool:
    return all(len(row) == len(rows[0]) for row in rows)


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the first rows, up to an error."""
    rows: list[list[str]] = []
    try:
        for row in islice(csv_rows(lines, separator), SAMPLE):
            rows.append(_without_empty_end(row.cells))
    except TextFileError:
        pass  # The lines are only a part of the file, so the last quote may be open. Errors are reported later.
    return rows


def _evidence(lines: Sequence[str], separator: str) -> tuple[int, int]:
    """Return the number of known column names in the first row, and 1 if all rows have as many cells, else 0."""
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
