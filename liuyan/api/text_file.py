"""Comments in a file that people send: UTF-8 or GB18030, CSV or one text a line."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from starlette_admin.i18n import gettext

COLUMN = "text"
# The library refuses longer fields by a limit that all of a process share: this is what it says by default.
LONGEST_FIELD = 131_072


class TextFileError(Exception):
    """The file cannot be read: one sentence that says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text, and the row of the file (from 1, a header counted) that it begins in."""

    row: int
    text: str


def read_lines(content: bytes, *, is_csv: bool, maximum_lines: int, maximum_text: int) -> list[Line]:
    """The texts of a file in order, without empty ones. Raises TextFileError.

    Of CSV the column whose head is ``text`` is read, else the first column, whose first row is then a text too.
    """
    text = decode(content)
    lines: list[Line] = []
    for row, cell in _cells(text) if is_csv else enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not cell.strip():
            continue
        if len(cell) > maximum_text:
            raise TextFileError(
                gettext("Row %(row)s has more than %(maximum)s characters: shorten it.")
                % {"row": row, "maximum": f"{maximum_text:,}"}
            )
        if len(lines) == maximum_lines:
            raise TextFileError(
                gettext("There are more than %(maximum)s texts: send them in several parts.")
                % {"maximum": f"{maximum_lines:,}"}
            )
        lines.append(Line(row, cell))
    if not lines:
        raise TextFileError(gettext("There is no text in it: write one comment a line, or in the column `text`."))
    return lines


def decode(content: bytes) -> str:
    """What the bytes say in UTF-8, with or without byte order mark, or else in GB18030. Raises TextFileError."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TextFileError(gettext("The file is in UTF-16: save it as UTF-8."))
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise TextFileError(gettext("The file is neither text in UTF-8 nor in GB18030: save the table as CSV, in UTF-8."))


def _cells(text: str) -> Iterator[tuple[int, str]]:
    """Row and cell of the column that holds the texts."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    column = 0
    row = 0
    try:
        for row, cells in enumerate(rows, 1):
            if row == 1:
                heads = [cell.strip().lower() for cell in cells]
                if COLUMN in heads:
                    column = heads.index(COLUMN)
                    continue
            yield row, cells[column] if column < len(cells) else ""
    except csv.Error as error:
        raise TextFileError(_explain(error, row + 1)) from None


def _explain(error: csv.Error, row: int) -> str:
    if "field larger than" in str(error):
        return gettext("Row %(row)s has more than %(maximum)s characters: shorten it.") % {
            "row": row,
            "maximum": f"{LONGEST_FIELD:,}",
        }
    return gettext(
        "Row %(row)s is not CSV: a text that holds quotes stands in quotes, with each of its own doubled."
    ) % {"row": row}
