"""A file of comments, from its bytes to its rows."""

import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal

from liuyan.text_files.column_words import comment_rank, label_rank
from liuyan.text_files.columns import SAMPLE, Columns, Wanted, ascii_or_plain, choose_columns
from liuyan.text_files.csv_rows import CsvRow, csv_rows
from liuyan.text_files.decode import find_encoding, label_of
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.json_lines import JsonRow, json_rows
from liuyan.text_files.separators import declared_separator, find_separator, is_table, is_table_by_content

Format = Literal["csv", "jsonl", "lines"]
# Lines that are looked at to find the separator.
FIRST_LINES = 200
FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "lines",
}
# Characters of a file's beginning that show that it is of another kind than comments.
BEGINNING = 4096
_JSON_ARRAY = re.compile(r'\s*\[\s*(?:\{\s*(?:"|\})|"(?:[^"\\\n]|\\.)*"\s*(?:,\s*"|\]\s*\Z))')
_HTML = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is read. ``column`` is the number of the comments' column, from 1, ``name`` what its header calls it;
    both None where there are no columns. ``separator`` is None where there is one column. ``rows`` counts the rows
    below the header, ``multiline`` those with a line break inside a cell, ``empty`` those without a text, the first of
    which is in line ``first_empty``. ``labels`` names the column or field with the labels where labels are wanted.
    """

    format: Format
    encoding: str
    separator: str | None
    header: bool | None
    column: int | None
    name: str | None
    rows: int
    multiline: int = 0
    empty: int = 0
    first_empty: int | None = None
    labels: str | None = None

    def __str__(self) -> str:
        """For people, without the file's name."""
        labels = f", labels in {self.labels}" if self.labels else ""
        if self.format == "csv":
            name = f" {ascii_or_plain(self.name)}" if self.name else ""
            header = "with" if self.header else "no"
            separator = f", separator {NAMES[self.separator]}" if self.separator else ""
            read = f"column {self.column}{name}{labels}, {header} header{separator}"
        else:
            field = f"field {ascii_or_plain(self.name or '')}"
            read = f"{field}{labels}" if self.format == "jsonl" else "each line"
        multiline = f", {self.multiline} of them over several lines" if self.multiline else ""
        empty = f", {self.empty} of them without text" if self.empty else ""
        return f"{read}, {self.encoding}, {self.rows} {'row' if self.rows == 1 else 'rows'}{multiline}{empty}"


@dataclass(frozen=True, slots=True)
class Row:
    """A comment. ``number`` counts the rows of the file from 1 with its header, ``line`` its physical lines; ``label``
    and ``others`` are as they are written, None and left out where they are missing."""

    number: int
    line: int
    text: str
    label: str | None
    others: Mapping[str, str]


