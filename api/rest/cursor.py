"""Encode and decode the cursors of keyset pagination, which are opaque to clients."""

import base64
import binascii
import re
from http import HTTPStatus

from api.i18n import gettext
from api.problems import ProblemError
from liuyan.times import from_microseconds, microseconds
from store.comments import Keyset


def encode_cursor(keyset: Keyset) -> str:
    """Encode a keyset as a cursor."""
    return base64.urlsafe_b64encode(f"{microseconds(keyset.created_at)}.{keyset.number}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Keyset:
    """Decode a cursor of ``encode_cursor``. Raises ValueError."""
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        match = re.fullmatch(r"(-?\d{1,18})\.(\d{1,18})", plain, re.ASCII)
        if match is None:
            raise ValueError(cursor)
        return Keyset(from_microseconds(int(match[1])), int(match[2]))
    except (binascii.Error, UnicodeError, OverflowError) as error:
        raise ValueError(cursor) from error


def read_cursor(cursor: str | None) -> Keyset | None:
    """Decode a request's `after`. Raises ProblemError, 422."""
    if cursor is None:
        return None
    try:
        return decode_cursor(cursor)
    except ValueError:
        detail = gettext("query.after: this is not the `next` of a page; omit it to start with the newest.")
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_cursor", detail) from None
