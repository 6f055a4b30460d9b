"""Dead letters: records that broke the contract; look at them, publish them again, or put them aside."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlencode

from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.dead_letter_words import REASON_WORDS, reason_words
from api.admin.flash import flash
from api.admin.page import Page, identity_of, number_in_path, number_or_none, route, services_of
from api.i18n import gettext, lazy_gettext, ngettext
from api.identity.roles import Role
from api.rest.dead_letter_schemas import MAXIMUM_NUMBERS
from api.rest.dead_letters import refusal
from api.services import Services
from store import dead_letter_admin
from store.dead_letter_admin import UNRESOLVED, DeadLetterError, DeadLetterFilter, DeadLetterState
from store.outbox import oldest_message

LIST = "/admin/dead-letters"
ROWS = 50
# A consumer looks for orders every few seconds.
WAITS_TOO_LONG = timedelta(minutes=1)
SHOWN_BYTES = 65_536
BYTES_A_LINE = 16
SHOWN_LINE = 512
STATE_WORDS = {
    DeadLetterState.OPEN: lazy_gettext("Open"),
    DeadLetterState.REQUEUED: lazy_gettext("Ordered again"),
    DeadLetterState.RESOLVED: lazy_gettext("Resolved"),
    DeadLetterState.DISCARDED: lazy_gettext("Put aside"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the form above the list holds; "" does not filter, the state "" is those that nobody settled yet."""

    state: str = ""
    reason: str = ""
    topic: str = ""

    @classmethod
    def of(cls, given: QueryParams | FormData) -> "Filters":
        """From an address or a form; what cannot be is left out."""
        state = str(given.get("state", ""))
        known = state if state == "all" or state in list(DeadLetterState) else ""
        return cls(known, str(given.get("reason", ""))[:64].strip(), str(given.get("topic", ""))[:249].strip())

    def wanted(self, states: frozenset[DeadLetterState] | None = None) -> DeadLetterFilter:
        """What the store takes."""
        if states is None:
            states = (
                frozenset()
                if self.state == "all"
                else frozenset({DeadLetterState(self.state)} if self.state else UNRESOLVED)
            )
        return DeadLetterFilter(self.reason or None, self.topic or None, states)

    def query(self, **more: object) -> str:
        """The part of an address that holds them."""
        fields = {"state": self.state, "reason": self.reason, "topic": self.topic, **more}
        return urlencode({name: value for name, value in fields.items() if value not in ("", None)})


