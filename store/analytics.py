"""What the labels say over time, by platform and by hour of the week, and what reviewers change of it.

All but the audit sample comes from sums that each batch and each review keep. So it costs the same however many
comments there are. Counted is what one model has labelled, the active one unless another is asked for, under the label
that is shown.
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
from store.merge import ALL_PLATFORMS
from store.models import read_models
from store.ranges import DAY, HOUR, TimeRange, cover, within
from store.tables import count_sums

HOURS_OF_WEEK = 168
# A Monday, so that weeks begin on one.
BEGINNING = datetime(1970, 1, 5, tzinfo=UTC)
# Buckets are numbered from so long before BEGINNING, in whole weeks, that no stored time (from year 1 on) gets a
# negative number in any time zone: databases disagree on how to divide those.
BEFORE = timedelta(weeks=104_000)
EARLIEST = datetime.min.replace(tzinfo=UTC)

# Gives the hours of one group the same number.
Numbered = Callable[[ColumnElement[Any]], ColumnElement[Any]]


class Bucket(Enum):
    """How long a point on the line of time is, in minutes."""

    HOUR = 60
    DAY = 24 * 60
    WEEK = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class CountFilter:
    """Which comments are counted, by when they were written and where; None does not filter. ``created_from`` is
    included, ``created_to`` is not, and both count from the full hour; ``model`` (SHA-256) None is the active one."""

    created_from: datetime | None = None
    created_to: datetime | None = None
    platform: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Mix:
    """How many comments are shown under each label, of how many the model was uncertain, how many were reviewed, and
    of how many of these the review says something else than the model.

    ``uncertain_positive`` and ``uncertain_negative`` are the comments, of those shown as positive and as negative,
    whose label is only a guess: the model is uncertain and nobody has reviewed them.
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
        """All of them."""
        return self.positive + self.negative + self.unclear + self.spam

    @property
    def undecided(self) -> int:
        """The uncertain comments without a review."""
        return self.uncertain_positive + self.uncertain_negative


@dataclass(frozen=True, slots=True)
class TimeMix:
    """What was written from ``start`` on, until the next bucket begins."""

    start: datetime
    mix: Mix


@dataclass(frozen=True, slots=True)
class PlatformMix:
    """What was written on one platform."""

    platform: str
    mix: Mix


@dataclass(frozen=True, slots=True)
class HourOfWeekMix:
    """What was written in one hour of the week; ``weekday`` 0 is Monday, ``hour`` 0..23."""

    weekday: int
    hour: int
    mix: Mix


async def mix_over_time(
    connection: AsyncConnection, wanted: CountFilter, bucket: Bucket, offset: timedelta
) -> list[TimeMix]:
    """The labels over time, oldest first, in buckets of the time zone that is ``offset`` from UTC; a bucket in which
    nothing was written is left out. A bucket that begins before year 1 starts there. Raises TransientStoreError."""

    def numbered(hour: ColumnElement[Any]) -> ColumnElement[Any]:
        return (minutes_since(hour) + _minutes(BEFORE + offset)) // bucket.value

    counted = await _count(connection, wanted, numbered)
    length = timedelta(minutes=bucket.value)
    return [TimeMix(_start(int(number) * length - BEFORE - offset), mix) for number, mix in sorted(counted)]


async def mix_by_platform(connection: AsyncConnection, wanted: CountFilter) -> list[PlatformMix]:
    """The labels of each platform, the largest first. Raises TransientStoreError."""
    counted = [PlatformMix(platform, mix) for platform, mix in await _count(connection, wanted, None)]
    return sorted(counted, key=lambda one: (-one.mix.comments, one.platform))


