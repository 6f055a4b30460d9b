"""Read the comments of an uploaded file with the commands' reader, within the limits of a request."""

import io
from dataclasses import dataclass

from api.i18n import gettext
from liuyan.text_files.columns import ColumnOptions
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.table import Format, Layout, Table


@dataclass(frozen=True, slots=True)
class Line:
    """A text and its row in the file, from 1, counting the header."""

    row: int
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """The non-empty texts of a file in order, and the detected layout."""

    layout: Layout
    lines: list[Line]


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
        lines.append(Line(row.number, row.text))
    if not lines:
        raise TextFileError("The file has no comments: write one per line, or a table with a column of comments.")
    return Lines(table.layout, lines)


def translate(error: TextFileError) -> str:
    """Return the error's sentence in the language of the request."""
    return gettext(error.sentence) % error.values
