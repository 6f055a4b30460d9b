"""Convert times from RFC 3339, and to and from microseconds since 1970."""

import re
from datetime import UTC, datetime, timedelta

from liuyan.errors import UsageError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
# Minute and second of an RFC 3339 time.
MINUTE_AND_SECOND = slice(14, 19)


def parse_rfc3339(text: str) -> datetime:
    """Parse RFC 3339 with an offset into a time in UTC. Digits after microseconds are truncated.

    Raises ValueError with a message that follows the field's name: "must be a time ...".
    """
    if not RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 time with offset, such as 2026-01-31T08:15:00+08:00")
    try:
        # RFC 3339 allows leap seconds, which datetime does not support: use the first second of the next minute.
        if text[MINUTE_AND_SECOND] == "59:60":
            return parse_rfc3339(f"{text[:17]}59{text[19:]}") + timedelta(seconds=1)
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be an existing time in the years 1 to 9999 in UTC") from None


def parse_time_option(option: str, text: str) -> datetime:
    """Parse the value of a command's option, a date or a time; UTC if it has no offset. Raises UsageError."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except ValueError:
        raise UsageError(
            f"Invalid {option} {text!r}. Use a format such as 2026-01-31 or 2026-01-31T08:15:00+08:00."
        ) from None
    except OverflowError:
        raise UsageError(f"Invalid {option}: the time must be in the years 1 to 9999 in UTC.") from None


def microseconds(time: datetime) -> int:
    """Return the microseconds from 1970 to ``time``, which must have a time zone."""
    return (time - EPOCH) // MICROSECOND


def from_microseconds(number: int) -> datetime:
    """Return the UTC time ``number`` microseconds after 1970. Raises OverflowError outside the years 1 to 9999."""
    return EPOCH + number * MICROSECOND
