"""Read a file of comments: detect its layout and yield its rows."""

import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal

from liuyan.text_files.column_words import comment_rank, label_rank
from liuyan.text_files.columns import SAMPLE, ColumnOptions, Columns, ascii_or_plain, choose_columns
from liuyan.text_files.csv_rows import CsvRow, csv_rows
from liuyan.text_files.decode import find_encoding, label_of
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.json_lines import JsonRow, json_rows
from liuyan.text_files.separators import declared_separator, find_separator, is_table, is_table_by_content

Format = Literal["csv", "jsonl", "lines"]
# Number of lines on which the detection of the separator is based.
FIRST_LINES = 200
FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "lines",
}
# Number of characters at the start of a file that are checked for other formats.
BEGINNING = 4096
_JSON_ARRAY = re.compile(r'\s*\[\s*(?:\{\s*(?:"|\})|"(?:[^"\\\n]|\\.)*"\s*(?:,\s*"|\]\s*\Z))')
_HTML = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is read.

    ``column`` is the number of the comments' column, from 1, and ``name`` its name in the header; both are None if the
    file has no columns. ``separator`` is None for a single column. ``rows`` counts the rows without the header,
    ``multiline`` those with a line break inside a cell and ``empty`` those without text, the first of which is in line
    ``first_empty``. ``labels`` names the column or field with the labels, if labels are requested.
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
        """Describe the layout for people, without the file's name."""
        labels = f", labels in {self.labels}" if self.labels else ""
        if self.format == "csv":
            name = f" {ascii_or_plain(self.name)}" if self.name else ""
            header = "with" if self.header else "no"
            separator = f", separator {NAMES[self.separator]}" if self.separator else ""
            source = f"column {self.column}{name}{labels}, {header} header{separator}"
        else:
            field = f"field {ascii_or_plain(self.name or '')}"
            source = f"{field}{labels}" if self.format == "jsonl" else "each line"
        multiline = f", {self.multiline} of them over several lines" if self.multiline else ""
        empty = f", {self.empty} of them without text" if self.empty else ""
        return f"{source}, {self.encoding}, {self.rows} {'row' if self.rows == 1 else 'rows'}{multiline}{empty}"


@dataclass(frozen=True, slots=True)
class Row:
    """A comment.

    ``number`` counts the file's rows, including the header, and ``line`` its physical lines, both from 1. ``label`` is
    None if missing; ``others`` omits missing fields. Both contain the file's text unchanged. ``cells`` are all values
    of the row, in the order of the table's ``columns``.
    """

    number: int
    line: int
    text: str
    label: str | None
    others: Mapping[str, str]
    cells: Sequence[str] = ()


