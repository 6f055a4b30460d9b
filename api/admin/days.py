"""Parse days that people choose in forms."""

from datetime import datetime, timedelta

from api.i18n import in_utc


def start_of_day(text: str | None) -> datetime | None:
    """Return the start of a day in the time zone of the request; None if it is invalid."""
    try:
        return in_utc(datetime.fromisoformat(text[:10])) if text else None
    except ValueError:
        return None


def end_of_day(text: str | None) -> datetime | None:
    """Return the end of a day in the time zone of the request; None for the last day that datetime can hold."""
    day = start_of_day(text)
    try:
        return day + timedelta(days=1) if day else None
    except OverflowError:
        return None
