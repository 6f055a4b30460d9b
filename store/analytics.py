"""Label counts over time, by platform and by hour of the week, with reviews taken into account.

The figures come from sums that each batch and each review update, so the cost does not depend on the number of
comments. Each comment that the model has labelled counts under its shown label; the active model is the default.
Purged comments count under the label that was shown when they were purged, whichever model is asked for.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger

from store.bulk import SUMMED
from store.merge import ALL_PLATFORMS, PURGED_MODEL
from store.models import read_models
from store.ranges import DAY, HOUR, TimeRange, cover, within
from store.tables import count_sums

HOURS_OF_WEEK = 168
# A Monday, so that weeks begin on one.
FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
# Bucket numbers count from this long before FIRST_MONDAY, in whole weeks, so that no time from year 1 on has a negative
# number in any time zone: databases round the division of negative numbers differently.
BEFORE = timedelta(weeks=104_000)
EARLIEST = datetime.min.replace(tzinfo=UTC)

# Maps an hour to the number of its group.
Grouping = Callable[[ColumnElement[Any]], ColumnElement[Any]]


class Bucket(Enum):
    """The length of one point of a time series, in minutes."""

    HOUR = 60
    DAY = 24 * 60
    WEEK = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class CountFilter:
    """Which comments to count; None does not filter.

    ``created_from`` (inclusive) and ``created_to`` (exclusive) are rounded down to the hour. ``model`` is a SHA-256;
    None means the active model.
    """

    created_from: datetime | None = None
    created_to: datetime | None = None
    platform: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Mix:
    """Comments by shown label, and how many of them are uncertain, reviewed, and corrected.

    ``uncertain_positive`` and ``uncertain_negative`` count the uncertain comments without a review, by shown label.
    """

    positive: int = 0
    negative: int = 0
    unclear: int = 0
    spam: int = 0
    uncertain: int = 0
    reviewed: int = 0
    corrected: int = 0
    uncertain_positive: int = 0
    uncertain_negative: int = 0

    @property
    def comments(self) -> int:
        """The total."""
        return self.positive + self.negative + self.unclear + self.spam

    @property
    def undecided(self) -> int:
        """The uncertain comments without a review."""
        return self.uncertain_positive + self.uncertain_negative


@dataclass(frozen=True, slots=True)
class TimeMix:
    """The mix of the bucket that begins at ``start``."""

    start: datetime
    mix: Mix


@dataclass(frozen=True, slots=True)
class PlatformMix:
    """The mix of one platform."""

    platform: str
    mix: Mix


@dataclass(frozen=True, slots=True)
class HourOfWeekMix:
    """The mix of one hour of the week; ``weekday`` 0 is Monday, ``hour`` is 0..23."""

    weekday: int
    hour: int
    mix: Mix


async def mix_over_time(
    connection: AsyncConnection, filters: CountFilter, bucket: Bucket, offset: timedelta
) -> list[TimeMix]:
    """Return the mix per bucket, oldest first, without empty buckets. Raises TransientStoreError.

    Buckets begin in the time zone that is ``offset`` from UTC; none begins before year 1.
    """

    def grouping(hour: ColumnElement[Any]) -> ColumnElement[Any]:
        return (minutes_since(hour) + _minutes(BEFORE + offset)) // bucket.value

    counted = await _mixes(connection, filters, grouping)
    length = timedelta(minutes=bucket.value)
    return [TimeMix(_start(int(number) * length - BEFORE - offset), mix) for number, mix in sorted(counted)]


async def mix_by_platform(connection: AsyncConnection, filters: CountFilter) -> list[PlatformMix]:
    """Return the mix of each platform, largest first. Raises TransientStoreError."""
    counted = [PlatformMix(platform, mix) for platform, mix in await _mixes(connection, filters, None)]
    return sorted(counted, key=lambda one: (-one.mix.comments, one.platform))


async def mix_by_hour_of_week(
    connection: AsyncConnection, filters: CountFilter, offset: timedelta
) -> list[HourOfWeekMix]:
    """Return the mix of each hour of the week, in the time zone ``offset`` from UTC. Raises TransientStoreError."""

    def grouping(hour: ColumnElement[Any]) -> ColumnElement[Any]:
        return ((minutes_since(hour) + _minutes(BEFORE + offset)) // Bucket.HOUR.value) % HOURS_OF_WEEK

    counted = sorted(await _mixes(connection, filters, grouping))
    return [HourOfWeekMix(*divmod(int(number), 24), mix) for number, mix in counted]


def utc_hour_of_week(time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the hour of the week of a time in UTC, from 0; Monday is the first day."""
    return ((minutes_since(time) + _minutes(BEFORE)) // Bucket.HOUR.value) % HOURS_OF_WEEK


async def mix_of_all(connection: AsyncConnection, filters: CountFilter) -> Mix:
    """Return the mix of all comments that match. Raises TransientStoreError."""
    return _sum(mix for _, mix in await _mixes(connection, filters, None))


async def counted_platforms(connection: AsyncConnection, filters: CountFilter) -> list[str]:
    """Return the platforms with comments that the model has labelled, sorted. Raises TransientStoreError."""
    model = await read_model_number(connection, filters)
    found = [] if model is None else await platform_names(connection, model)
    return sorted(found)


def total_of(platforms: Iterable[PlatformMix]) -> Mix:
    """Return the sum of several platforms' mixes."""
    return _sum(one.mix for one in platforms)


def _sum(mixes: Iterable[Mix]) -> Mix:
    names = Mix.__dataclass_fields__
    listed = list(mixes)
    return Mix(**{name: sum(getattr(mix, name) for mix in listed) for name in names})


async def _mixes(connection: AsyncConnection, filters: CountFilter, grouping: Grouping | None) -> list[tuple[Any, Mix]]:
    """Return the mix of each group: by ``grouping`` of the hour, or by platform if it is None."""
    model = await read_model_number(connection, filters)
    if model is None:
        return []
    if grouping is None:
        group: ColumnElement[Any] = count_sums.c.platform
        buckets = [DAY, HOUR]
        platforms = [filters.platform] if filters.platform else await platform_names(connection, model)
    else:
        group, buckets = grouping(count_sums.c.begins), [HOUR]
        platforms = [filters.platform or ALL_PLATFORMS]
    time_ranges = cover(filters.created_from, filters.created_to, buckets)
    queries = [_summed(group, model, platforms, time_range) for time_range in time_ranges]
    rows = [row for query in queries for row in await connection.execute(query)]
    mixes: dict[Any, list[Mix]] = {}
    for group, *sums in rows:
        mixes.setdefault(group, []).append(_mix(*map(int, sums)))
    return [(group, _sum(parts)) for group, parts in mixes.items()]


def _mix(
    positive: int, negative: int, uncertain: int, shown_positive: int, unclear: int, spam: int, *others: int
) -> Mix:
    """Build a mix from the columns of count_sums, in their order. Comments shown as negative have no column."""
    shown_negative = positive + negative - shown_positive - unclear - spam
    return Mix(shown_positive, shown_negative, unclear, spam, uncertain, *others)


async def read_model_number(connection: AsyncConnection, filters: CountFilter) -> int | None:
    """Return the number of the model that ``filters`` selects, or None if there is none."""
    for model in (await read_models(connection)).values():
        if model.active if filters.model is None else model.sha256 == filters.model:
            return model.number
    return None


async def platform_names(connection: AsyncConnection, model: int) -> list[str]:
    """Return the platforms that have comments; naming them lets a query read ranges of the primary key."""
    of = count_sums.c
    query = select(of.platform).distinct().where(of.model_number.in_((model, PURGED_MODEL)), of.bucket == DAY)
    return list((await connection.execute(query)).scalars())


def _summed(group: ColumnElement[Any], model: int, platforms: Sequence[str], time_range: TimeRange) -> Select[Any]:
    of = count_sums.c
    grouped = group.label("grouped")
    return (
        select(grouped, *(func.sum(of[name]) for name in SUMMED))
        .where(of.model_number.in_((model, PURGED_MODEL)), of.platform.in_(platforms), *within(count_sums, time_range))
        .group_by(grouped)
    )


def _start(since: timedelta) -> datetime:
    """Return the time ``since`` after FIRST_MONDAY, but not before EARLIEST."""
    return FIRST_MONDAY + max(since, EARLIEST - FIRST_MONDAY)


def _minutes(offset: timedelta) -> int:
    return offset // timedelta(minutes=1)


class minutes_since(FunctionElement[int]):  # noqa: N801 (an SQL function)
    """Minutes from FIRST_MONDAY to a full hour; negative before it."""

    type = BigInteger()
    inherit_cache = True


@compiles(minutes_since)
def _on_servers(element: minutes_since, compiler: SQLCompiler, **how: Any) -> str:
    return f"TIMESTAMPDIFF(MINUTE, '1970-01-05 00:00:00', {compiler.process(element.clauses, **how)})"


@compiles(minutes_since, "sqlite")
def _on_sqlite(element: minutes_since, compiler: SQLCompiler, **how: Any) -> str:
    hour = compiler.process(element.clauses, **how)
    return f"((CAST(strftime('%s', {hour}) AS INTEGER) - {int(FIRST_MONDAY.timestamp())}) / 60)"
