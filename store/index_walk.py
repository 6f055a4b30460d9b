"""Walk along an index in bounded steps, to filter by conditions that no index covers, within a time limit.

A step reads a range of the index, so even a condition that no row meets takes no longer than the limit. The result
says where the walk stopped, so that the next one can continue there.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, and_, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from store.types import LARGEST_NUMBER

# Index entries in the first step and at most in any step, and the most by which a step may exceed the previous one.
FIRST_STEP, LONGEST_STEP, GROWTH = 250, 40_000, 4

# The values of a path's columns at one index entry.
Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """An index to walk along: ``equal`` fixes its leading columns; ``columns``, the last one unique, follow.

    ``name`` forces MySQL to use this index, because its estimates sometimes choose another.
    """

    name: str
    equal: Sequence[ColumnElement[bool]]
    columns: Sequence[Column[Any]]
    descending: bool = False

    def order(self) -> list[ColumnElement[Any]]:
        """Return the columns to order by."""
        return [column.desc() if self.descending else column.asc() for column in self.columns]

    def within(self, after: Place | None, up_to: Place | None) -> list[ColumnElement[bool]]:
        """Return the conditions for rows after the place ``after``, up to and including ``up_to``.

        They name all columns for each end, so that only this range of the index is read even if thousands of rows
        share the first columns, as identical texts do.
        """
        shared = 0
        if after is not None and up_to is not None:
            while shared < len(self.columns) - 1 and after[shared] == up_to[shared]:
                shared += 1
        found = [_equal(column, at) for column, at in zip(self.columns[:shared], after or (), strict=False)]
        rest = self.columns[shared:]
        if after is not None:
            found += _from(rest, after[shared:], up=not self.descending, inclusive=False)
        if up_to is not None:
            found += _from(rest, up_to[shared:], up=self.descending, inclusive=True)
        return found


def _from(columns: Sequence[Column[Any]], at: Place, *, up: bool, inclusive: bool) -> list[ColumnElement[bool]]:
    """Return the conditions for rows that are not before ``at`` in index order, or after it unless ``inclusive``.

    The first condition lets SQLite start the index scan in the right place.
    """
    column, *others = columns
    if not others:
        return [_beyond(column, at[0], up=up, inclusive=inclusive)]
    further = and_(*_from(others, at[1:], up=up, inclusive=inclusive))
    beyond = or_(_beyond(column, at[0], up=up, inclusive=False), and_(_equal(column, at[0]), further))
    return [_beyond(column, at[0], up=up, inclusive=True), beyond]


def _equal(column: Column[Any], at: Any) -> ColumnElement[bool]:
    return column.is_(None) if at is None else column == at


def _beyond(column: Column[Any], at: Any, *, up: bool, inclusive: bool) -> ColumnElement[bool]:
    """Return the condition that the column is beyond ``at``; indexes store NULL before all values."""
    if at is None:
        if up:
            return true() if inclusive else column.is_not(None)
        return column.is_(None) if inclusive else false()
    if up:
        higher: ColumnElement[bool] = column >= at if inclusive else column > at
        return higher
    lower: ColumnElement[bool] = column <= at if inclusive else column < at
    return or_(lower, column.is_(None)) if column.nullable else lower


@dataclass(frozen=True, slots=True)
class Skipped:
    """Groups of index entries that a walk skips; the entries of a group differ only in the path's last column.

    ``condition`` on the other columns identifies these groups. ``kept`` are entries that the walk must still visit:
    their values in the last column, and in the column before it.
    """

    condition: ColumnElement[bool]
    kept: Mapping[int, int | None]

    def end_of_group(self, place: Place) -> Place:
        """Return the last place in the group of ``place``, or the one before the next of ``kept``."""
        *others, group, number = place
        numbers = [one for one, of_group in self.kept.items() if of_group == group and one > number]
        return (*others, group, min(numbers) - 1 if numbers else LARGEST_NUMBER)


NOTHING_SKIPPED = Skipped(false(), {})


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
    skipped: Skipped = NOTHING_SKIPPED,
) -> WalkResult:
    """Return at most ``limit`` rows of ``query`` after ``after``; the query must select the path's columns.

    The query itself must exclude the groups of ``skipped``. A step that ends in one of them continues behind it, so
    thousands of entries cost no more than one step.

    A step that has begun is finished, so a walk can take slightly longer than ``seconds``. Raises TransientStoreError.
    """
    table, size = path.columns[0].table, len(path.columns)
    query = query.with_hint(table, f"FORCE INDEX ({path.name})", "mysql").order_by(*path.order())
    ends = select(*path.columns, skipped.condition.label("skipped")).where(*path.equal).order_by(*path.order())
    ends = ends.with_hint(table, f"FORCE INDEX ({path.name})", "mysql")
    rows: list[Row[Any]] = []
    began = time.monotonic()
    length = FIRST_STEP
    while True:
        step_began = time.monotonic()
        end_query = ends.where(*path.within(after, None)).limit(1).offset(length - 1)
        end = (await connection.execute(end_query)).one_or_none()
        place = None if end is None else tuple(end[:size])
        within = query.where(*path.equal, *path.within(after, place)).limit(limit - len(rows))
        rows += (await connection.execute(within)).all()
        if len(rows) == limit:
            last = rows[-1]._mapping
            return WalkResult(rows, tuple(last[column] for column in path.columns))
        if end is not None and place is not None and end.skipped:
            place = skipped.end_of_group(place)
        now = time.monotonic()
        if place is None or now - began >= seconds:
            return WalkResult(rows, place)
        after = place
        length = _next_length(length, now - step_began, seconds - (now - began))


def _next_length(length: int, took: float, left: float) -> int:
    """Return the length of the next step: longer steps need fewer queries, but must fit into the remaining time."""
    fitting = int(length * left / max(took, 0.001))
    return max(FIRST_STEP, min(length * GROWTH, fitting, LONGEST_STEP))
