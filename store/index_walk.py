"""Walks along an index in bounded steps, to find rows that no index knows, until there are enough or time is up.

A step is a range of the index, so that a condition that nothing fulfils costs as little as the time that is given;
where the walk stopped is told, and the next one goes on from there.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

# How many entries of the index the first step and the longest one hold, and how much longer the next one may be.
FIRST_STEP, LONGEST_STEP, GROWTH = 250, 40_000, 4

# The values of both columns that the walk goes along.
Place = tuple[float | int | datetime, int]


@dataclass(frozen=True, slots=True)
class Path:
    """An index: ``equal`` fixes its first columns, and the walk goes along ``first`` and ``second``, the row's number.
    ``name`` is the index's, since MySQL would choose another one where it guesses wrong."""

    name: str
    equal: Sequence[ColumnElement[bool]]
    first: Column[Any]
    second: Column[Any]
    descending: bool = False

    def order(self) -> list[ColumnElement[Any]]:
        """What to sort by."""
        return [column.desc() if self.descending else column.asc() for column in (self.first, self.second)]

    def behind(self, place: Place | None) -> list[ColumnElement[bool]]:
        """The condition under which a row comes after ``place``. The first part alone lets the index begin there."""
        if place is None:
            return []
        at, number = place
        if self.descending:
            return [self.first <= at, or_(self.first < at, self.second < number)]
        return [self.first >= at, or_(self.first > at, self.second > number)]

    def up_to(self, place: Place | None) -> list[ColumnElement[bool]]:
        """The condition under which a row does not come after ``place``."""
        if place is None:
            return []
        at, number = place
        if self.descending:
            return [self.first >= at, or_(self.first > at, self.second >= number)]
        return [self.first <= at, or_(self.first < at, self.second <= number)]


@dataclass(frozen=True, slots=True)
class WalkResult:
    """What a walk found, in order. ``place`` is how far it has looked; None when it came to the end."""

    rows: Sequence[Row[Any]]
    place: Place | None


async def walk(
    connection: AsyncConnection,
    query: Select[Any],
    path: Path,
    after: Place | None,
    limit: int,
    seconds: float,
) -> WalkResult:
    """At most ``limit`` rows of ``query`` behind ``after``; it selects the path's columns.

    A step is finished once it was begun: a walk takes somewhat longer than ``seconds`` at worst.
    Raises TransientStoreError.
    """
    query = query.with_hint(path.first.table, f"FORCE INDEX ({path.name})", "mysql").order_by(*path.order())
    ends = select(path.first, path.second).where(*path.equal).order_by(*path.order())
    ends = ends.with_hint(path.first.table, f"FORCE INDEX ({path.name})", "mysql")
    rows: list[Row[Any]] = []
    began = time.monotonic()
    length = FIRST_STEP
    while True:
        step_began = time.monotonic()
        end_query = ends.where(*path.behind(after)).limit(1).offset(length - 1)
        end = (await connection.execute(end_query)).one_or_none()
        place = None if end is None else (end[0], end[1])
        within = query.where(*path.equal, *path.behind(after), *path.up_to(place)).limit(limit - len(rows))
        rows += (await connection.execute(within)).all()
        if len(rows) == limit:
            last = rows[-1]._mapping
            return WalkResult(rows, (last[path.first], last[path.second]))
        now = time.monotonic()
        if place is None or now - began >= seconds:
            return WalkResult(rows, place)
        after = place
        length = _next_length(length, now - step_began, seconds - (now - began))


def _next_length(length: int, took: float, left: float) -> int:
    """Longer steps cost fewer questions, but the next one shall not take much more than the time that is left."""
    fitting = int(length * left / max(took, 0.001))
    return max(FIRST_STEP, min(length * GROWTH, fitting, LONGEST_STEP))
