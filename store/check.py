"""Recount all labelled comments and report hourly counts and sums that have drifted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from store.merge import ALL_PLATFORMS, PURGED_MODEL
from store.ranges import DAY, HOUR
from store.tables import comment_counts, comments, count_sums, hourly_counts, predictions


@dataclass(frozen=True, slots=True)
class CountDifference:
    """An hourly count that differs from the rows. ``hour`` is formatted ``2026-01-31 23``, in UTC."""

    model_number: int
    platform: str
    hour: str
    label: str
    uncertain: bool
    stored: int
    counted: int


@dataclass(frozen=True, slots=True)
class SumDifference:
    """A sum that differs from the rows. ``platform`` is empty for all platforms together, ``bucket`` is hour or day,
    ``begins`` is formatted ``2026-01-31 23``, in UTC, and ``name`` is the column."""

    model_number: int
    platform: str
    bucket: str
    begins: str
    name: str
    stored: int
    counted: int


@dataclass(frozen=True, slots=True)
class CommentCountDifference:
    """A count of stored comments that differs from the rows; the key is that of ``SumDifference``."""

    platform: str
    bucket: str
    begins: str
    stored: int
    counted: int


async def recount(connection: AsyncConnection, day: str | None = None) -> list[CountDifference]:
    """Recount all comments, or those of a ``day`` (2026-01-31, UTC), and return the hourly counts that differ.

    One statement reads both sides, so consumers may keep writing. Raises TransientStoreError.
    """
    of = hourly_counts.c
    stored = select(of.model_number, of.platform, _hour(of.hour), of.label, of.uncertain, of.n).where(
        of.model_number != PURGED_MODEL, *_of_day(of.hour, day)
    )
    hour = _hour(comments.c.created_at)
    key = (predictions.c.model_number, comments.c.platform, hour, predictions.c.label, predictions.c.uncertain)
    rows = await _differences(connection, stored, _labelled(*key, day=day))
    return [
        CountDifference(model, platform, hour, label, bool(uncertain), stored, counted)
        for model, platform, hour, label, uncertain, stored, counted in rows
    ]


async def recount_comments(connection: AsyncConnection, day: str | None = None) -> list[CommentCountDifference]:
    """Recount all comments, or those of a ``day``, and return the comment counts that differ.

    Raises TransientStoreError.
    """
    of = comment_counts.c
    stored = select(of.bucket, of.platform, _hour(of.begins), of.n).where(*_of_day(of.begins, day))
    hours = select(comments.c.platform, _hour(comments.c.created_at).label("hour"), func.count().label("n"))
    hours = hours.where(*_of_day(comments.c.created_at, day))
    kinds = hours.group_by(comments.c.platform, _hour(comments.c.created_at)).cte("kinds").c
    counted = union_all(
        *(
            select(
                bucket.label("bucket"), platform.label("platform"), begins.label("begins"), func.sum(kinds.n)
            ).group_by(platform, begins)
            for platform, bucket, begins in _sum_keys(kinds.platform, kinds.hour)
        )
    )
    rows = await _differences(connection, stored, counted)
    return [CommentCountDifference(platform, bucket, begins, *numbers) for bucket, platform, begins, *numbers in rows]


async def recount_sums(connection: AsyncConnection, day: str | None = None) -> list[SumDifference]:
    """Recount all comments, or those of a ``day``, and return the sums that differ. Raises TransientStoreError."""
    of = count_sums.c
    names = [column.name for column in count_sums.c if not column.primary_key]
    stored = select(
        of.model_number, of.platform, of.bucket, _hour(of.begins).label("begins"), *(of[n] for n in names)
    ).where(of.model_number != PURGED_MODEL, *_of_day(of.begins, day))
    sides = [_side(stored, names, is_stored=True)]
    sides += [_side(counted, names, is_stored=False) for counted in _counted_sums(day)]
    both = union_all(*sides).subquery("both_sides")
    key = [both.c[name] for name in ("model_number", "platform", "bucket", "begins")]
    pairs = [func.sum(both.c[f"{side}_{name}"]) for name in names for side in ("stored", "counted")]
    differs = or_(*(one != other for one, other in zip(pairs[::2], pairs[1::2], strict=True)))
    query = select(*key, *pairs).group_by(*key).having(differs).order_by(*key)
    rows = (await connection.execute(query)).all()
    return [
        SumDifference(row[0], row[1], row[2], row[3], name, int(row[4 + 2 * place]), int(row[5 + 2 * place]))
        for row in rows
        for place, name in enumerate(names)
        if row[4 + 2 * place] != row[5 + 2 * place]
    ]


def _hour(time: ColumnElement[Any], characters: int = 13) -> ColumnElement[str]:
    """Return a time as text up to the hour, formatted the same on every database."""
    return func.substr(cast(time, String(26)), 1, characters)


def _labelled(*key: ColumnElement[Any], day: str | None) -> Select[Any]:
    """Return a query for the number of labelled comments per key."""
    labelled = select(*key, func.count()).join_from(
        predictions, comments, comments.c.number == predictions.c.comment_number
    )
    return labelled.where(*_of_day(comments.c.created_at, day)).group_by(*key)


def _of_day(time: ColumnElement[Any], day: str | None) -> list[ColumnElement[bool]]:
    if day is None:
        return []
    begins = datetime.fromisoformat(day).replace(tzinfo=UTC)
    # No time is later than the last day that datetime can represent.
    later = [] if begins.date() == date.max else [time < begins + timedelta(days=1)]
    return [time >= begins, *later]


def _counted_sums(day: str | None) -> list[Select[Any]]:
    """Return queries for the correct sums: all platforms by hour, and each platform by hour and by day."""
    prediction, comment = predictions.c, comments.c
    hour = _hour(comment.created_at)
    kind = (
        prediction.model_number,
        comment.platform,
        hour.label("hour"),
        prediction.label,
        prediction.uncertain,
        comment.review_label,
    )
    kinds = _labelled(*kind, day=day).add_columns(func.count().label("n")).cte("kinds").c
    shown = func.coalesce(kinds.review_label, kinds.label)
    undecided = and_(kinds.uncertain, kinds.review_label.is_(None))
    conditions = {
        "positive": kinds.label == "positive",
        "negative": kinds.label == "negative",
        "uncertain": kinds.uncertain,
        "shown_positive": shown == "positive",
        "unclear": shown == "unclear",
        "spam": shown == "spam",
        "reviewed": kinds.review_label.is_not(None),
        "corrected": shown != kinds.label,
        "uncertain_positive": and_(undecided, kinds.label == "positive"),
        "uncertain_negative": and_(undecided, kinds.label == "negative"),
    }
    sums = [func.sum(case((condition, kinds.n), else_=0)).label(name) for name, condition in conditions.items()]
    return [
        select(
            kinds.model_number, platform.label("platform"), bucket.label("bucket"), begins.label("begins"), *sums
        ).group_by(kinds.model_number, platform, begins)
        for platform, bucket, begins in _sum_keys(kinds.platform, kinds.hour)
    ]


def _sum_keys(
    platform: ColumnElement[str], hour: ColumnElement[str]
) -> tuple[tuple[ColumnElement[str], ColumnElement[str], ColumnElement[str]], ...]:
    """Return platform, bucket and begin of the sums: all platforms by hour, and each platform by hour and by day."""
    day = func.substr(hour, 1, 10).concat(" 00")
    return (
        (literal(ALL_PLATFORMS), literal(HOUR), hour),
        (platform, literal(HOUR), hour),
        (platform, literal(DAY), day),
    )


def _side(query: Select[Any], names: Sequence[str], *, is_stored: bool) -> Select[Any]:
    """Return a query's sums as stored or counted columns, with zeros in the other side's columns."""
    of = query.subquery().c
    key = [of[name] for name in ("model_number", "platform", "bucket", "begins")]
    columns = []
    for name in names:
        stored, counted = (of[name], literal(0)) if is_stored else (literal(0), of[name])
        columns += [stored.label(f"stored_{name}"), counted.label(f"counted_{name}")]
    return select(*key, *columns)


async def _differences(
    connection: AsyncConnection, stored: Select[Any], counted: Select[Any] | CompoundSelect[Any]
) -> list[Sequence[Any]]:
    """Return keys whose stored and recounted numbers differ, with both numbers. The last column of each query is the
    number; a stored zero is a difference too."""
    sides = []
    for at, side in enumerate((stored, counted)):
        columns = list(side.subquery(f"side_{at}").c)
        key = [column.label(f"k{n}") for n, column in enumerate(columns[:-1])]
        numbers = (columns[-1], literal(0)) if side is stored else (literal(0), columns[-1])
        present = literal(1 if side is stored else 0)
        sides.append(select(*key, numbers[0].label("stored"), numbers[1].label("counted"), present.label("present")))
    both = union_all(*sides).subquery("both_sides")
    columns = [column for column in both.c if column.name.startswith("k")]
    sums = [func.sum(both.c.stored), func.sum(both.c.counted)]
    differs = (sums[0] != sums[1]) | ((sums[1] == 0) & (func.sum(both.c.present) > 0))
    query = select(*columns, *sums).group_by(*columns).having(differs).order_by(*columns)
    rows = (await connection.execute(query)).all()
    return [(*row[:-2], int(row[-2]), int(row[-1])) for row in rows]
