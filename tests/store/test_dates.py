"""All times that the contract accepts, from year 1 to 9999, are stored, listed and counted on every database."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.analytics import Bucket, CountFilter, mix_by_hour_of_week, mix_of_all, mix_over_time
from store.batch import Arrival
from store.check import recount, recount_sums
from store.corrections import audit_accuracy, corrections_by_model, corrections_by_reviewer
from store.ranges import DAY, HOUR, MONTH, cover
from store.search import CommentFilter, list_comments
from store.store import Store
from tests.store.feed import Feed, arrival, microseconds, with_content

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOURS = timedelta(hours=1)
# Sentinel values that publishers send by mistake, and times at which a rounding error would change the bucket.
TIMES = [
    EARLIEST,
    EARLIEST + 14 * HOURS,
    datetime(1, 1, 7, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1, 1, 8, tzinfo=UTC),
    datetime(100, 2, 28, 12, tzinfo=UTC),
    datetime(999, 12, 31, 23, 30, tzinfo=UTC),
    datetime(1582, 10, 10, 6, tzinfo=UTC),
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 28, 23, 59, 59, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 4, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 5, tzinfo=UTC),
    datetime(2000, 2, 29, 15, 45, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
    LATEST,
]
OFFSETS = [timedelta(minutes=minutes) for minutes in (-840, -719, -210, -1, 0, 1, 330, 480, 840)]


def events_at(times: Sequence[datetime]) -> list[Arrival]:
    return [
        with_content(arrival(str(n)), created_at=time, version=microseconds(time))
        for n, time in enumerate(times, start=1)
    ]


@pytest.fixture
async def dated(feed: Feed) -> Store:
    await feed.send(*events_at(TIMES))
    return feed.store


def expected_starts(times: Sequence[datetime], bucket: Bucket, offset: timedelta) -> Counter[datetime]:
    """Count with integers from year 1, which began on a Monday."""
    found: Counter[datetime] = Counter()
    for time in times:
        hour = time.replace(minute=0, second=0, microsecond=0)
        local = (hour - EARLIEST + offset) // timedelta(minutes=1)
        start = timedelta(minutes=local // bucket.value * bucket.value) - offset
        found[EARLIEST + max(start, timedelta(0))] += 1
    return found


def expected_hours(times: Sequence[datetime], offset: timedelta) -> Counter[tuple[int, int]]:
    hours = [(time.replace(minute=0, second=0, microsecond=0) - EARLIEST + offset) // HOURS for time in times]
    return Counter((hour // 24 % 7, hour % 24) for hour in hours)


@pytest.mark.parametrize("offset", OFFSETS, ids=str)
async def test_every_time_is_counted_in_every_time_zone(dated: Store, offset: timedelta) -> None:
    for bucket in Bucket:
        found = await dated.read(mix_over_time, CountFilter(), bucket, offset)
        expected = expected_starts(TIMES, bucket, offset)
        assert [(one.start, one.mix.comments) for one in found] == sorted(expected.items())
    hours = await dated.read(mix_by_hour_of_week, CountFilter(), offset)
    assert {(one.weekday, one.hour): one.mix.comments for one in hours} == expected_hours(TIMES, offset)


async def test_every_time_is_read_back_and_listed_in_order(dated: Store) -> None:
    pages, after = [], None
    while True:
        page = await dated.read(list_comments, CommentFilter(), after, 3)
        pages += [comment.created_at for comment in page.items]
        after = page.next
        if after is None:
            break
    assert pages == sorted(TIMES, reverse=True)
    assert await dated.read(recount) == []
    assert await dated.read(recount_sums) == []


@pytest.mark.parametrize(
    "begin", [None, EARLIEST, datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 5, tzinfo=UTC), LATEST]
)
@pytest.mark.parametrize("end", [None, EARLIEST, datetime(1970, 1, 1, tzinfo=UTC), LATEST])
async def test_every_range_is_counted(dated: Store, begin: datetime | None, end: datetime | None) -> None:
    hours = [time.replace(minute=0, second=0, microsecond=0) for time in TIMES]
    within = [hour for hour in hours if (begin is None or hour >= begin) and (end is None or hour < end)]
    filters = CountFilter(begin, end)
    assert (await dated.read(mix_of_all, filters)).comments == len(within)
    exact = [time for time in TIMES if (begin is None or time >= begin) and (end is None or time < end)]
    listed = await dated.read(list_comments, CommentFilter(created_from=begin, created_to=end), None, 100)
    assert [comment.created_at for comment in listed.items] == sorted(exact, reverse=True)
    assert await dated.read(corrections_by_reviewer, filters) == []
    assert await dated.read(corrections_by_model, filters) == []
    assert await dated.read(audit_accuracy, filters) == []


@given(st.datetimes(), st.datetimes())
@settings(deadline=None)
def test_cover_leaves_no_gaps(one: datetime, other: datetime) -> None:
    begins, ends = sorted((one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)))
    at: datetime | None = begins
    for time_range in cover(begins, ends, (MONTH, DAY, HOUR)):
        assert time_range.begins == at
        at = time_range.ends
    assert at == ends
