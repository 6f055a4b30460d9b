"""Times as text and as numbers: RFC 3339, and microseconds since 1970."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def parse_rfc3339(text: str) -> datetime:
    """Read RFC 3339 with an offset as a time in UTC; digits after the microsecond are cut off.

    Raises ValueError with a sentence that continues the name of the field: "must be a time ...".
    """
    match = RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("must be a time as RFC 3339 with an offset, like 2026-01-31T08:15:00+08:00")
    day, minute, second, fraction, offset = match.groups()
    microsecond = ((fraction or "") + "000000")[:6]
    # RFC 3339 allows a leap second, which Python's datetime does not know: it is the first of the next minute.
    leap = timedelta(seconds=1) if second == "60" and minute.endswith(":59") else timedelta(0)
    try:
        time = datetime.fromisoformat(f"{day}T{minute}:{'59' if leap else second}.{microsecond}{offset.upper()}")
        return time.astimezone(UTC) + leap
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists, from year 1 to 9999 in UTC") from None


def microseconds(time: datetime) -> int:
    """Microseconds from 1970 to ``time``, which has a time zone."""
    return (time - EPOCH) // MICROSECOND


def from_microseconds(number: int) -> datetime:
    """The time in UTC that is ``number`` microseconds after 1970. Raises OverflowError outside the years 1 to 9999."""
    return EPOCH + number * MICROSECOND
