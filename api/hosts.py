"""Reject requests for unknown hosts with a page or a problem that explains what to do."""

from collections.abc import Sequence
from http import HTTPStatus

from markupsafe import Markup
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.i18n import LANGUAGES, get_locale, gettext, language_of, set_locale
from api.problems import ProblemError, answer_of

# Self-contained, because a link or a style sheet would be requested from the unknown host.
PAGE = Markup(
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
    "<style>body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem }}"
    "h1 {{ font-size: 1.4rem }}</style></head>"
    "<body><main><h1>{title}</h1><p>{advice}</p><p>{for_who_runs_it}</p></main></body></html>"
)


class CheckHost:
    """Replaces the plain-text rejection of Starlette's TrustedHostMiddleware by a problem or a page."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self.app = app
        self.allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or await self._is_allowed(scope, receive):
            await self.app(scope, receive, send)
            return
        await _rejection(Request(scope))(scope, receive, send)

    async def _is_allowed(self, scope: Scope, receive: Receive) -> bool:
        """Return whether Starlette accepts the request's host."""
        passed = False

        async def inside(*_: object) -> None:
            nonlocal passed
            passed = True

        async def drop(_: Message) -> None:
            """Discard Starlette's own response."""

        await TrustedHostMiddleware(inside, self.allowed_hosts, www_redirect=False)(scope, receive, drop)
        return passed


def _rejection(request: Request) -> Response:
    """Return a problem for programs or a page for people, in the language of the request."""
    for_programs = request.scope["path"].startswith("/api/") or request.scope["path"] == "/openapi.json"
    set_locale(language_of(request, "en" if for_programs else LANGUAGES[0]))
    title = gettext("This address does not belong to this server")
    advice = gettext("Check the address, or ask the server's operator which address to use.")
    if for_programs:
        return answer_of(ProblemError(HTTPStatus.BAD_REQUEST, "wrong_host", f"{title}: {advice}"))
    owner = gettext("If you operate the server, add the address to the setting LIUYAN_ALLOWED_HOSTS.")
    shown = PAGE.format(language=get_locale(), title=title, advice=advice, for_who_runs_it=owner)
    return HTMLResponse(shown, HTTPStatus.BAD_REQUEST)
