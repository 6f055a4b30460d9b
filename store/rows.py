"""Rows and dataclasses whose fields are named as columns: which columns a dataclass has, and values by column."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Table

from store.batch import Content, Prediction

T = TypeVar("T")


def names_of(kind: type[Any]) -> tuple[str, ...]:
    """The names of a dataclass's fields, in their order."""
    return tuple(field.name for field in fields(kind))


def columns_of(table: Table, kind: type[Any]) -> list[Column[Any]]:
    """The table's columns that ``kind`` has a field for."""
    return [table.c[name] for name in names_of(kind) if name in table.c]


def built(kind: type[T], row: Row[Any], **others: object) -> T:
    """A ``kind`` of ``others`` and, for its other fields, of the row's columns of their names."""
    values = row._mapping
    return kind(**{name: values[name] for name in names_of(kind) if name not in others}, **others)


def values_by(names: Iterable[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Takes the values of these names out of a mapping. It raises KeyError where one is missing."""
    first, *others = names
    return itemgetter(first, *others) if others else lambda row: (row[first],)


CONTENT_COLUMNS = names_of(Content)
PREDICTION_COLUMNS = names_of(Prediction)
# One C call for all values, since this runs for each comment of each batch.
_content = attrgetter(*CONTENT_COLUMNS)
_content_by_column = values_by(CONTENT_COLUMNS)


def content_of(event: object) -> Content:
    """The content of an event, which has an attribute for each field."""
    return Content(*_content(event))


def read_content(row: Mapping[str, Any]) -> Content:
    """The content that a row holds."""
    return Content(*_content_by_column(row))


def content_row(content: Content) -> dict[str, object]:
    """A content's values by column."""
    return {name: getattr(content, name) for name in CONTENT_COLUMNS}


def prediction_row(prediction: Prediction) -> dict[str, object]:
    """A prediction's values by column, with the distance of the probability from 0.5."""
    row: dict[str, object] = {name: getattr(prediction, name) for name in PREDICTION_COLUMNS}
    row["distance"] = abs(prediction.probability - 0.5)
    return row
