"""Write tables for spreadsheet programs."""

import csv
import io
from collections.abc import Iterable

# So that spreadsheet programs read UTF-8.
BYTE_ORDER_MARK = "\ufeff"
# Spreadsheet programs treat a cell that starts with one of these as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Iterable[object]) -> str:
    """Return a line of CSV; an apostrophe keeps texts from being read as formulas. None is an empty cell."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_cell(cell) for cell in cells])
    return buffer.getvalue()


def _cell(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA) else text