class Table:
    """A file of comments. The constructor reads it completely, so that errors are found before rows are used.

    The constructor raises TextFileError; ``rows`` only if the file changes meanwhile. ``stream`` must be seekable and
    is not closed. With ``format`` "lines" (plain text), clear tables and JSON Lines are still read as such.
    """

    def __init__(
        self,
        stream: BinaryIO,
        format: Format | None,
        options: ColumnOptions = ColumnOptions(),
        encoding: str | None = None,
    ) -> None:
        self._stream = stream
        self._options = options
        self._codec = find_encoding(stream, encoding)
        self._reject_other_formats()
        self._format = format if format in ("csv", "jsonl") else self._find_format(format)
        self._separator = ","
        self._skipped = 0
        self._width = 0
        self._columns = Columns(None, 0, None, {})
        self._keys: tuple[str | None, str | None] = (None, None)
        self._fields: dict[str, None] = {}
        if self._format == "csv":
            self.layout = self._detect_csv_layout()
        elif self._format == "jsonl":
            self.layout = self._detect_json_layout()
        else:
            self.layout = self._layout(*self._count())

    @property
    def columns(self) -> list[str]:
        """The names of all columns or fields; "" for a column without a name. Plain lines have one column."""
        if self._format == "csv":
            return [self._name(index) or "" for index in range(self._width)]
        return list(self._fields) or [""]

    def rows(self) -> Iterator[Row]:
        """Yield all rows."""
        try:
            if self._format == "csv":
                yield from self._csv()
            elif self._format == "jsonl":
                yield from self._json()
            else:
                for number, line in enumerate(self._lines(), start=1):
                    text = line.rstrip("\r\n")
                    yield Row(number, number, text, None, {}, (text,))
        except UnicodeDecodeError:
            raise TextFileError("The file changed while it was read: try again.") from None

    def _reject_other_formats(self) -> None:
        """Raise TextFileError for JSON arrays and HTML, whose lines would be read as comments."""
        beginning = ""
        for line in self._lines():
            beginning += line
            if len(beginning) > BEGINNING:
                break
        if _JSON_ARRAY.match(beginning):
            raise TextFileError("This is a JSON array: write one object per line (JSON Lines).")
        if _HTML.match(beginning):
            raise TextFileError("This is a web page (HTML): save the comments as CSV, or as text with one per line.")

    def _find_format(self, declared: Format | None) -> Format:
        """Return "lines" unless the first lines or the options clearly indicate another format."""
        first = next((line for line in self._lines() if line.strip()), "")
        if first.lstrip().startswith('{"'):
            return "jsonl"
        options = self._options
        if options.column is not None or options.label_column is not None or options.header or options.labels:
            return "csv"
        beginning = list(islice(self._lines(), FIRST_LINES))
        return "csv" if (is_table if declared == "lines" else is_table_by_content)(beginning) else "lines"

    def _count(self) -> tuple[int, list[int]]:
        """Return the number of rows, and the lines of those without text."""
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

    def _name(self, index: int) -> str | None:
        names = self._columns.names
        return names[index] if names and index < len(names) else None

    def _shown_name(self, index: int) -> str:
        name = self._name(index)
        return f" {ascii_or_plain(name)}" if name else ""

    def _detect_csv_layout(self) -> Layout:
        beginning = list(islice(self._lines(), FIRST_LINES))
        declared = declared_separator(beginning[0]) if beginning else None
        self._skipped = 1 if declared else 0
        self._separator = declared or find_separator(beginning)
        sample = [row.cells for row in islice(self._cells(), SAMPLE)]
        if sample:
            self._columns = choose_columns(sample, self._options)
            self._width = len(sample[0])
        count, multiline, empty = 0, 0, []
        for row in islice(self._cells(), 1 if self._columns.names else 0, None):
            count += 1
            multiline += any("\n" in cell or "\r" in cell for cell in row.cells)
            if not _cell(row.cells, self._columns.text).strip():
                empty.append(row.line)
        return self._layout(count, empty, multiline)

    def _cells(self) -> Iterator[CsvRow]:
        """Yield the rows, including the header. Raises TextFileError for a row wider than the first one."""
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
            others = {name: _cell(row.cells, index) for name, index in columns.others.items()}
            cells = [_cell(row.cells, index) for index in range(self._width)]
            yield Row(row.number, row.line, _cell(row.cells, columns.text), label, others, cells)

    def _detect_json_layout(self) -> Layout:
        sample = list(islice(json_rows(self._lines()), SAMPLE))
        self._fields = dict.fromkeys(name for row in sample for name in row.fields)
        if sample:
            text = self._key(sample, self._options.column, comment_rank, "text")
            label = self._options.label_column
            if self._options.labels or label:
                label = self._key(sample, label, label_rank, "label")
            self._keys = (text, label)
        return self._layout(*self._count())

    def _key(self, sample: list[JsonRow], requested: str | None, rank: Callable[[str], int | None], usual: str) -> str:
        """Return the requested field, or the one with the most specific name."""
        names = dict.fromkeys(name for row in sample for name in row.fields)
        if requested in names:
            return str(requested)
        ranked = sorted((found, name) for name in names if (found := rank(name)) is not None)
        if requested is not None or not ranked:
            raise TextFileError(
                "There is no field %(field)s: the objects have %(fields)s.",
                needs="label_column" if usual == "label" else "column",
                field=ascii_or_plain(requested or usual),
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
            others = {name: str(row.fields[name]) for name in self._options.others if row.fields.get(name) is not None}
            labelled = row.fields.get(label) if label else None
            cells = [_json_cell(row.fields.get(name)) for name in self._fields]
            yield Row(row.line, row.line, value, None if labelled is None else str(labelled), others, cells)

    def _lines(self) -> Iterator[str]:
        """Yield physical lines with their line ends. Raises TextFileError for a NUL character."""
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
                text.detach()  # Otherwise the wrapper would close the stream.


def open_seekable(path: Path) -> BinaryIO:
    """Open a file, or a temporary copy of a pipe's content. The caller closes it. Raises OSError."""
    stream = path.open("rb")
    if stream.seekable():
        return stream
    with stream:
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        shutil.copyfileobj(stream, copy)
    return copy


def format_of(path: Path) -> Format | None:
    """Return the format by file name extension, or None if the content decides."""
    return FORMATS.get(path.suffix.lower())


def _json_cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(cells: list[str], index: int) -> str:
    return cells[index] if index < len(cells) else ""
