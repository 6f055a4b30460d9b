"""Split a time range into whole months, days and hours (UTC), so that summing it reads as few rows as possible."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Table

from store.types import KEPT_DAYS, in_utc

HOUR, DAY, MONTH = "hour", "day", "month"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Whole buckets from ``begins`` (inclusive) to ``ends`` (exclusive); None means open-ended."""

    bucket: str
    begins: datetime | None
    ends: datetime | None


def bucket_of(bucket: str, time: datetime) -> datetime:
    """Return the start of the bucket that contains ``time``."""
    utc = in_utc(time)
    hours = _hours(utc.toordinal())
    if bucket == HOUR:
        return hours[utc.hour]
    return hours[0] if bucket == DAY else hours[0].replace(day=1)


@lru_cache(KEPT_DAYS)
def _hours(ordinal: int) -> Sequence[datetime]:
    """Return the hours of a day. Looking one up takes a quarter of the time that ``replace`` takes to make one."""
    start = datetime.fromordinal(ordinal).replace(tzinfo=UTC)
    return [start.replace(hour=hour) for hour in range(24)]


def cover(begins: datetime | None, ends: datetime | None, buckets: Sequence[str]) -> list[TimeRange]:
    """Split a range into ranges of the coarsest of ``buckets`` that fit; ``buckets`` are ordered coarsest first.

    Limits within a bucket of the finest kind stay as they are.
    """
    bucket, *finer = buckets
    if not finer:
        return [TimeRange(bucket, begins, ends)]
    try:
        first = None if begins is None else _next(bucket, begins)
    except OverflowError:  # No bucket starts between ``begins`` and the end of year 9999.
        return cover(begins, ends, finer)
    last = None if ends is None else bucket_of(bucket, ends)
    if first is not None and last is not None and first >= last:
        return cover(begins, ends, finer)
    earlier = [] if first == begins else cover(begins, first, finer)
    later = [] if last == ends else cover(last, ends, finer)
    return [*earlier, TimeRange(bucket, first, last), *later]


def within(sums: Table, time_range: TimeRange) -> list[ColumnElement[bool]]:
    """Return the conditions for rows of ``sums`` in the range; the table has the columns bucket and begins."""
    begins: ColumnElement[Any] = sums.c.begins
    return [
        sums.c.bucket == time_range.bucket,
        *([] if time_range.begins is None else [begins >= time_range.begins]),
        *([] if time_range.ends is None else [begins < time_range.ends]),
    ]


def _next(bucket: str, time: datetime) -> datetime:
    """Return the first bucket start at or after ``time``. Raises OverflowError if it is after year 9999."""
    start = bucket_of(bucket, time)
    # 31 days after the start of a month is always in the next month.
    return start if start == time else bucket_of(bucket, start + timedelta(days=31 if bucket == MONTH else 1))
