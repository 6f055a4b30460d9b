"""The dead letter pages: inspect records that could not be stored; requeue, discard or delete them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar
from urllib.parse import urlencode

from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.dead_letter_details import detail_words
from api.admin.dead_letter_words import can_republish, reason_words
from api.admin.flash import flash
from api.admin.page import Page, identity_of, number_in_path, number_or_none, route, services_of
from api.i18n import gettext, lazy_gettext, ngettext, show_number
from api.identity.roles import Role
from api.rest.dead_letter_schemas import MAXIMUM_NUMBERS
from api.rest.dead_letters import refusal
from api.services import Services
from store import dead_letter_admin, dead_letter_counts
from store.dead_letter_admin import UNRESOLVED, DeadLetterError, DeadLetterFilter, DeadLetterState
from store.dead_letter_counts import COUNTED
from store.outbox import oldest_message

LIST = "/admin/dead-letters"
ROWS = 50
# Consumers read the outbox every few seconds, so an older message means that no consumer is running.
OUTBOX_DELAY_LIMIT = timedelta(minutes=1)
SHOWN_BYTES = 65_536
BYTES_PER_LINE = 16
LINE_BYTES = 512
STATE_WORDS = {
    DeadLetterState.OPEN: lazy_gettext("Open"),
    DeadLetterState.REQUEUED: lazy_gettext("Republishing"),
    DeadLetterState.RESOLVED: lazy_gettext("Resolved"),
    DeadLetterState.DISCARDED: lazy_gettext("Set aside"),
}


class Action(StrEnum):
    """What the buttons of the pages do."""

    REQUEUE = "requeue"
    DISCARD = "discard"
    DELETE = "delete"


# The functions for chosen dead letters and for all that match a filter.
ACTIONS = {
    Action.REQUEUE: (dead_letter_admin.requeue, dead_letter_admin.requeue_all),
    Action.DISCARD: (dead_letter_admin.discard, dead_letter_admin.discard_all),
    Action.DELETE: (dead_letter_admin.delete, dead_letter_admin.delete_all),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters above the list. "" does not filter, except that the state "" means unresolved."""

    state: str = ""
    reason: str = ""
    topic: str = ""

    @classmethod
    def of(cls, given: QueryParams | FormData) -> "Filters":
        """Parse the filters in a URL or a form; invalid values are ignored."""
        state = str(given.get("state", ""))
        known = state if state == "all" or state in list(DeadLetterState) else ""
        return cls(known, str(given.get("reason", ""))[:64].strip(), str(given.get("topic", ""))[:249].strip())

    def to_filter(self, states: frozenset[DeadLetterState] | None = None) -> DeadLetterFilter:
        """Return the store's filter; ``states`` replaces the chosen state."""
        if states is None:
            states = (
                frozenset()
                if self.state == "all"
                else frozenset({DeadLetterState(self.state)} if self.state else UNRESOLVED)
            )
        return DeadLetterFilter(self.reason or None, self.topic or None, states)

    def query(self, **more: object) -> str:
        """Return the filters and ``more`` as a URL query."""
        fields = {"state": self.state, "reason": self.reason, "topic": self.topic, **more}
        return urlencode({name: value for name, value in fields.items() if value not in ("", None)})


