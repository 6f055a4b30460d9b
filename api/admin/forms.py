"""CSRF protection: give each browser a token, and refuse forms without it."""

from collections.abc import Awaitable, Callable

from markupsafe import Markup
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.i18n import gettext
from api.identity import cookies, csrf

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class OldFormError(HTTPException):
    """A form has no CSRF token, or not the browser's token."""

    def __init__(self) -> None:
        super().__init__(403)

    def explain(self) -> tuple[str, str]:
        """Return what happened and what to do."""
        return (
            gettext("This form has expired"),
            gettext("Nothing was changed. Go back, reload the page and send the form again."),
        )


class ForeignFormError(OldFormError):
    """According to the browser's headers, another site sent a form."""

    def explain(self) -> tuple[str, str]:
        """Return what happened and what to do."""
        return (
            gettext("Another site sent this request, so it was refused."),
            gettext(
                "If you meant to do this, open the page here and do it again. Otherwise nothing has changed, and you "
                "need to do nothing."
            ),
        )


class GiveToken:
    """Middleware that stores a CSRF token in each browser, and in ``request.state.csrf_token`` for our forms."""

    def __init__(self, app: ASGIApp, secret_key: str) -> None:
        self.app = app
        self._secret_key = secret_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        kept = request.cookies.get(csrf.COOKIE, "")
        if csrf.is_signed(kept, self._secret_key):
            request.state.csrf_token = kept
            await self.app(scope, receive, send)
            return
        request.state.csrf_token = csrf.new_token(self._secret_key)

        async def send_token(message: Message) -> None:
            # Only on pages: shared caches may store files together with the cookie.
            if message["type"] == "http.response.start" and _is_page(message):
                add_cookie(message, request, csrf.COOKIE, request.state.csrf_token, httponly=False)
            await send(message)

        await self.app(scope, receive, send_token)


class CheckToken:
    """Middleware that responds with ``refuse`` to an unsafe request without its browser's CSRF token.

    It reads the whole body into memory, so an outer middleware must limit the size.
    """

    def __init__(
        self, app: ASGIApp, secret_key: str, refuse: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        self.app = app
        self._secret_key = secret_key
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in csrf.SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        request = Request(scope, _replay(body, receive))
        if not csrf.matches(await _sent_token(request), request.cookies.get(csrf.COOKIE, ""), self._secret_key):
            response = await self._refuse(request, OldFormError())
            await response(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


def csrf_input(request: Request) -> Markup:
    """Return the hidden field that sends the CSRF token with a form."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, request.state.csrf_token)


def add_cookie(
    message: Message, request: Request, name: str, value: str, *, httponly: bool, age: int | None = None
) -> None:
    """Add a Set-Cookie header to a response's start message; ``age`` is in seconds, 0 removes the cookie."""
    response = Response()
    secure = cookies.is_secure(request)
    response.set_cookie(name, value, max_age=age, httponly=httponly, samesite="lax", secure=secure)
    MutableHeaders(scope=message).append("set-cookie", response.headers["set-cookie"])


def _is_page(message: Message) -> bool:
    return MutableHeaders(scope=message).get("content-type", "").startswith("text/html")


async def _sent_token(request: Request) -> str:
    header = request.headers.get(csrf.HEADER)
    if header is not None:
        return header
    if not request.headers.get("content-type", "").startswith(FORM_TYPES):
        return ""
    return str((await request.form()).get(csrf.FIELD, ""))


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receive channel that delivers ``body`` before the messages of ``receive``."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
