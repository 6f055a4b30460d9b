"""How many stored comments a model has labelled, and how, from counts: the cost does not depend on the comments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, String, Table, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.analytics import CountFilter, read_model_number
from store.merge import ALL_PLATFORMS
from store.models import read_models
from store.ranges import DAY, HOUR, cover, within
from store.tables import comment_counts, count_sums


@dataclass(frozen=True, slots=True)
class Coverage:
    """Stored comments, and those of them that a model has labelled."""

    comments: int = 0
    labelled: int = 0

    @property
    def missing(self) -> int:
        """The number of comments that the model has not labelled."""
        return max(0, self.comments - self.labelled)

    @property
    def share(self) -> float:
        """The share of comments that the model has labelled, 0..1; 1 if there are no comments."""
        return min(1.0, self.labelled / self.comments) if self.comments else 1.0


@dataclass(frozen=True, slots=True)
class ModelTotals:
    """A model's labels of all comments. ``undecided`` are uncertain comments without a review.

    ``decided`` are comments reviewed as positive or negative; the model labels ``right`` of them the same.
    """

    coverage: Coverage = Coverage()
    positive: int = 0
    uncertain: int = 0
    undecided: int = 0
    decided: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class MonthCoverage:
    """The coverage of the comments created in a month (UTC), formatted ``2026-01``."""

    month: str
    coverage: Coverage


async def read_totals(connection: AsyncConnection) -> Mapping[int, ModelTotals]:
    """Return the totals of each registered model, by number. Raises TransientStoreError."""
    of = count_sums.c
    known = await read_models(connection)
    comments = await _total(connection, CountFilter(), comment_counts, comment_counts.c.n)
    sums = (of.positive, of.negative, of.uncertain, of.unclear, of.spam, of.reviewed, of.corrected)
    undecided = of.uncertain_positive + of.uncertain_negative
    query = select(of.model_number, *(func.sum(one) for one in (*sums, undecided)))
    # Naming the models lets the query read ranges of the primary key.
    query = query.where(of.model_number.in_(known), of.bucket == HOUR, of.platform == ALL_PLATFORMS)
    query = query.group_by(of.model_number)
    found = {row[0]: _totals(comments, *map(int, row[1:])) for row in await connection.execute(query)}
    none = ModelTotals(Coverage(comments))
    return {number: found.get(number, none) for number in known}


def _totals(
    comments: int,
    positive: int,
    negative: int,
    uncertain: int,
    unclear: int,
    spam: int,
    reviewed: int,
    corrected: int,
    undecided: int,
) -> ModelTotals:
    """Build totals from sums. A review as unclear or spam always differs from the model's label."""
    decided = reviewed - unclear - spam
    right = reviewed - corrected
    return ModelTotals(Coverage(comments, positive + negative), positive, uncertain, undecided, decided, right)


async def coverage_by_month(connection: AsyncConnection, number: int) -> Sequence[MonthCoverage]:
    """Return a model's coverage of each month with comments, newest first. Raises TransientStoreError."""
    of = count_sums.c
    counts = await _by_month(connection, comment_counts, comment_counts.c.n)
    labelled = await _by_month(connection, count_sums, of.positive + of.negative, of.model_number == number)
    return [MonthCoverage(month, Coverage(n, labelled.get(month, 0))) for month, n in sorted(counts.items())[::-1]]


async def count_unlabelled(connection: AsyncConnection, filters: CountFilter) -> int:
    """Return how many of the comments that match the model has not labelled. Raises TransientStoreError."""
    number = await read_model_number(connection, filters)
    if number is None:
        return 0
    of = count_sums.c
    comments = await _total(connection, filters, comment_counts, comment_counts.c.n)
    labelled = await _total(connection, filters, count_sums, of.positive + of.negative, of.model_number == number)
    return Coverage(comments, labelled).missing


async def _total(
    connection: AsyncConnection,
    filters: CountFilter,
    table: Table,
    n: ColumnElement[int],
    *conditions: ColumnElement[bool],
) -> int:
    """Add up ``n`` over the time range and platform of ``filters``. Only single platforms have sums by day."""
    total = 0
    for time_range in cover(filters.created_from, filters.created_to, [DAY, HOUR] if filters.platform else [HOUR]):
        place = (table.c.platform == (filters.platform or ALL_PLATFORMS), *within(table, time_range))
        query = select(func.coalesce(func.sum(n), 0)).where(*conditions, *place)
        total += int((await connection.execute(query)).scalar_one())
    return total


async def _by_month(
    connection: AsyncConnection, table: Table, n: ColumnElement[int], *conditions: ColumnElement[bool]
) -> dict[str, int]:
    month = func.substr(cast(table.c.begins, String(26)), 1, 7).label("month")
    query = select(month, func.sum(n)).where(*conditions, table.c.bucket == HOUR, table.c.platform == ALL_PLATFORMS)
    return {month: int(counted) for month, counted in await connection.execute(query.group_by(month))}
