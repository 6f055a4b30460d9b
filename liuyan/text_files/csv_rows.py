"""Rows of CSV, strictly: a quote that is not closed, or text after a closing quote, is an error with its line."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from liuyan.text_files.errors import TextFileError

# The csv module allows 131,072 characters, which a cell of HTML exceeds. The limit belongs to the whole process, so it
# is raised once and not around each reading: threads that raise and restore it would restore each other's.
LONGEST_CELL = 16 * 1024 * 1024
csv.field_size_limit(LONGEST_CELL)


@dataclass(frozen=True, slots=True)
class CsvRow:
    """``number`` counts the rows of the file, blank ones included, ``line`` its physical lines; both from 1."""

    number: int
    line: int
    cells: list[str]


def csv_rows(lines: Iterable[str], separator: str) -> Iterator[CsvRow]:
    """The rows that are not blank. ``lines`` end as they do in the file. Raises TextFileError."""
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
    place = line + _open_quote("".join(record), separator)
    if "unexpected end" in str(error):
        return TextFileError(
            "The quote that opens in line %(line)s is never closed: close it, or double it if it belongs to the text.",
            line=place,
        )
    if "field larger" in str(error):
        return TextFileError(
            "The cell that begins in line %(line)s has more than %(maximum)s characters: is its quote never closed?",
            line=place,
            maximum=f"{LONGEST_CELL:,}",
        )
    return TextFileError(
        "The quote that opens in line %(line)s closes before its cell ends: double each quote inside a quoted cell.",
        line=place,
    )


def _open_quote(record: str, separator: str) -> int:
    """How many lines of a broken record come before the last cell that begins with a quote."""
    opened = place = 0
    while place < len(record):
        if record[place] == '"':
            opened = place
            place = _after_quote(record, place)
            if place < len(record) and record[place] not in f"{separator}\r\n":
                break
        following = record.find(separator, place)
        place = len(record) if following < 0 else following + 1
    before = record[:opened].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n")


def _after_quote(record: str, opened: int) -> int:
    """The place after the quote that closes the one at ``opened``; the end of the record if none does."""
    place = opened + 1
    while (place := record.find('"', place)) >= 0:
        if record[place + 1 : place + 2] != '"':
            return place + 1
        place += 2
    return len(record)
