"""The place in a list that a page's URL names, so that a page can be bookmarked and the browser's buttons work."""

from urllib.parse import urlencode

from starlette.requests import Request

from api.rest.cursor import decode_cursor, encode_cursor
from store.comments import Keyset


def place_in(request: Request) -> Keyset | None:
    """The place in the URL; whoever typed another one begins with the newest."""
    try:
        return decode_cursor(request.query_params.get("after", ""))
    except ValueError:
        return None


def address_at(request: Request, place: Keyset | None) -> str:
    """This page's address with another place."""
    kept = [(name, value) for name, value in request.query_params.items() if name != "after" and value]
    return "?" + urlencode([*kept, *([("after", encode_cursor(place))] if place else [])])
