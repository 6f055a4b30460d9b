"""The number of comments per day as a small chart that needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from babel.dates import format_date

from api.i18n import get_locale, get_tzinfo
from api.services import Services
from store.analytics import Bucket, CountFilter, TimeMix, mix_over_time

DAYS = 14
HEIGHT = 40


@dataclass(frozen=True, slots=True)
class TrendDay:
    """One day; ``height`` is that of its bar, at most HEIGHT."""

    words: str
    comments: int
    height: int


async def read_trend(services: Services) -> list[TrendDay]:
    """Return the last DAYS days, in the time zone of the request, oldest first; empty without any comment."""
    zone = get_tzinfo()
    today = services.now().astimezone(zone)
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight - timedelta(days=DAYS - 1)
    offset = today.utcoffset() or timedelta()
    async with services.store.reading() as connection:
        counted = await mix_over_time(connection, CountFilter(created_from=first), Bucket.DAY, offset)
    return _bars(_by_day(counted, midnight), first.date())


def _by_day(counted: Sequence[TimeMix], midnight: datetime) -> dict[date, int]:
    # At noon, so that a change of the clocks does not move a bucket to the day before.
    noon = timedelta(hours=12)
    return {(one.start + noon).astimezone(midnight.tzinfo).date(): one.mix.comments for one in counted}


def _bars(counts: dict[date, int], first: date) -> list[TrendDay]:
    days = [first + timedelta(days=number) for number in range(DAYS)]
    most = max((counts.get(day, 0) for day in days), default=0)
    if not most:
        return []
    return [
        TrendDay(format_date(day, "medium", get_locale()), counts.get(day, 0), -(-HEIGHT * counts.get(day, 0) // most))
        for day in days
    ]