class DeadLettersPage(Page):
    """The list with its filters, one letter with what it held, and what can be done about them."""

    path = "/dead-letters"
    menu_label = lazy_gettext("Dead letters")
    icon = "fa-solid fa-envelope-open-text"
    role: ClassVar[Role | None] = Role.ADMIN
    template = "dead_letters.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """A page of letters, how many there are, and whether orders wait for a consumer in vain."""
        services, filters = services_of(request), Filters.of(request.query_params)
        before = number_or_none(request.query_params.get("before"))
        found = await services.store.read(
            dead_letter_admin.list_dead_letters, filters.wanted(), ROWS + 1, before=before
        )
        return {
            "letters": found[:ROWS],
            "next": filters.query(before=found[ROWS - 1].number) if len(found) > ROWS else None,
            "counts": await services.store.read(
                dead_letter_admin.count_dead_letters, DeadLetterFilter(states=frozenset())
            ),
            "filters": filters,
            "states": DeadLetterState,
            "state_words": STATE_WORDS,
            "reasons": _reasons({letter.reason for letter in found} | {filters.reason} - {""}),
            "reason_words": reason_words,
            "topics": sorted({letter.topic for letter in found}),
            "readable_line": readable_line,
            "visible": visible,
            "waiting_since": await _waiting_since(services),
        }

    @route("/{number:int}", name="dead-letter")
    async def letter(self, request: Request) -> Response:
        """One letter, whole."""
        services = services_of(request)
        try:
            letter, content, orders = await services.store.read(
                dead_letter_admin.read_dead_letter, number_in_path(request)
            )
        except DeadLetterError:
            raise HTTPException(404) from None
        waiting_since = await _waiting_since(services)
        shown = {
            "title": gettext("Dead letter %(number)s") % {"number": letter.number},
            "letter": letter,
            "content": content,
            "orders": orders,
            "states": DeadLetterState,
            "state_words": STATE_WORDS,
            "reason_words": reason_words,
            "readable": readable,
            "readable_line": readable_line,
            "visible": visible,
            "shown_bytes": SHOWN_BYTES,
            "waiting_since": waiting_since,
        }
        return self.render(request, shown, template="dead_letter.html")

    @route("", methods=["POST"], name="dead-letters-act")
    async def act(self, request: Request) -> Response:
        """Requeue or discard letters by number, or all open ones that the filters leave."""
        form = await request.form()
        filters, store, actor = Filters.of(form), services_of(request).store, identity_of(request).actor
        numbers = sorted({n for n in map(number_or_none, form.getlist("numbers")) if n})[:MAXIMUM_NUMBERS]
        discards = form.get("action") == "discard"
        try:
            if form.get("all"):
                act_on_all = dead_letter_admin.discard_all if discards else dead_letter_admin.requeue_all
                count = await act_on_all(store, filters.wanted(frozenset({DeadLetterState.OPEN})), actor)
            elif numbers:
                count = await store.write(
                    dead_letter_admin.discard if discards else dead_letter_admin.requeue, numbers, actor
                )
            else:
                flash(request, gettext("Choose at least one letter first."), "warning")
                return _back(form, filters)
        except DeadLetterError as error:
            flash(request, refusal(error).detail, "error")
            return _back(form, filters)
        flash(request, _done(count, discards=discards), "success")
        return _back(form, filters)


def _reasons(others: set[str]) -> list[str]:
    """Every reason to choose from: the contract's, and those of ``others`` that it does not know."""
    return [*REASON_WORDS, *sorted(others - set(REASON_WORDS))]


def _done(count: int, *, discards: bool) -> str:
    if discards:
        said = ngettext("%(count)s dead letter was put aside.", "%(count)s dead letters were put aside.", count)
    else:
        said = ngettext(
            "%(count)s dead letter was ordered to be published again; a running consumer does it within seconds.",
            "%(count)s dead letters were ordered to be published again; a running consumer does it within seconds.",
            count,
        )
    return said % {"count": count}


def _back(form: FormData, filters: Filters) -> Response:
    """To the letter or the list from which the order came."""
    one = number_or_none(form.get("back"))
    query = filters.query()
    return RedirectResponse(f"{LIST}/{one}" if one else LIST + (f"?{query}" if query else ""), 303)


async def _waiting_since(services: Services) -> object:
    """Since when an order waits that a running consumer would have carried out; None where none does."""
    oldest = await services.store.read(oldest_message)
    return oldest if oldest is not None and services.now() - oldest > WAITS_TOO_LONG else None


def readable(content: bytes | None, limit: int = SHOWN_BYTES) -> str:
    """The beginning of some bytes for a person to read: UTF-8 with what cannot be seen escaped, else in hexadecimal."""
    if content is None:
        return ""
    part = content[:limit]
    try:
        # The limit may cut a character in two.
        text = part.decode(errors="ignore") if len(content) > limit and _is_text(content) else part.decode()
    except UnicodeDecodeError:
        return "\n".join(_line(part, at) for at in range(0, len(part), BYTES_A_LINE))
    return visible(text)


def visible(text: str) -> str:
    """A text with what cannot be seen escaped, except line feeds and tabs."""
    return "".join(one if one.isprintable() or one in "\n\t" else _escaped(one) for one in text)


def readable_line(content: bytes | None) -> str:
    """The same for a key or a header's value, which stand in one line."""
    if content is None:
        return ""
    return readable(content, SHOWN_LINE) if _is_text(content) else content[:SHOWN_LINE].hex(" ")


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _line(content: bytes, at: int) -> str:
    row = content[at : at + BYTES_A_LINE]
    seen = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{at:06x}  {row.hex(' '):<{BYTES_A_LINE * 3}} {seen}"
