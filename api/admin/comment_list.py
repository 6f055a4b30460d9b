"""The comments of one page of the list in the chosen order, and their export."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from starlette.requests import Request

from api.admin.page import identity_of, number_or_none, services_of
from api.admin.paging import position_in, url_at, url_with
from api.admin.typed_filter import TypedFilter
from api.i18n import lazy_gettext
from api.rest.comment_schemas import CommentFields
from api.services import Services
from api.spreadsheets import BYTE_ORDER_MARK, csv_line
from store import search
from store.comments import Keyset, LabelledComment
from store.search import CommentFilter, Count

PAGE_ROWS = 50
EXPORT_PAGE, EXPORT_AT_MOST = 500, 100_000
COLUMNS = (
    *("platform", "id", "created_at", "edited_at", "author", "thread"),
    *("label", "label_source", "probability", "uncertain", "text"),
)


class Sort(StrEnum):
    """The order of the list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    POSITIVE = "positive"
    NEGATIVE = "negative"


SORT_WORDS = {
    Sort.NEWEST: lazy_gettext("Newest first"),
    Sort.OLDEST: lazy_gettext("Oldest first"),
    Sort.POSITIVE: lazy_gettext("Most positive first"),
    Sort.NEGATIVE: lazy_gettext("Most negative first"),
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list. ``next`` is the URL of the next one, None on the last.

    ``position`` is where the next page of a list in order of time begins; ``searched_to`` is set if the time limit
    ended the search before the page was full. ``sorted`` counts the comments that were sorted by probability.
    """

    sort: Sort
    items: Sequence[LabelledComment]
    next: str | None
    beginning: bool
    position: Keyset | None = None
    searched_to: datetime | None = None
    sorted: Count | None = None


async def list_page(request: Request, typed: TypedFilter[CommentFields]) -> Listed:
    """Return the page that the URL asks for; it is empty if the filter is invalid."""
    asked = request.query_params.get("sort", "")
    sort = Sort(asked) if asked in list(Sort) else Sort.NEWEST
    if typed.fields is None:
        return Listed(sort, [], None, beginning=True)
    if sort in (Sort.NEWEST, Sort.OLDEST):
        return await _by_time(request, typed.fields.to_filter(), sort)
    return await _by_probability(request, typed.fields.to_filter(), sort)


async def _by_time(request: Request, filter: CommentFilter, sort: Sort) -> Listed:
    after, oldest_first = position_in(request), sort is Sort.OLDEST
    async with services_of(request).store.reading() as connection:
        reader = identity_of(request).user_number
        page = await search.list_comments(connection, filter, after, PAGE_ROWS, reader, oldest_first=oldest_first)
    next = url_at(request, page.next) if page.next else None
    return Listed(sort, page.items, next, after is None, page.next, page.searched_to)


async def _by_probability(request: Request, filter: CommentFilter, sort: Sort) -> Listed:
    start = min(number_or_none(request.query_params.get("start")) or 0, search.COUNT_AT_MOST)
    async with services_of(request).store.reading() as connection:
        page = await search.list_by_probability(
            connection,
            filter,
            identity_of(request).user_number,
            highest_first=sort is Sort.POSITIVE,
            start=start,
            limit=PAGE_ROWS,
        )
    next = url_with(request, start=start + PAGE_ROWS, after=None) if page.more else None
    return Listed(sort, page.items, next, start == 0, sorted=page.of)


async def export_lines(services: Services, filter: CommentFilter, reader: int) -> AsyncIterator[str]:
    """Yield the newest EXPORT_AT_MOST matches as CSV, EXPORT_PAGE at a time."""
    yield BYTE_ORDER_MARK + csv_line(COLUMNS)
    after, left = None, EXPORT_AT_MOST
    while left > 0:
        page = await services.store.read(search.list_comments, filter, after, min(EXPORT_PAGE, left), reader)
        yield "".join(csv_line(_cells(comment)) for comment in page.items)
        after, left = page.next, left - len(page.items)
        if after is None:
            return


def _cells(comment: LabelledComment) -> list[object]:
    values = {name: getattr(comment, name) for name in COLUMNS}
    return [value.isoformat() if isinstance(value, datetime) else value for value in values.values()]
