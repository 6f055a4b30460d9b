"""Files of comments that people hand in: opened with one clear sentence for every fault, and answered as CSV."""

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, TypeVar

from liuyan.text_files.columns import Wanted, fold_label
from liuyan.text_files.decode import decoded_lines
from liuyan.text_files.errors import Needs, TextFileError
from liuyan.text_files.labels import LABELS
from liuyan.text_files.table import Layout, Row, Table, format_of, open_seekable
from model.errors import CommentFileError
from model.labeller import Prediction
from model.progress import Report

Item = TypeVar("Item")
# What to do about a file: where a command has options for it, and where it has none.
OPTIONS: Mapping[Needs, str] = {
    "column": "Name the column with --column.",
    "label_column": "Name the column with --label-column.",
    "encoding": "Convert it to UTF-8, or name its encoding with --encoding.",
}
WITHOUT_OPTIONS: Mapping[Needs, str] = {
    "column": "Call the column with the comments text.",
    "label_column": "Call the column with the labels label.",
    "encoding": "Convert it to UTF-8.",
}


@dataclass(frozen=True, slots=True)
class CommentFile:
    """A file of comments that was found readable."""

    path: Path
    table: Table
    hints: Mapping[Needs, str]

    @property
    def layout(self) -> Layout:
        """How the file is read."""
        return self.table.layout

    def rows(self) -> Iterator[Row]:
        """Every row. Raises CommentFileError if the file changes meanwhile."""
        with _named(self.path, self.hints):
            yield from self.table.rows()

    def labelled(self) -> Iterator[tuple[Row, bool | None]]:
        """Every row with a text and whether it is positive; None for unclear and spam. Raises CommentFileError."""
        for row in self.rows():
            if not row.text.strip():
                continue
            try:
                yield row, LABELS[fold_label(row.label or "")]
            except KeyError:
                raise CommentFileError(
                    f"{self.path}, line {row.line}: the label {row.label or ''!r} is none of positive (1), negative "
                    "(0), unclear and spam."
                ) from None


@contextmanager
def open_comments(
    path: Path, wanted: Wanted, encoding: str | None = None, hints: Mapping[Needs, str] = WITHOUT_OPTIONS
) -> Iterator[CommentFile]:
    """Open the file at ``path``; all of it is checked at once. Raises CommentFileError: not there, not readable."""
    with _named(path, hints):
        stream = open_seekable(path)
    with stream:
        with _named(path, hints):
            table = Table(stream, format_of(path), wanted, encoding)
        yield CommentFile(path, table, hints)


@contextmanager
def _named(path: Path, hints: Mapping[Needs, str]) -> Iterator[None]:
    try:
        yield
    except TextFileError as error:
        raise CommentFileError(f"{path}: {_with_hint(error, hints)}") from None
    except OSError as error:
        raise CommentFileError(f"{path} cannot be read: {error.strerror}.") from None


def _with_hint(error: TextFileError, hints: Mapping[Needs, str]) -> str:
    return f"{error} {hints[error.needs]}" if error.needs else str(error)


def read_lines(stream: BinaryIO, encoding: str | None = None) -> Iterator[str]:
    """One comment a line, empty lines included, as they arrive; UTF-8 or what a byte order mark or ``encoding`` says.

    Lines end with a line feed alone: U+2028 belongs to a comment. Raises CommentFileError for what cannot be decoded.
    """
    try:
        yield from decoded_lines(stream, encoding)
    except TextFileError as error:
        raise CommentFileError(f"Standard input: {_with_hint(error, OPTIONS)}") from None


def in_chunks(items: Iterable[Item], size: int = 512) -> Iterator[list[Item]]:
    """Lists of ``size`` items, the last one shorter, none empty."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def predict_texts(
    predict: Callable[[Sequence[str]], Sequence[Prediction]], texts: Sequence[str]
) -> list[Prediction | None]:
    """What ``predict`` says of each text; None where there is none, of which a label would say nothing."""
    answers = iter(predict([text for text in texts if text.strip()]))
    return [next(answers) if text.strip() else None for text in texts]


def write_predictions(chunks: Iterator[Sequence[Prediction | None]], progress: Report) -> None:
    """CSV ``label,probability`` on standard output, both empty for a row without text.

    A reader that has seen enough (``| head``) ends it quietly.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    done = 0
    first = next(chunks, ())  # before anything is written: a file that cannot be read gives no output
    try:
        writer.writerow(("label", "probability"))
        for predictions in chain([first], chunks):
            writer.writerows((one.label, f"{one.probability:.6f}") if one else ("", "") for one in predictions)
            done += len(predictions)
            progress("labelling", done, 0)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()


def forget_output() -> None:
    """After a broken pipe: Python flushes standard output once more at exit, let that go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
