"""The place in a list at which the next page begins, as the opaque text that clients hand back."""

import base64
import binascii
import re
from http import HTTPStatus

from api.i18n import gettext
from api.problems import ProblemError
from liuyan.times import from_microseconds, microseconds
from store.comments import Keyset


def encode_cursor(keyset: Keyset) -> str:
    """A keyset as the opaque text that clients hand back."""
    return base64.urlsafe_b64encode(f"{microseconds(keyset.created_at)}.{keyset.number}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Keyset:
    """What ``encode_cursor`` made. Raises ValueError."""
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        match = re.fullmatch(r"(-?\d{1,18})\.(\d{1,18})", plain, re.ASCII)
        if match is None:
            raise ValueError(cursor)
        return Keyset(from_microseconds(int(match[1])), int(match[2]))
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
