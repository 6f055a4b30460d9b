"""Convert between rows and dataclasses whose fields are named like columns."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Table

from store.batch import Content, Prediction
from store.types import time_text

T = TypeVar("T")

# Padding changes the probability of a text by up to 1e-6 between batches. Rounding gives almost all copies of a text
# the same distance, so they are next to each other in the index of the review queue.
DISTANCE_DIGITS = 5


def names_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, in order."""
    return tuple(field.name for field in fields(kind))


def columns_of(table: Table, kind: type[Any]) -> list[Column[Any]]:
    """Return the table's columns that ``kind`` has a field for."""
    return [table.c[name] for name in names_of(kind) if name in table.c]


def built(kind: type[T], row: Row[Any], **others: object) -> T:
    """Build a ``kind`` from ``others`` and, for the remaining fields, from the row's columns of the same name."""
    values = row._mapping
    return kind(**{name: values[name] for name in names_of(kind) if name not in others}, **others)


def values_by(names: Iterable[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return a function that gets the values of these names from a mapping, or raises KeyError."""
    first, *others = names
    return itemgetter(first, *others) if others else lambda row: (row[first],)


CONTENT_COLUMNS = Content._fields
PREDICTION_COLUMNS = Prediction._fields
# One C call for all values, because this runs for every comment of every batch.
_content = attrgetter(*CONTENT_COLUMNS)
_content_by_column = values_by(CONTENT_COLUMNS)


def content_of(event: object) -> Content:
    """Build a content from an event's attributes."""
    return Content._make(_content(event))


def content_values(content: Content) -> tuple[object, ...]:
    """Return a content's values in the order of CONTENT_COLUMNS, with times as text."""
    text, version, created_at, edited_at, author, thread = content
    edited = None if edited_at is None else time_text(edited_at)
    return text, version, time_text(created_at), edited, author, thread


def read_content(row: Mapping[str, Any]) -> Content:
    """Build a content from a row."""
    return Content._make(_content_by_column(row))


def content_row(content: Content) -> dict[str, object]:
    """Return a content's values by column."""
    return content._asdict()


def prediction_row(prediction: Prediction) -> dict[str, object]:
    """Return a prediction's values by column, and the rounded distance of its probability from 0.5."""
    return {**prediction._asdict(), "distance": distance_of(prediction)}


def distance_of(prediction: Prediction) -> float:
    """Return the rounded distance of a probability from 0.5."""
    return round(abs(prediction.probability - 0.5), DISTANCE_DIGITS)
