"""Parse CSV strictly: an unclosed quote, or text after a closing quote, is an error that names its line."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from liuyan.text_files.errors import TextFileError

# The csv module's default of 131,072 characters is too low for cells with HTML. The limit is global to the process, so
# set it once: threads that set and restore it would interfere.
LONGEST_CELL = 16 * 1024 * 1024
csv.field_size_limit(LONGEST_CELL)


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row; ``number`` counts the file's rows, including blank ones, and ``line`` its physical lines, both from 1."""

    number: int
    line: int
    cells: list[str]


def csv_rows(lines: Iterable[str], separator: str) -> Iterator[CsvRow]:
    """Yield the rows that are not blank. ``lines`` include their line ends. Raises TextFileError."""
    record: list[str] = []
    rows = csv.reader(_remember(lines, record), delimiter=separator, strict=True)
    number, line = 0, 1
    while True:
        record.clear()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise _explain(error, line, record, separator) from None
        if cells is None:
            return
        number += 1
        if cells:
            yield CsvRow(number, line, cells)
        line = rows.line_num + 1


def _remember(lines: Iterable[str], record: list[str]) -> Iterator[str]:
    for line in lines:
        record.append(line)
        yield line


def _explain(error: csv.Error, line: int, record: list[str], separator: str) -> TextFileError:
    opening_line = line + _open_quote("".join(record), separator)
    if "unexpected end" in str(error):
        return TextFileError(
            "The quote that opens in line %(line)s is never closed: close it, or double it if it belongs to the text.",
            line=opening_line,
        )
    if "field larger" in str(error):
        return TextFileError(
            "The cell that begins in line %(line)s has more than %(maximum)s characters: is its quote never closed?",
            line=opening_line,
            maximum=f"{LONGEST_CELL:,}",
        )
    return TextFileError(
        "The quote that opens in line %(line)s closes before its cell ends: double each quote inside a quoted cell.",
        line=opening_line,
    )


def _open_quote(record: str, separator: str) -> int:
    """Return the number of line breaks in a broken record before its last cell that starts with a quote."""
    opened = index = 0
    while index < len(record):
        if record[index] == '"':
            opened = index
            index = _after_quote(record, index)
            if index < len(record) and record[index] not in f"{separator}\r\n":
                break
        following = record.find(separator, index)
        index = len(record) if following < 0 else following + 1
    before = record[:opened].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n")


def _after_quote(record: str, opened: int) -> int:
    """Return the index after the quote that closes the one at ``opened``, or the record's length if none does."""
    index = opened + 1
    while (index := record.find('"', index)) >= 0:
        if record[index + 1 : index + 2] != '"':
            return index + 1
        index += 2
    return len(record)
