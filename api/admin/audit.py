"""The audit log page for administrators: every change with its user and time, with filters and a CSV export."""

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from typing import ClassVar
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.admin.audit_words import ACTION_WORDS, KIND_WORDS, detail_lines
from api.admin.days import end_of_day, start_of_day
from api.admin.page import Page, identity_of, number_or_none, route, services_of
from api.i18n import lazy_gettext
from api.identity.observations import Observation
from api.identity.roles import Role
from api.rest.cursor import decode_cursor, encode_cursor
from api.services import Services
from store.audit import AuditFilter, AuditRecord, list_records
from store.comments import Keyset

PAGE = 50
EXPORT_PAGE = 500
EXPORT_AT_MOST = 100_000
# Spreadsheets treat a cell that starts with one of these as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    *("number", "at", "user_number", "user_name", "via", "address", "token_number", "request_id"),
    *("action", "object_kind", "object_id", "detail"),
)
VIA_WORDS = {
    "session": lazy_gettext("web page"),
    "token": lazy_gettext("API token"),
    "command": lazy_gettext("command line"),
    "anonymous": lazy_gettext("not signed in"),
}


class AuditPage(Page):
    """The changes, newest first."""

    path = "/audit"
    menu_label = lazy_gettext("Audit log")
    icon = "fa-solid fa-clipboard-list"
    role: ClassVar[Role | None] = Role.ADMIN
    template = "audit.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return one page of changes."""
        after = _keyset(request)
        async with services_of(request).store.reading() as connection:
            page = await list_records(connection, read_filter(request), after, PAGE)
        typed = {name: value for name, value in request.query_params.items() if value and name != "after"}
        return {
            "records": page.items,
            "typed": typed,
            "via": VIA_WORDS,
            "actions": ACTION_WORDS,
            "kinds": KIND_WORDS,
            "lines": detail_lines,
            "filters": urlencode(typed),
            "more": urlencode({**typed, "after": encode_cursor(page.next)}) if page.next else None,
            "first": after is None,
        }

    @route("/export.csv", name="audit-export")
    async def export(self, request: Request) -> Response:
        """Download the filtered changes as CSV."""
        services, actor = services_of(request), identity_of(request).actor
        observed = Observation("audit.export", "audit", "", str(actor.user_number))
        await services.observations.record(services.store, actor, observed)
        lines = export_lines(services, read_filter(request))
        name = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=name)


def read_filter(request: Request) -> AuditFilter:
    """Parse the filter in the URL; invalid values are ignored."""
    typed = {name: value.strip() for name, value in request.query_params.items()}
    return AuditFilter(
        user_number=number_or_none(typed.get("user")),
        user_name=typed.get("name") or None,
        token_number=number_or_none(typed.get("token")),
        action=typed.get("action") or None,
        object_kind=typed.get("object_kind") or None,
        object_id=typed.get("object_id") or None,
        at_from=start_of_day(typed.get("from")),
        at_to=end_of_day(typed.get("to")),
    )


async def export_lines(services: Services, filter: AuditFilter) -> AsyncIterator[str]:
    """Yield the log as CSV, EXPORT_PAGE rows at a time, with a byte order mark so that spreadsheets read UTF-8."""
    yield "\ufeff" + _line(COLUMNS)
    after: Keyset | None = None
    for _ in range(EXPORT_AT_MOST // EXPORT_PAGE):
        async with services.store.reading() as connection:
            page = await list_records(connection, filter, after, EXPORT_PAGE)
        yield "".join(_line(_cells(record)) for record in page.items)
        after = page.next
        if after is None:
            return


def _cells(record: AuditRecord) -> tuple[object, ...]:
    values = {name: getattr(record, name) for name in COLUMNS}
    values["at"] = record.at.isoformat()
    values["detail"] = json.dumps(record.detail, ensure_ascii=False)
    return tuple(values.values())


def _line(cells: tuple[object, ...]) -> str:
    buffer = io.StringIO()
    texts = ("" if cell is None else str(cell) for cell in cells)
    csv.writer(buffer).writerow([f"'{text}" if text.startswith(FORMULA) else text for text in texts])
    return buffer.getvalue()


def _keyset(request: Request) -> Keyset | None:
    cursor = request.query_params.get("after")
    try:
        return decode_cursor(cursor) if cursor else None
    except ValueError:
        raise HTTPException(404) from None
