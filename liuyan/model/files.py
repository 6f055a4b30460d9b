"""Files of comments that people hand in: read row by row, every fault one clear sentence."""

import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TextIO, TypeVar

from liuyan import terminal
from liuyan.model.errors import CommentFileError
from liuyan.model.labeller import Prediction
from liuyan.model.progress import Report

Item = TypeVar("Item")

# The csv module refuses fields over 128 KiB by default; a text of 10,000 emoji is well below this.
LONGEST_FIELD = 16 * 1024 * 1024
LABELS = {"1": "1", "0": "0", "positive": "1", "negative": "0"}


def read_rows(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """The named columns of each row of a CSV file (UTF-8, with or without byte order mark); others are ignored.

    A ``label`` is given as "1" or "0". Raises CommentFileError: not there, not UTF-8, column or label wrong.
    """
    try:
        with long_fields(), path.open(encoding="utf-8-sig", newline="") as stream:
            yield from _read_rows(stream, path, columns, optional)
    except UnicodeDecodeError as error:
        raise CommentFileError(f"{path} is not UTF-8: convert it, for example with iconv.") from error
    except csv.Error as error:
        raise CommentFileError(f"{path} is not a CSV file that can be read: {error}.") from error
    except OSError as error:
        raise CommentFileError(f"{path} cannot be read: {error.strerror}.") from error


@contextmanager
def long_fields() -> Iterator[None]:
    """The csv module reads fields as long as a comment may be."""
    before = csv.field_size_limit(LONGEST_FIELD)  # of the whole process: others read by their own limit
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read_rows(stream: TextIO, path: Path, columns: Sequence[str], optional: Sequence[str]) -> Iterator[dict[str, str]]:
    rows = csv.reader(stream)
    header = [name.strip() for name in next(rows, [])]
    missing = [name for name in columns if name not in header]
    if missing:
        raise CommentFileError(
            f"{path} has no column {' and no column '.join(missing)}: its first line must name the columns, "
            f"{','.join(columns)} among them."
        )
    places = {name: header.index(name) for name in [*columns, *optional] if name in header}
    for row in filter(None, rows):
        values = {name: row[place] if place < len(row) else "" for name, place in places.items()}
        if "label" in columns:
            values["label"] = _label(values["label"], path, rows.line_num)
        yield values


def _label(value: str, path: Path, line: int) -> str:
    try:
        return LABELS[value.strip().lower()]
    except KeyError:
        raise CommentFileError(
            f"{path}, line {line}: the label {value!r} is neither 1 or positive nor 0 or negative."
        ) from None


def read_lines(stream: TextIO) -> Iterator[str]:
    """One comment a line, empty lines included. Raises CommentFileError when the input is not UTF-8."""
    try:
        for line in stream:
            yield line.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise CommentFileError("Standard input is not UTF-8: convert it, for example with iconv.") from error


def standard_input() -> TextIO:
    """Standard input as UTF-8 whatever the locale, lines ended by a line feed alone: U+2028 belongs to a comment."""
    return io.TextIOWrapper(terminal.standard_input(), encoding="utf-8-sig", newline="\n")


def in_chunks(items: Iterable[Item], size: int = 512) -> Iterator[list[Item]]:
    """Lists of ``size`` items, the last one shorter, none empty."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def write_predictions(chunks: Iterator[Sequence[Prediction]], progress: Report) -> None:
    """CSV ``label,probability`` on standard output; a reader that has seen enough (``| head``) ends it quietly."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    done = 0
    first = next(chunks, ())  # before anything is written: a file that cannot be read gives no output
    try:
        writer.writerow(("label", "probability"))
        for predictions in chain([first], chunks):
            writer.writerows((one.label, f"{one.probability:.6f}") for one in predictions)
            done += len(predictions)
            progress("labelling", done, 0)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()


def forget_output() -> None:
    """After a broken pipe: Python flushes standard output once more at exit, let that go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
