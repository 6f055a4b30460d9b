"""Read files of comments and write predictions as CSV."""

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, TypeVar

from liuyan.progress import Report
from liuyan.text_files.columns import ColumnOptions, fold_label
from liuyan.text_files.decode import decoded_lines
from liuyan.text_files.errors import Needs, TextFileError
from liuyan.text_files.labels import LABELS
from liuyan.text_files.table import Layout, Row, Table, format_of, open_seekable
from model.errors import CommentFileError
from model.labeller import Prediction

Item = TypeVar("Item")
# What the user can do about an unreadable file, for commands with and without options for it.
OPTIONS: Mapping[Needs, str] = {
    "column": "Name the column with --column.",
    "label_column": "Name the column with --label-column.",
    "encoding": "Convert it to UTF-8, or name its encoding with --encoding.",
}
WITHOUT_OPTIONS: Mapping[Needs, str] = {
    "column": "Name the column with the comments `text`.",
    "label_column": "Name the column with the labels `label`.",
    "encoding": "Convert it to UTF-8.",
}


@dataclass(frozen=True, slots=True)
class CommentFile:
    """An open, checked file of comments."""

    path: Path
    table: Table
    hints: Mapping[Needs, str]

    @property
    def layout(self) -> Layout:
        """The encoding and columns of the file."""
        return self.table.layout

    def rows(self) -> Iterator[Row]:
        """Yield every row. Raises CommentFileError if the file changes while it is read."""
        with _named_errors(self.path, self.hints):
            yield from self.table.rows()

    def labelled(self) -> Iterator[tuple[Row, bool | None]]:
        """Yield every row with text and whether it is positive; None for unclear and spam.

        Raises CommentFileError for an unknown label.
        """
        for row in self.rows():
            if not row.text.strip():
                continue
            try:
                yield row, LABELS[fold_label(row.label or "")]
            except KeyError:
                raise CommentFileError(
                    f"{self.path}, line {row.line}: unknown label {row.label or ''!r}. "
                    "Use positive (1), negative (0), unclear or spam."
                ) from None


@contextmanager
def open_comments(
    path: Path, wanted: ColumnOptions, encoding: str | None = None, hints: Mapping[Needs, str] = WITHOUT_OPTIONS
) -> Iterator[CommentFile]:
    """Open the file at ``path`` and check all of it. Raises CommentFileError when it is missing or unreadable."""
    with _named_errors(path, hints):
        stream = open_seekable(path)
    with stream:
        with _named_errors(path, hints):
            table = Table(stream, format_of(path), wanted, encoding)
        yield CommentFile(path, table, hints)


@contextmanager
def _named_errors(path: Path, hints: Mapping[Needs, str]) -> Iterator[None]:
    try:
        yield
    except TextFileError as error:
        raise CommentFileError(f"{path}: {_with_hint(error, hints)}") from None
    except OSError as error:
        raise CommentFileError(f"{path} cannot be read: {error.strerror}.") from None


def _with_hint(error: TextFileError, hints: Mapping[Needs, str]) -> str:
    return f"{error} {hints[error.needs]}" if error.needs else str(error)


def read_lines(stream: BinaryIO, encoding: str | None = None) -> Iterator[str]:
    """Yield one comment per line as lines arrive, including empty ones.

    The encoding is ``encoding``, that of a byte order mark, or UTF-8. Only a line feed ends a line; U+2028 is part of a
    comment. Raises CommentFileError when a line cannot be decoded.
    """
    try:
        yield from decoded_lines(stream, encoding)
    except TextFileError as error:
        raise CommentFileError(f"Standard input: {_with_hint(error, OPTIONS)}") from None


def in_chunks(items: Iterable[Item], size: int = 512) -> Iterator[list[Item]]:
    """Yield lists of ``size`` items. The last one may be shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def predict_texts(
    predict: Callable[[Sequence[str]], Sequence[Prediction]], texts: Sequence[str]
) -> list[Prediction | None]:
    """Return the prediction for each text; None for a blank text."""
    answers = iter(predict([text for text in texts if text.strip()]))
    return [next(answers) if text.strip() else None for text in texts]


def write_predictions(chunks: Iterator[Sequence[Prediction | None]], progress: Report) -> None:
    """Write CSV ``label,probability`` to standard output; both are empty for a row without text.

    A closed pipe (``| head``) ends the output without an error.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    done = 0
    first = next(chunks, ())  # read first, so that an unreadable file produces no output
    try:
        writer.writerow(("label", "probability"))
        for predictions in chain([first], chunks):
            writer.writerows((one.label, f"{one.probability:.6f}") if one else ("", "") for one in predictions)
            done += len(predictions)
            progress("labelling", done, 0)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Redirect standard output to the null device after a broken pipe, because Python flushes it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
