"""A time range is covered once, by the coarsest buckets that fit."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from store.ranges import DAY, HOUR, MONTH, TimeRange, bucket_of, cover
from store.types import stored_time, time_text

TIMES = st.datetimes(datetime(2023, 11, 1), datetime(2026, 3, 1)).map(lambda time: time.replace(tzinfo=UTC))


def test_two_years_are_months_with_days_and_hours_at_the_ends() -> None:
    begins, ends = datetime(2024, 1, 30, 16, tzinfo=UTC), datetime(2026, 1, 2, 16, tzinfo=UTC)
    found = [(one.bucket, one.begins, one.ends) for one in cover(begins, ends, (MONTH, DAY, HOUR))]
    assert found == [
        ("hour", begins, datetime(2024, 1, 31, tzinfo=UTC)),
        ("day", datetime(2024, 1, 31, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)),
        ("month", datetime(2024, 2, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        ("day", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        ("hour", datetime(2026, 1, 2, tzinfo=UTC), ends),
    ]


def test_open_ends_use_the_coarsest_bucket() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert cover(None, None, (MONTH, DAY, HOUR)) == [TimeRange("month", None, None)]
    assert cover(since, None, (DAY, HOUR)) == [TimeRange("day", since, None)]
    assert cover(None, since + timedelta(minutes=5), (DAY, HOUR)) == [
        TimeRange("day", None, since),
        TimeRange("hour", since, since + timedelta(minutes=5)),
    ]


@given(TIMES, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_cover_has_no_gaps_and_whole_buckets(begins: datetime, length: timedelta) -> None:
    at = begins
    for time_range in cover(begins, begins + length, (MONTH, DAY, HOUR)):
        assert time_range.begins == at
        assert time_range.ends is not None
        at = time_range.ends
        if time_range.bucket != HOUR:
            assert bucket_of(time_range.bucket, time_range.begins) == time_range.begins
            assert bucket_of(time_range.bucket, time_range.ends) == time_range.ends
    assert at == begins + length


# Far enough from the first and the last day that a time zone cannot leave the years 1 to 9999.
@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)), st.timedeltas(timedelta(hours=-14), timedelta(hours=14))
)
def test_buckets_and_the_text_of_a_time_are_in_utc(time: datetime, offset: timedelta) -> None:
    utc = time.replace(tzinfo=UTC)
    local = utc.astimezone(timezone(timedelta(minutes=offset // timedelta(minutes=1))))
    hour = utc.replace(minute=0, second=0, microsecond=0)
    assert [bucket_of(bucket, local) for bucket in (HOUR, DAY, MONTH)] == [
        hour,
        hour.replace(hour=0),
        hour.replace(hour=0, day=1),
    ]
    assert time_text(local) == time.isoformat(" ", "microseconds")
    assert stored_time(time_text(local)) == utc
