"""Walk along an index in bounded steps, to filter by conditions that no index covers, within a time limit.

A step reads a range of the index, so even a condition that no row meets takes no longer than the limit. The result
says where the walk stopped, so that the next one can continue there.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

# Index entries in the first step and at most in any step, and the most by which a step may exceed the previous one.
FIRST_STEP, LONGEST_STEP, GROWTH = 250, 40_000, 4

# The values of the two columns that the walk is ordered by.
Place = tuple[float | int | datetime, int]


@dataclass(frozen=True, slots=True)
class Path:
    """An index to walk along: ``equal`` fixes its leading columns; ``first`` and ``second``, the row number, follow.

    ``name`` forces MySQL to use this index, because its estimates sometimes choose another.
    """

    name: str
    equal: Sequence[ColumnElement[bool]]
    first: Column[Any]
    second: Column[Any]
    descending: bool = False

    def order(self) -> list[ColumnElement[Any]]:
        """Return the columns to order by."""
        return [column.desc() if self.descending else column.asc() for column in (self.first, self.second)]

    def within(self, after: Place | None, up_to: Place | None) -> list[ColumnElement[bool]]:
        """Return the conditions for rows after the place ``after``, up to and including ``up_to``.

        They name both columns for each end, so that only this range of the index is read even if thousands of rows
        share the first column, as identical texts do.
        """
        first, second = self.first, self.second
        if after is not None and up_to is not None and after[0] == up_to[0]:
            low, high = sorted((after[1], up_to[1]))
            # The row at ``after`` is excluded, whichever end of the range it is.
            return [first == after[0], second.between(low, high), second != after[1]]
        ends = []
        if after is not None:
            at, number = after
            ends += self._from(at, second < number if self.descending else second > number, up=not self.descending)
        if up_to is not None:
            at, number = up_to
            ends += self._from(at, second >= number if self.descending else second <= number, up=self.descending)
        return ends

    def _from(self, at: float | datetime, rest: ColumnElement[bool], *, up: bool) -> list[ColumnElement[bool]]:
        """Return the conditions for rows beyond ``at``, or at it where ``rest`` is true. The first one lets SQLite
        start the index scan in the right place."""
        beyond, bound = (self.first > at, self.first >= at) if up else (self.first < at, self.first <= at)
        return [bound, or_(beyond, and_(self.first == at, rest))]


@dataclass(frozen=True, slots=True)
class WalkResult:
    """The rows found, in order. The walk has looked up to ``place``; None means the end of the index."""

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
    """Return at most ``limit`` rows of ``query`` after ``after``; the query must select the path's columns.

    A step that has begun is finished, so a walk can take slightly longer than ``seconds``. Raises TransientStoreError.
    """
    query = query.with_hint(path.first.table, f"FORCE INDEX ({path.name})", "mysql").order_by(*path.order())
    ends = select(path.first, path.second).where(*path.equal).order_by(*path.order())
    ends = ends.with_hint(path.first.table, f"FORCE INDEX ({path.name})", "mysql")
    rows: list[Row[Any]] = []
    began = time.monotonic()
    length = FIRST_STEP
    while True:
        step_began = time.monotonic()
        end_query = ends.where(*path.within(after, None)).limit(1).offset(length - 1)
        end = (await connection.execute(end_query)).one_or_none()
        place = None if end is None else (end[0], end[1])
        within = query.where(*path.equal, *path.within(after, place)).limit(limit - len(rows))
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
    """Return the length of the next step: longer steps need fewer queries, but must fit into the remaining time."""
    fitting = int(length * left / max(took, 0.001))
    return max(FIRST_STEP, min(length * GROWTH, fitting, LONGEST_STEP))
