"""Proves the books: the hourly counts, kept by differences, must equal what counting the rows gives."""

from dataclasses import dataclass

from sqlalchemy import String, cast, func, literal, select, union_all

from liuyan.store.store import Store
from liuyan.store.tables import comments, hourly_counts, predictions


@dataclass(frozen=True, slots=True)
class CountDifference:
    """An hourly count that is not what the rows say. ``hour`` reads ``2026-01-31 23``, in UTC."""

    model_number: int
    platform: str
    hour: str
    label: str
    uncertain: bool
    stored: int
    counted: int


async def recount(store: Store) -> list[CountDifference]:
    """Every hourly count that differs from the rows; none is how it should be. Reads every comment.

    One statement reads both sides, so that a consumer may go on writing. Raises TransientStoreError.
    """
    # As text the hour is cut off the same way on every database.
    stored = select(
        hourly_counts.c.model_number,
        hourly_counts.c.platform,
        func.substr(cast(hourly_counts.c.hour, String(26)), 1, 13).label("hour"),
        hourly_counts.c.label,
        hourly_counts.c.uncertain,
        hourly_counts.c.n.label("stored"),
        literal(0).label("counted"),
        literal(1).label("present"),
    )
    hour = func.substr(cast(comments.c.created_at, String(26)), 1, 13)
    key = (predictions.c.model_number, comments.c.platform, hour, predictions.c.label, predictions.c.uncertain)
    counted = (
        select(*key[:2], hour.label("hour"), *key[3:], literal(0), func.count(), literal(0))
        .join_from(predictions, comments, comments.c.number == predictions.c.comment_number)
        .group_by(*key)
    )
    both = union_all(stored, counted).subquery("both_sides")
    columns = [both.c[name] for name in ("model_number", "platform", "hour", "label", "uncertain")]
    sums = [func.sum(both.c.stored), func.sum(both.c.counted)]
    # A count of zero must not be there at all.
    differs = (sums[0] != sums[1]) | ((sums[1] == 0) & (func.sum(both.c.present) > 0))
    query = select(*columns, *sums).group_by(*columns).having(differs).order_by(*columns)
    async with store.reading(patient=True) as connection:
        rows = (await connection.execute(query)).all()
    return [
        CountDifference(model, platform, hour, label, bool(uncertain), int(stored), int(counted))
        for model, platform, hour, label, uncertain, stored, counted in rows
    ]