async def mix_by_hour_of_week(
    connection: AsyncConnection, wanted: CountFilter, offset: timedelta
) -> list[HourOfWeekMix]:
    """The labels of each hour of the week in the time zone that is ``offset`` from UTC. Raises TransientStoreError."""

    def numbered(hour: ColumnElement[Any]) -> ColumnElement[Any]:
        return ((minutes_since(hour) + _minutes(BEFORE + offset)) // Bucket.HOUR.value) % HOURS_OF_WEEK

    counted = sorted(await _count(connection, wanted, numbered))
    return [HourOfWeekMix(*divmod(int(number), 24), mix) for number, mix in counted]


async def mix_of_all(connection: AsyncConnection, wanted: CountFilter) -> Mix:
    """All comments together. Raises TransientStoreError."""
    return _sum(mix for _, mix in await _count(connection, wanted, None))


async def counted_platforms(connection: AsyncConnection, wanted: CountFilter) -> list[str]:
    """The platforms whose comments the model of ``wanted`` has labelled, by name. Raises TransientStoreError."""
    model = await read_model_number(connection, wanted)
    found = [] if model is None else await _platforms(connection, model)
    return sorted(found)


def _sum(mixes: Iterable[Mix]) -> Mix:
    names = Mix.__dataclass_fields__
    listed = list(mixes)
    return Mix(**{name: sum(getattr(mix, name) for mix in listed) for name in names})


async def _count(connection: AsyncConnection, wanted: CountFilter, numbered: Numbered | None) -> list[tuple[Any, Mix]]:
    """The mix of each group: by what ``numbered`` makes of the hour, else by platform."""
    model = await read_model_number(connection, wanted)
    if model is None:
        return []
    if numbered is None:
        group: ColumnElement[Any] = count_sums.c.platform
        buckets = [DAY, HOUR]
        platforms = [wanted.platform] if wanted.platform else await _platforms(connection, model)
    else:
        group, buckets = numbered(count_sums.c.begins), [HOUR]
        platforms = [wanted.platform or ALL_PLATFORMS]
    stretches = cover(wanted.created_from, wanted.created_to, buckets)
    queries = [_summed(group, model, platforms, stretch) for stretch in stretches]
    rows = [row for query in queries for row in await connection.execute(query)]
    mixes: dict[Any, list[Mix]] = {}
    for group, *sums in rows:
        mixes.setdefault(group, []).append(_mix(*map(int, sums)))
    return [(group, _sum(parts)) for group, parts in mixes.items()]


def _mix(
    positive: int, negative: int, uncertain: int, shown_positive: int, unclear: int, spam: int, *others: int
) -> Mix:
    """A mix from the columns of count_sums in their order: what is shown otherwise than the model's label is told."""
    shown_negative = positive + negative - shown_positive - unclear - spam
    return Mix(shown_positive, shown_negative, unclear, spam, uncertain, *others)


async def read_model_number(connection: AsyncConnection, wanted: CountFilter) -> int | None:
    """The number of the model that is counted; None when there is none."""
    for model in (await read_models(connection)).values():
        if model.active if wanted.model is None else model.sha256 == wanted.model:
            return model.number
    return None


async def _platforms(connection: AsyncConnection, model: int) -> list[str]:
    """The platforms that have comments: with their names the hours of each are one range of the primary key."""
    of = count_sums.c
    query = select(of.platform).distinct().where(of.model_number == model, of.bucket == DAY)
    return list((await connection.execute(query)).scalars())


def _summed(group: ColumnElement[Any], model: int, platforms: Sequence[str], stretch: TimeRange) -> Select[Any]:
    of = count_sums.c
    grouped = group.label("grouped")
    return (
        select(grouped, *(func.sum(of[name]) for name in SUMMED))
        .where(of.model_number == model, of.platform.in_(platforms), *within(count_sums, stretch))
        .group_by(grouped)
    )


def _start(since: timedelta) -> datetime:
    """The time that is ``since`` after BEGINNING, no earlier than EARLIEST."""
    return BEGINNING + max(since, EARLIEST - BEGINNING)


def _minutes(offset: timedelta) -> int:
    return offset // timedelta(minutes=1)


class minutes_since(FunctionElement[int]):  # noqa: N801 (a function of SQL)
    """Minutes from BEGINNING to a full hour; negative before it."""

    type = BigInteger()
    inherit_cache = True


@compiles(minutes_since)
def _on_servers(element: minutes_since, compiler: SQLCompiler, **how: Any) -> str:
    return f"TIMESTAMPDIFF(MINUTE, '1970-01-05 00:00:00', {compiler.process(element.clauses, **how)})"


@compiles(minutes_since, "sqlite")
def _on_sqlite(element: minutes_since, compiler: SQLCompiler, **how: Any) -> str:
    hour = compiler.process(element.clauses, **how)
    return f"((CAST(strftime('%s', {hour}) AS INTEGER) - {int(BEGINNING.timestamp())}) / 60)"
