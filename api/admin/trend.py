"""The number of comments per day as a small chart that needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from babel.dates import format_date

from api.i18n import get_locale, get_tzinfo
from api.services import Services
from store.analytics import Bucket, CountFilter, Mix, TimeMix, mix_over_time

DAYS = 14
HEIGHT = 40


@dataclass(frozen=True, slots=True)
class TrendDay:
    """One day with its comments by label; ``height`` is that of its bar, at most HEIGHT."""

    words: str
    comments: int
    positive: int
    negative: int
    height: int


async def read_trend(services: Services, platform: str | None = None) -> list[TrendDay]:
    """Return the last DAYS days, in the time zone of the request, oldest first; empty without any comment.

    None counts all platforms.
    """
    zone = get_tzinfo()
    today = services.now().astimezone(zone)
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight - timedelta(days=DAYS - 1)
    offset = today.utcoffset() or timedelta()
    async with services.store.reading() as connection:
        counted = await mix_over_time(connection, CountFilter(first, platform=platform), Bucket.DAY, offset)
    return _bars(_by_day(counted, midnight), first.date())


def _by_day(counted: Sequence[TimeMix], midnight: datetime) -> dict[date, Mix]:
    # At noon, so that a change of the clocks does not move a bucket to the day before.
    noon = timedelta(hours=12)
    return {(one.start + noon).astimezone(midnight.tzinfo).date(): one.mix for one in counted}


def _bars(mixes: dict[date, Mix], first: date) -> list[TrendDay]:
    days = {day: mixes.get(day, Mix()) for day in (first + timedelta(days=number) for number in range(DAYS))}
    most = max(mix.comments for mix in days.values())
    if not most:
        return []
    return [
        TrendDay(
            format_date(day, "medium", get_locale()),
            *(mix.comments, mix.positive, mix.negative),
            height=-(-HEIGHT * mix.comments // most),
        )
        for day, mix in days.items()
    ]