class Table:
    """A file of comments that has been read once, so that all of it is known to be readable.

    Raises TextFileError from its constructor; ``rows`` raises it only if the file changes meanwhile. ``stream`` has to
    be seekable and stays open. ``format`` "lines" is what a name or a sender says of plain text: a clear table or JSON
    lines are read as such all the same.
    """

    def __init__(
        self, stream: BinaryIO, format: Format | None, wanted: Wanted = Wanted(), encoding: str | None = None
    ) -> None:
        self._stream = stream
        self._wanted = wanted
        self._codec = find_encoding(stream, encoding)
        self._refuse_other_kinds()
        self._format = format if format in ("csv", "jsonl") else self._find_format(format)
        self._separator = ","
        self._skipped = 0
        self._width = 0
        self._columns = Columns(None, 0, None, {})
        self._keys: tuple[str | None, str | None] = (None, None)
        if self._format == "csv":
            self.layout = self._look_at_csv()
        elif self._format == "jsonl":
            self.layout = self._look_at_json()
        else:
            self.layout = self._layout(*self._count())

    def rows(self) -> Iterator[Row]:
        """Every row, from the first one."""
        try:
            if self._format == "csv":
                yield from self._csv()
            elif self._format == "jsonl":
                yield from self._json()
            else:
                for number, line in enumerate(self._lines(), start=1):
                    yield Row(number, number, line.rstrip("\r\n"), None, {})
        except UnicodeDecodeError:
            raise TextFileError("The file changed while it was read: try again.") from None

    def _refuse_other_kinds(self) -> None:
        """Raises TextFileError for what would be read as comments, line by line, but is none."""
        beginning = ""
        for line in self._lines():
            beginning += line
            if len(beginning) > BEGINNING:
                break
        if _JSON_ARRAY.match(beginning):
            raise TextFileError("This is a JSON array: write one object a line (JSON lines).")
        if _HTML.match(beginning):
            raise TextFileError("This is a web page (HTML): save the comments as CSV, or as text with one a line.")

    def _find_format(self, said: Format | None) -> Format:
        """One comment a line, unless the first lines or what is wanted clearly say otherwise."""
        first = next((line for line in self._lines() if line.strip()), "")
        if first.lstrip().startswith('{"'):
            return "jsonl"
        wanted = self._wanted
        if wanted.column is not None or wanted.label_column is not None or wanted.header or wanted.labels:
            return "csv"
        beginning = list(islice(self._lines(), FIRST_LINES))
        return "csv" if (is_table if said == "lines" else is_table_by_content)(beginning) else "lines"

    def _count(self) -> tuple[int, list[int]]:
        """How many rows there are, and the lines of those without text."""
        count, empty = 0, []
        for row in self.rows():
            count += 1
            if not row.text.strip():
                empty.append(row.line)
        return count, empty

    def _layout(self, rows: int, empty: list[int], multiline: int = 0) -> Layout:
        """``empty`` has the lines of the rows without text."""
        counts = (rows, multiline, len(empty), empty[0] if empty else None)
        encoding = label_of(self._codec)
        if self._format != "csv":
            name, label = self._keys
            labels = None if label is None else f"field {ascii_or_plain(label)}"
            return Layout(self._format, encoding, None, None, None, name, *counts, labels)
        columns, separator = self._columns, self._separator if self._width > 1 else None
        labels = None if columns.label is None else f"column {columns.label + 1}{self._shown_name(columns.label)}"
        name = self._name(columns.text)
        return Layout("csv", encoding, separator, columns.names is not None, columns.text + 1, name, *counts, labels)

    def _name(self, place: int) -> str | None:
        names = self._columns.names
        return names[place] if names and place < len(names) else None

    def _shown_name(self, place: int) -> str:
        name = self._name(place)
        return f" {ascii_or_plain(name)}" if name else ""

    def _look_at_csv(self) -> Layout:
        beginning = list(islice(self._lines(), FIRST_LINES))
        declared = declared_separator(beginning[0]) if beginning else None
        self._skipped = 1 if declared else 0
        self._separator = declared or find_separator(beginning)
        sample = [row.cells for row in islice(self._cells(), SAMPLE)]
        if sample:
            self._columns = choose_columns(sample, self._wanted)
            self._width = len(sample[0])
        count, multiline, empty = 0, 0, []
        for row in islice(self._cells(), 1 if self._columns.names else 0, None):
            count += 1
            multiline += any("\n" in cell or "\r" in cell for cell in row.cells)
            if not _cell(row.cells, self._columns.text).strip():
                empty.append(row.line)
        return self._layout(count, empty, multiline)

    def _cells(self) -> Iterator[CsvRow]:
        """The rows with the header, each as wide as the first one or narrower."""
        width = 0
        for row in csv_rows(islice(self._lines(), self._skipped, None), self._separator):
            width = width or len(row.cells)
            if any(cell.strip() for cell in row.cells[width:]):
                raise TextFileError(
                    "Line %(line)s has %(cells)s cells, but the first row has %(width)s: put quotes around a text that "
                    "contains the separator.",
                    line=row.line + self._skipped,
                    cells=len(row.cells),
                    width=width,
                )
            yield CsvRow(row.number + self._skipped, row.line + self._skipped, row.cells)

    def _csv(self) -> Iterator[Row]:
        columns = self._columns
        for row in islice(self._cells(), 1 if columns.names else 0, None):
            label = None if columns.label is None else _cell(row.cells, columns.label)
            others = {name: _cell(row.cells, place) for name, place in columns.others.items()}
            yield Row(row.number, row.line, _cell(row.cells, columns.text), label, others)

    def _look_at_json(self) -> Layout:
        sample = list(islice(json_rows(self._lines()), SAMPLE))
        if sample:
            text = self._key(sample, self._wanted.column, comment_rank, "text")
            label = self._wanted.label_column
            if self._wanted.labels or label:
                label = self._key(sample, label, label_rank, "label")
            self._keys = (text, label)
        return self._layout(*self._count())

    def _key(self, sample: list[JsonRow], asked: str | None, rank: Callable[[str], int | None], usual: str) -> str:
        """The field that is asked for, or the one whose name says most clearly that it is the right one."""
        names = dict.fromkeys(name for row in sample for name in row.fields)
        if asked in names:
            return str(asked)
        ranked = sorted((found, name) for name in names if (found := rank(name)) is not None)
        if asked is not None or not ranked:
            raise TextFileError(
                "There is no field %(field)s: the objects have %(fields)s.",
                needs="label_column" if usual == "label" else "column",
                field=ascii_or_plain(asked or usual),
                fields=", ".join(map(ascii_or_plain, list(names)[:20])) or "none",
            )
        return ranked[0][1]

    def _json(self) -> Iterator[Row]:
        text, label = self._keys
        for row in json_rows(self._lines()):
            value = row.fields.get(text or "")
            if not isinstance(value, str):
                raise TextFileError(
                    "Line %(line)s has no text in the field %(field)s.",
                    line=row.line,
                    field=ascii_or_plain(text or "text"),
                )
            others = {name: str(row.fields[name]) for name in self._wanted.others if row.fields.get(name) is not None}
            said = row.fields.get(label) if label else None
            yield Row(row.line, row.line, value, None if said is None else str(said), others)

    def _lines(self) -> Iterator[str]:
        """Physical lines with their ends, from the first one; none has a NUL."""
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, encoding=self._codec, newline="")
        try:
            for number, line in enumerate(text, start=1):
                if "\0" in line:
                    raise TextFileError(
                        "Line %(line)s has a NUL character: the file is damaged, or in UTF-16 without a byte order "
                        "mark. Save it as UTF-8.",
                        line=number,
                    )
                yield line
        finally:
            if not self._stream.closed:
                text.detach()  # else the stream would be closed with the wrapper


def open_seekable(path: Path) -> BinaryIO:
    """The file, or a copy of what a pipe gives, for the caller to close. Raises OSError."""
    stream = path.open("rb")
    if stream.seekable():
        return stream
    with stream:
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        shutil.copyfileobj(stream, copy)
    return copy


def format_of(path: Path) -> Format | None:
    """What the name of the file says; None where the content decides."""
    return FORMATS.get(path.suffix.lower())


def _cell(cells: list[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""
