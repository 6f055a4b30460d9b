"""A range of time as whole months, days and hours (UTC), so that it is added up from as few rows as can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table

from store.types import in_utc

HOUR, DAY, MONTH = "hour", "day", "month"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Whole buckets from ``begins`` on, before ``ends``; None is open."""

    bucket: str
    begins: datetime | None
    ends: datetime | None


def bucket_of(bucket: str, time: datetime) -> datetime:
    """When the bucket begins that ``time`` lies in."""
    hour = in_utc(time).replace(minute=0, second=0, microsecond=0)
    if bucket == HOUR:
        return hour
    return hour.replace(hour=0) if bucket == DAY else hour.replace(hour=0, day=1)


def cover(begins: datetime | None, ends: datetime | None, buckets: Sequence[str]) -> list[TimeRange]:
    """Stretches that together are the range, each of the coarsest of ``buckets`` that fits, which come coarsest first.

    What the finest bucket cuts is left to it as it is.
    """
    bucket, *finer = buckets
    if not finer:
        return [TimeRange(bucket, begins, ends)]
    try:
        first = None if begins is None else _next(bucket, begins)
    except OverflowError:  # No bucket begins between ``begins`` and the end of year 9999.
        return cover(begins, ends, finer)
    last = None if ends is None else bucket_of(bucket, ends)
    if first is not None and last is not None and first >= last:
        return cover(begins, ends, finer)
    before = [] if first == begins else cover(begins, first, finer)
    behind = [] if last == ends else cover(last, ends, finer)
    return [*before, TimeRange(bucket, first, last), *behind]


def within(sums: Table, stretch: TimeRange) -> list[ColumnElement[bool]]:
    """What holds of the rows of ``sums`` that lie in the stretch; it has the columns bucket and begins."""
    begins: ColumnElement[Any] = sums.c.begins
    return [
        sums.c.bucket == stretch.bucket,
        *([] if stretch.begins is None else [begins >= stretch.begins]),
        *([] if stretch.ends is None else [begins < stretch.ends]),
    ]


def _next(bucket: str, time: datetime) -> datetime:
    """When the first bucket begins at or after ``time``. Raises OverflowError when that is after year 9999."""
    start = bucket_of(bucket, time)
    # 31 days behind the beginning of a month the next one has begun, and not yet the one after it.
    return start if start == time else bucket_of(bucket, start + timedelta(days=31 if bucket == MONTH else 1))
