"""Compare the share of negative comments in a period with that in earlier periods, from sums of hourly counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from store.analytics import CountFilter, Mix, mix_of_all
from store.intervals import p_of_difference

WEEK = timedelta(weeks=1)


class Baseline(StrEnum):
    """The earlier period: the one directly before, or the latest one with the same weekdays."""

    PREVIOUS = "previous"
    SAME_WEEKDAYS = "same_weekdays"


@dataclass(frozen=True, slots=True)
class Change:
    """A period, as ``now``, and an earlier one, ``before``, which began ``shift`` earlier; both have comments."""

    baseline: Baseline
    shift: timedelta
    now: Mix
    before: Mix

    @property
    def difference(self) -> float:
        """The difference of both shares of negative comments, -1..1."""
        return self.now.negative / self.now.comments - self.before.negative / self.before.comments

    @property
    def p_value(self) -> float:
        """The two-sided p-value of the difference."""
        return p_of_difference(self.now.negative, self.now.comments, self.before.negative, self.before.comments)


def baselines(filters: CountFilter) -> dict[Baseline, CountFilter]:
    """Return the earlier periods of the same length that exist.

    The same weekdays are only listed if they are not the previous period. None begins before year 1.
    """
    begin, end = filters.created_from, filters.created_to
    if begin is None or end is None:
        return {}
    length = end - begin
    shifts = {Baseline.PREVIOUS: length, Baseline.SAME_WEEKDAYS: -(-length // WEEK) * WEEK}
    if shifts[Baseline.SAME_WEEKDAYS] == length:
        del shifts[Baseline.SAME_WEEKDAYS]
    earliest = datetime.min.replace(tzinfo=begin.tzinfo)
    return {
        name: replace(filters, created_from=begin - shift, created_to=end - shift)
        for name, shift in shifts.items()
        if begin - earliest >= shift
    }


async def read_changes(connection: AsyncConnection, filters: CountFilter) -> Sequence[Change]:
    """Compare the period of ``filters`` with each of its baselines that has comments. Raises TransientStoreError."""
    now = await mix_of_all(connection, filters)
    if not now.comments:
        return []
    found = []
    for name, earlier in baselines(filters).items():
        before = await mix_of_all(connection, earlier)
        if before.comments and filters.created_from is not None and earlier.created_from is not None:
            found.append(Change(name, filters.created_from - earlier.created_from, now, before))
    return found
