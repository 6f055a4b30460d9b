"""RFC 3339 is parsed alike in events and in the REST API, and microseconds convert both ways."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ValidationError

from api.rest.fields import Time
from liuyan.times import from_microseconds, microseconds, parse_rfc3339

READ = [
    ("2026-01-31T08:15:00Z", datetime(2026, 1, 31, 8, 15, tzinfo=UTC)),
    ("2026-01-31t08:15:00.5z", datetime(2026, 1, 31, 8, 15, 0, 500_000, tzinfo=UTC)),
    ("2026-01-31T08:15:00.1234567+08:00", datetime(2026, 1, 31, 0, 15, 0, 123_456, tzinfo=UTC)),
    ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ("2016-12-31T23:59:60.9999999999999999z", datetime(2017, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)),
]
REFUSED = [
    "",
    "2026-01-31",
    "2026-01-31T08:15:00",
    "2026-01-31 08:15:00Z",
    "2026-02-30T08:15:00Z",
    "2026-01-31T08:15:60Z",
    "2026-01-31T08:15:61Z",
    "9999-12-31T23:59:60Z",
    "20260131T081500Z",
    "2026-W05-6T08:15:00Z",
    "2026-01-31T08:15:00,5Z",
    "2026-01-31T08:15:00+08:00:01",
    "0001-01-01T00:00:00+08:00",
]


class Query(BaseModel):
    at: Time


@pytest.mark.parametrize(("text", "time"), READ)
def test_times_are_parsed(text: str, time: datetime) -> None:
    assert parse_rfc3339(text) == time
    assert Query.model_validate({"at": text}).at == time


@pytest.mark.parametrize("text", REFUSED)
def test_invalid_times_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an "):
        parse_rfc3339(text)
    with pytest.raises(ValidationError, match=r"write the time as RFC 3339|no such time"):
        Query.model_validate({"at": text})


@pytest.mark.parametrize("number", [-62_135_596_800_000_000, -1, 0, 1_769_818_500_000_001])
def test_microseconds_convert_both_ways(number: int) -> None:
    assert microseconds(from_microseconds(number)) == number
