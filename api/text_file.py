"""Read the comments of an uploaded file with the commands' reader, within the limits of a request."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from api.i18n import gettext
from liuyan.text_files.columns import ColumnOptions
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.table import Format, Layout, Table

PREVIEWED = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A text and its row in the file, from 1, counting the header."""

    row: int
    text: str
    cells: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Lines:
    """The non-empty texts of a file in order, the detected layout, and the names of all columns."""

    layout: Layout
    lines: list[Line]
    columns: Sequence[str] = ()


def read_lines(
    content: bytes,
    *,
    format: Format,
    wanted: ColumnOptions,
    encoding: str | None,
    maximum_lines: int,
    maximum_text: int,
) -> Lines:
    """Return the texts of a file. ``encoding`` is the declared encoding, if any. Raises TextFileError."""
    table = Table(io.BytesIO(content), format, wanted, encoding)
    lines: list[Line] = []
    for row in table.rows():
        if not row.text.strip():
            continue
        if len(row.text) > maximum_text:
            raise TextFileError(
                "The text in line %(line)s has more than %(maximum)s characters: shorten it.",
                line=row.line,
                maximum=f"{maximum_text:,}",
            )
        if len(lines) == maximum_lines:
            raise TextFileError(
                "There are more than %(maximum)s texts: send them in several parts.", maximum=f"{maximum_lines:,}"
            )
        lines.append(Line(row.number, row.text, row.cells))
    if not lines:
        raise TextFileError("The file has no comments: write one per line, or a table with a column of comments.")
    return Lines(table.layout, lines, table.columns)


def preview_lines(content: bytes, *, format: Format, wanted: ColumnOptions, encoding: str | None) -> Lines:
    """Return the first PREVIEWED rows of a file, whatever their texts are. Raises TextFileError.

    If no column looks like comments, the layout names none.
    """
    try:
        table = Table(io.BytesIO(content), format, wanted, encoding)
        layout = table.layout
    except TextFileError as error:
        if error.needs != "column" or wanted.column is not None:
            raise
        table = Table(io.BytesIO(content), format, replace(wanted, column="1"), encoding)
        layout = replace(table.layout, column=None, name=None)
    rows = islice(table.rows(), PREVIEWED)
    return Lines(layout, [Line(row.number, row.text, row.cells) for row in rows], table.columns)


def translate(error: TextFileError) -> str:
    """Return the error's sentence in the language of the request."""
    return gettext(error.sentence) % error.values
