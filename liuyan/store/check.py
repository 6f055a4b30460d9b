"""Proves the books: every count that is kept by differences must equal what counting the rows gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, func, literal, select, union_all

from liuyan.store.decide import ALL_PLATFORMS
from liuyan.store.store import Store
from liuyan.store.tables import comments, count_sums, hourly_counts, predictions, review_changes


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


@dataclass(frozen=True, slots=True)
class SumDifference:
    """A sum of counts, or a count of reviewed comments, that is not what it is kept from. ``table`` names where it
    stands, ``key`` are the values that lead to it."""

    table: str
    key: tuple[Any, ...]
    stored: int
    counted: int


async def recount(store: Store) -> list[CountDifference]:
    """Every hourly count that differs from the rows; none is how it should be. Reads every comment.

    One statement reads both sides, so that a consumer may go on writing. Raises TransientStoreError.
    """
    of = hourly_counts.c
    stored = select(of.model_number, of.platform, _hour(of.hour), of.label, of.uncertain, of.n)
    hour = _hour(comments.c.created_at)
    key = (predictions.c.model_number, comments.c.platform, hour, predictions.c.label, predictions.c.uncertain)
    rows = await _differences(store, stored, _labelled(*key))
    return [
        CountDifference(model, platform, hour, label, bool(uncertain), stored, counted)
        for model, platform, hour, label, uncertain, stored, counted in rows
    ]


async def recount_sums(store: Store) -> list[SumDifference]:
    """Every sum of hourly counts that differs from them, and every count of reviewed comments that differs from the
    rows; none is how it should be. Raises TransientStoreError."""
    sums = await _differences(store, _stored_sums(), _counted_sums(), zeros=True)
    of = review_changes.c
    changes = select(of.model_number, of.platform, _hour(of.hour), of.label, of.uncertain, of.reviewed_label, of.n)
    said, hour = predictions.c, _hour(comments.c.created_at)
    key = (said.model_number, comments.c.platform, hour, said.label, said.uncertain, comments.c.review_label)
    reviewed = await _differences(store, changes, _labelled(*key).where(comments.c.review_label.is_not(None)))
    found = [("count_sums", row) for row in sums] + [("review_changes", row) for row in reviewed]
    return [SumDifference(table, tuple(row[:-2]), row[-2], row[-1]) for table, row in found]


def _hour(time: ColumnElement[Any], characters: int = 13) -> ColumnElement[str]:
    """A time as text, cut off behind the hour: the same way on every database."""
    return func.substr(cast(time, String(26)), 1, characters)


def _labelled(*key: ColumnElement[Any]) -> Select[Any]:
    """The key of each labelled comment, and how many there are."""
    labelled = select(*key, func.count()).join_from(
        predictions, comments, comments.c.number == predictions.c.comment_number
    )
    return labelled.group_by(*key)


def _stored_sums() -> Select[Any]:
    of = count_sums.c
    # Of a platform's day the text ends behind the day.
    begins = case((of.platform == ALL_PLATFORMS, _hour(of.begins)), else_=_hour(of.begins, 10))
    parts = [
        select(of.model_number, of.platform, begins, literal(name), of[name])
        for name in ("positive", "negative", "uncertain")
    ]
    return _all_of(parts)


def _counted_sums() -> Select[Any]:
    of = hourly_counts.c
    by_hour = (of.model_number, literal(ALL_PLATFORMS), _hour(of.hour))
    by_day = (of.model_number, of.platform, _hour(of.hour, 10))
    parts = []
    for key in (by_hour, by_day):
        parts += [select(*key, of.label, of.n), select(*key, literal("uncertain"), of.n).where(of.uncertain)]
    return _all_of(parts)


def _all_of(parts: Sequence[Select[Any]]) -> Select[Any]:
    # A column that one part gives as a literal has no name of its own.
    named = [part.subquery(f"part_{at}") for at, part in enumerate(parts)]
    renamed = [select(*(column.label(f"c{n}") for n, column in enumerate(part.c))) for part in named]
    return select(union_all(*renamed).subquery("all_parts"))


async def _differences(
    store: Store, stored: Select[Any], counted: Select[Any], *, zeros: bool = False
) -> list[Sequence[Any]]:
    """Keys with what is stored and what was counted, where these differ. Of each query the last column is the count;
    a stored count of zero is a difference too, unless ``zeros`` may be there."""
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
    differs = sums[0] != sums[1]
    if not zeros:
        differs |= (sums[1] == 0) & (func.sum(both.c.present) > 0)
    query = select(*columns, *sums).group_by(*columns).having(differs).order_by(*columns)
    async with store.reading(patient=True) as connection:
        rows = (await connection.execute(query)).all()
    return [(*row[:-2], int(row[-2]), int(row[-1])) for row in rows]
