"""The audit log page for administrators: every change with its user and time, with filters and a CSV export."""

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
from api.i18n import lazy_gettext, show_number
from api.identity.observations import Observation
from api.identity.roles import Role
from api.rest.cursor import decode_cursor, encode_cursor
from api.services import Services
from api.spreadsheets import BYTE_ORDER_MARK, csv_line
from store.audit import NEWEST, AuditFilter, AuditRecord, count_newest, list_records
from store.comments import Keyset

PAGE = 50
EXPORT_PAGE = 500
EXPORT_AT_MOST = 100_000
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
            page = await list_records(connection, filter := read_filter(request), after, PAGE)
            by_action, by_kind = await count_newest(connection)
        typed = {name: value for name, value in request.query_params.items() if value and name != "after"}
        return {
            "records": page.items,
            "typed": typed,
            "via": VIA_WORDS,
            "actions": ACTION_WORDS,
            "kinds": KIND_WORDS,
            "filters_given": filter,
            "choices": {
                "action": _counted(by_action, ACTION_WORDS, filter.action),
                "object_kind": _counted(by_kind, KIND_WORDS, filter.object_kind),
            },
            "counted": NEWEST,
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
        action=_value_of(typed.get("action"), ACTION_WORDS),
        object_kind=_value_of(typed.get("object_kind"), KIND_WORDS),
        object_id=typed.get("object_id") or None,
        at_from=start_of_day(typed.get("from")),
        at_to=end_of_day(typed.get("to")),
    )


async def export_lines(services: Services, filter: AuditFilter) -> AsyncIterator[str]:
    """Yield the log as CSV, EXPORT_PAGE rows at a time, with a byte order mark so that spreadsheets read UTF-8."""
    yield BYTE_ORDER_MARK + csv_line(COLUMNS)
    after: Keyset | None = None
    for _ in range(EXPORT_AT_MOST // EXPORT_PAGE):
        async with services.store.reading() as connection:
            page = await list_records(connection, filter, after, EXPORT_PAGE)
        yield "".join(csv_line(_cells(record)) for record in page.items)
        after = page.next
        if after is None:
            return


def _value_of(typed: str | None, words: Mapping[str, str]) -> str | None:
    """Return the stored value for one that was typed, which may be the text that pages show for it."""
    return next((value for value, shown in words.items() if typed == str(shown)), typed or None)


def _counted(counts: Mapping[str, int], words: Mapping[str, str], chosen: str | None) -> dict[str, str]:
    """Return the choices of a select by value, most frequent first, with their counts in the newest records."""
    values = sorted({*words, *counts, *([chosen] if chosen else [])}, key=lambda value: (-counts.get(value, 0), value))
    return {
        value: f"{words.get(value, value)} ({show_number(counts[value])})"
        if value in counts
        else str(words.get(value, value))
        for value in values
    }


def _cells(record: AuditRecord) -> tuple[object, ...]:
    values = {name: getattr(record, name) for name in COLUMNS}
    values["at"] = record.at.isoformat()
    values["detail"] = json.dumps(record.detail, ensure_ascii=False)
    return tuple(values.values())


def _keyset(request: Request) -> Keyset | None:
    cursor = request.query_params.get("after")
    try:
        return decode_cursor(cursor) if cursor else None
    except ValueError:
        raise HTTPException(404) from None
