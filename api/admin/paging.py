"""Keyset pagination of lists, with the position in the page's URL."""

from urllib.parse import urlencode

from starlette.requests import Request

from api.rest.cursor import decode_cursor, encode_cursor
from store.comments import Keyset


def position_in(request: Request) -> Keyset | None:
    """Return the position in the URL; None, the first page, if it is missing or invalid."""
    try:
        return decode_cursor(request.query_params.get("after", ""))
    except ValueError:
        return None


def url_at(request: Request, position: Keyset | None) -> str:
    """Return the query of this page's URL with another position."""
    return url_with(request, after=encode_cursor(position) if position else None)


def url_with(request: Request, **changes: object) -> str:
    """Return the query of this page's URL with other values of these parameters; None removes one."""
    kept = {name: value for name, value in request.query_params.items() if value and name not in changes}
    return "?" + urlencode({**kept, **{name: value for name, value in changes.items() if value is not None}})
