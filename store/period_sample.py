"""Read the comments of a period, or a sample of them, to find out what moved the share of negative comments.

The sample is drawn in clusters: hours are chosen with a probability proportional to their number of comments, and the
same number of comments is read from each, so every comment has the same chance. The hourly counts are read instead of
the comments, so the cost does not depend on how many comments the period has.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.analytics import CountFilter, read_model_number
from store.comments import ShownLabel
from store.merge import ALL_PLATFORMS
from store.ranges import HOUR, TimeRange, bucket_of, within
from store.tables import comments, count_sums, predictions

# Comments read of a period at most, and the hours that they come from if it has more.
SAMPLE, CLUSTERS = 5_000, 100
# Longer periods have too many hours.
LONGEST_PERIOD = timedelta(days=366)
# The rest of a long comment adds little.
LONGEST_TEXT = 1_000
ONE_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SampledComment:
    """A comment that the model has labelled; ``negative`` refers to the shown label."""

    platform: str
    thread: str | None
    author: str | None
    text: str
    negative: bool


@dataclass(frozen=True, slots=True)
class PeriodSample:
    """Comments of a period, and how many it has; ``comments`` are all of them unless there are more than SAMPLE."""

    comments: Sequence[SampledComment]
    total: int


async def sample_period(connection: AsyncConnection, filters: CountFilter) -> PeriodSample:
    """Return the comments that the model has labelled in the hours of ``filters``, or a sample of them.

    ``filters`` has both ends of the period, at most LONGEST_PERIOD apart. Raises TransientStoreError.
    """
    model = await read_model_number(connection, filters)
    if model is None or filters.created_from is None or filters.created_to is None:
        return PeriodSample([], 0)
    first, last = bucket_of(HOUR, filters.created_from), bucket_of(HOUR, filters.created_to)
    hours = await _hours(connection, model, filters.platform, first, last)
    total = sum(n for _, n in hours)
    if total <= SAMPLE:
        return PeriodSample(await _read(connection, model, filters.platform, first, last, SAMPLE), total)
    found: list[SampledComment] = []
    for hour, clusters in _clusters(hours, total):
        limit = clusters * SAMPLE // CLUSTERS
        found += await _read(connection, model, filters.platform, hour, hour + ONE_HOUR, limit)
    return PeriodSample(found, total)


def _clusters(hours: Sequence[tuple[datetime, int]], total: int) -> list[tuple[datetime, int]]:
    """Choose CLUSTERS hours, evenly among the comments; an hour with many comments is chosen several times."""
    ends = list(accumulate(n for _, n in hours))
    chosen = Counter(bisect_right(ends, (cluster + 0.5) * total / CLUSTERS) for cluster in range(CLUSTERS))
    return [(hours[index][0], clusters) for index, clusters in sorted(chosen.items())]


async def _hours(
    connection: AsyncConnection, model: int, platform: str | None, first: datetime, last: datetime
) -> list[tuple[datetime, int]]:
    """Return the hours with labelled comments and their number, oldest first."""
    of = count_sums.c
    query = select(of.begins, of.positive + of.negative).where(
        of.model_number == model,
        of.platform == (platform or ALL_PLATFORMS),
        *within(count_sums, TimeRange(HOUR, first, last)),
    )
    return [(hour, int(n)) for hour, n in await connection.execute(query.order_by(of.begins))]


async def _read(
    connection: AsyncConnection, model: int, platform: str | None, first: datetime, last: datetime, limit: int
) -> list[SampledComment]:
    of = comments.c
    label = func.coalesce(of.review_label, predictions.c.label)
    text = func.substr(of.text, 1, LONGEST_TEXT).label("text")
    same = (predictions.c.comment_number == of.number) & (predictions.c.model_number == model)
    query = (
        select(of.platform, of.thread, of.author, text, (label == ShownLabel.NEGATIVE).label("negative"))
        .join_from(comments, predictions, same)
        .where(of.created_at >= first, of.created_at < last, *([] if platform is None else [of.platform == platform]))
        .order_by(of.created_at, of.number)
        .limit(limit)
    )
    index = "comments_by_time" if platform is None else "comments_by_platform_and_time"
    rows = await connection.execute(query.with_hint(comments, f"FORCE INDEX ({index})", "mysql"))
    return [SampledComment(row.platform, row.thread, row.author, row.text, bool(row.negative)) for row in rows]
