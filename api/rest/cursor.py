"""The place in a list at which the next page begins, as the opaque text that clients hand back."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from starlette_admin.i18n import gettext

from api.problems import ProblemError
from store.comments import Keyset

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def encode_cursor(keyset: Keyset) -> str:
    """A keyset as the opaque text that clients hand back."""
    microseconds = (keyset.created_at - EPOCH) // MICROSECOND
    return base64.urlsafe_b64encode(f"{microseconds}.{keyset.number}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Keyset:
    """What ``encode_cursor`` made. Raises ValueError."""
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        match = re.fullmatch(r"(-?\d{1,18})\.(\d{1,18})", plain, re.ASCII)
        if match is None:
            raise ValueError(cursor)
        return Keyset(EPOCH + int(match[1]) * MICROSECOND, int(match[2]))
    except (binascii.Error, UnicodeError, OverflowError) as error:
        raise ValueError(cursor) from error


def read_cursor(cursor: str | None) -> Keyset | None:
    """The place that a request's `after` names. Raises ProblemError."""
    if cursor is None:
        return None
    try:
        return decode_cursor(cursor)
    except ValueError:
        detail = gettext("query.after: this is not the `next` of a page; leave it out to begin with the newest.")
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_cursor", detail) from None
