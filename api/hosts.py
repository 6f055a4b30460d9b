"""Requests for another host than ours are refused, and whoever sent them is told what to do about it."""

from collections.abc import Sequence
from http import HTTPStatus

from markupsafe import Markup
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.i18n import LANGUAGES, get_locale, gettext, language_of, set_locale
from api.problems import ProblemError, answer_of

# Complete in itself: a link or a style sheet would lead to the host that is not ours.
PAGE = Markup(
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
    "<style>body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem }}"
    "h1 {{ font-size: 1.4rem }}</style></head>"
    "<body><main><h1>{title}</h1><p>{advice}</p><p>{for_who_runs_it}</p></main></body></html>"
)


class CheckHost:
    """Starlette's check, whose own refusal is a line of plain text in English."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self.app = app
        self.allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or await self._is_ours(scope, receive):
            await self.app(scope, receive, send)
            return
        await _refusal(Request(scope))(scope, receive, send)

    async def _is_ours(self, scope: Scope, receive: Receive) -> bool:
        """Whether Starlette lets the request through."""
        passed = False

        async def inside(*_: object) -> None:
            nonlocal passed
            passed = True

        async def drop(_: Message) -> None:
            """Its refusal, which nobody sees."""

        await TrustedHostMiddleware(inside, self.allowed_hosts, www_redirect=False)(scope, receive, drop)
        return passed


def _refusal(request: Request) -> Response:
    """A problem for programs, a page for people, each in the language of the request."""
    for_programs = request.scope["path"].startswith("/api/") or request.scope["path"] == "/openapi.json"
    set_locale(language_of(request, "en" if for_programs else LANGUAGES[0]))
    title = gettext("This address is not one of this server's")
    advice = gettext("Check the address, or ask whoever runs this server under which one it answers.")
    if for_programs:
        return answer_of(ProblemError(HTTPStatus.BAD_REQUEST, "wrong_host", f"{title}: {advice}"))
    owner = gettext("If that is you: the setting LIUYAN_ALLOWED_HOSTS names the addresses.")
    shown = PAGE.format(language=get_locale(), title=title, advice=advice, for_who_runs_it=owner)
    return HTMLResponse(shown, HTTPStatus.BAD_REQUEST)