class DeadLettersPage(Page):
    """The list of dead letters with filters and actions, and a page for each dead letter with its record."""

    path = "/dead-letters"
    menu_label = lazy_gettext("Dead letters")
    icon = "fa-solid fa-envelope-open-text"
    role: ClassVar[Role | None] = Role.ADMIN
    template = "dead_letters.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return one page of dead letters, the counts by state, and since when the outbox waits for a consumer."""
        services, filters = services_of(request), Filters.of(request.query_params)
        before = number_or_none(request.query_params.get("before"))
        found = await services.store.read(
            dead_letter_admin.list_dead_letters, filters.to_filter(), ROWS + 1, before=before
        )
        reasons, topics = await services.store.read(
            dead_letter_counts.count_reasons_and_topics, filters.to_filter().states
        )
        return {
            "letters": found[:ROWS],
            "next": filters.query(before=found[ROWS - 1].number) if len(found) > ROWS else None,
            "counts": await services.store.read(dead_letter_counts.count_up_to, COUNTED + 1),
            "filters": filters,
            "states": DeadLetterState,
            "state_words": STATE_WORDS,
            "reasons": _counted(reasons, filters.reason, reason_words),
            "reason_words": reason_words,
            "detail_words": detail_words,
            "topics": _counted(topics, filters.topic, str),
            "counted": COUNTED,
            "readable_line": readable_line,
            "visible": visible,
            "waiting_since": await _waiting_since(services),
        }

    @route("/{number:int}", name="dead-letter")
    async def letter(self, request: Request) -> Response:
        """Show one dead letter with its record and requeues."""
        services = services_of(request)
        try:
            letter, content, outbox = await services.store.read(
                dead_letter_admin.read_dead_letter, number_in_path(request)
            )
        except DeadLetterError:
            raise HTTPException(404) from None
        waiting_since = await _waiting_since(services)
        shown = {
            "title": gettext("Dead letter %(number)s") % {"number": letter.number},
            "letter": letter,
            "content": content,
            "outbox": outbox,
            "states": DeadLetterState,
            "state_words": STATE_WORDS,
            "reason_words": reason_words,
            "detail_words": detail_words,
            "readable": readable,
            "readable_line": readable_line,
            "visible": visible,
            "shown_bytes": SHOWN_BYTES,
            "waiting_since": waiting_since,
            "can_republish": can_republish(letter.reason),
        }
        return self.render(request, shown, template="dead_letter.html")

    @route("", methods=["POST"], name="dead-letters-act")
    async def act(self, request: Request) -> Response:
        """Requeue, discard or delete dead letters by number, or all open ones that match the filters."""
        form = await request.form()
        filters, store, actor = Filters.of(form), services_of(request).store, identity_of(request).actor
        numbers = sorted({n for n in map(number_or_none, form.getlist("numbers")) if n})[:MAXIMUM_NUMBERS]
        action = Action(str(form.get("action"))) if form.get("action") in list(Action) else Action.REQUEUE
        of_chosen, of_all = ACTIONS[action]
        try:
            if form.get("all"):
                count = await of_all(store, filters.to_filter(frozenset({DeadLetterState.OPEN})), actor)
            elif numbers:
                count = await store.write(of_chosen, numbers, actor)
            else:
                flash(request, gettext("Select at least one dead letter first."), "warning")
                return _back(form, filters)
        except DeadLetterError as error:
            flash(request, refusal(error).detail, "error")
            return _back(form, filters)
        flash(request, _done(count, action), "success")
        return _to_list(filters) if action is Action.DELETE else _back(form, filters)


def _counted(counts: Mapping[str, int], chosen: str, words: Callable[[str], str]) -> dict[str, str]:
    """Return the choices of a select by value, most frequent first, with the chosen one even if there are none."""
    values = sorted({*counts, *([chosen] if chosen else [])}, key=lambda value: (-counts.get(value, 0), value))
    return {value: f"{words(value)} ({show_number(counts.get(value, 0))})" for value in values}


def _done(count: int, action: Action) -> str:
    match action:
        case Action.REQUEUE:
            message = ngettext(
                "%(count)s dead letter will be republished: a running consumer does this within seconds.",
                "%(count)s dead letters will be republished: a running consumer does this within seconds.",
                count,
            )
        case Action.DISCARD:
            message = ngettext("%(count)s dead letter was set aside.", "%(count)s dead letters were set aside.", count)
        case Action.DELETE:
            message = ngettext("%(count)s dead letter was deleted.", "%(count)s dead letters were deleted.", count)
    return message % {"count": count}


def _back(form: FormData, filters: Filters) -> Response:
    """Redirect to the dead letter or the list that sent the form."""
    one = number_or_none(form.get("back"))
    return RedirectResponse(f"{LIST}/{one}", 303) if one else _to_list(filters)


def _to_list(filters: Filters) -> Response:
    query = filters.query()
    return RedirectResponse(LIST + (f"?{query}" if query else ""), 303)


async def _waiting_since(services: Services) -> object:
    """Return the time of the oldest outbox message if it exceeds OUTBOX_DELAY_LIMIT, else None."""
    oldest = await services.store.read(oldest_message)
    return oldest if oldest is not None and services.now() - oldest > OUTBOX_DELAY_LIMIT else None


def readable(content: bytes | None, limit: int = SHOWN_BYTES) -> str:
    """Return the first ``limit`` bytes as text with unprintable characters escaped, or as a hex dump if not UTF-8."""
    if content is None:
        return ""
    part = content[:limit]
    try:
        # The limit may split a character.
        text = part.decode(errors="ignore") if len(content) > limit and _is_text(content) else part.decode()
    except UnicodeDecodeError:
        return "\n".join(_line(part, at) for at in range(0, len(part), BYTES_PER_LINE))
    return visible(text)


def visible(text: str) -> str:
    """Escape unprintable characters, except line feeds and tabs."""
    return "".join(one if one.isprintable() or one in "\n\t" else _escaped(one) for one in text)


def readable_line(content: bytes | None) -> str:
    """Return a key or a header's value as text, or as hex digits if not UTF-8."""
    if content is None:
        return ""
    return readable(content, LINE_BYTES) if _is_text(content) else content[:LINE_BYTES].hex(" ")


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _line(content: bytes, at: int) -> str:
    row = content[at : at + BYTES_PER_LINE]
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{at:06x}  {row.hex(' '):<{BYTES_PER_LINE * 3}} {text}"
