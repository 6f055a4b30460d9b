"""CSRF protection of forms: gives each browser a token, and refuses forms without it with advice."""

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
    """A form came without the token that our pages hold, or with another one."""

    def __init__(self) -> None:
        super().__init__(403)

    def explain(self) -> tuple[str, str]:
        """What happened, and what to do now."""
        return (
            gettext("This form is too old"),
            gettext("Nothing was changed. Go back, load the page anew and send it again."),
        )


class ForeignFormError(OldFormError):
    """The browser says that a page of another site sent a form."""

    def explain(self) -> tuple[str, str]:
        """What happened, and what to do now."""
        return (
            gettext("Another site sent this request: it is not done."),
            gettext("If you meant to do this, open the page here and do it again. If not, all is well."),
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

        async def giving_send(message: Message) -> None:
            # Not on files: caches may give the same answer to others.
            if message["type"] == "http.response.start" and _is_page(message):
                add_cookie(message, request, csrf.COOKIE, request.state.csrf_token, httponly=False)
            await send(message)

        await self.app(scope, receive, giving_send)


class CheckToken:
    """Middleware that answers with ``refuse`` where a change lacks its browser's token.

    It reads the whole body into memory: something before it must limit the size.
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
        request = Request(scope, _giving(body, receive))
        if not csrf.matches(await _given(request), request.cookies.get(csrf.COOKIE, ""), self._secret_key):
            response = await self._refuse(request, OldFormError())
            await response(scope, receive, send)
            return
        await self.app(scope, _giving(body, receive), send)


def csrf_input(request: Request) -> Markup:
    """The hidden field that sends the token with a form."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, request.state.csrf_token)


def add_cookie(
    message: Message, request: Request, name: str, value: str, *, httponly: bool, age: int | None = None
) -> None:
    """Add a cookie of this site to the start of a response; ``age`` is in seconds, 0 removes the cookie."""
    response = Response()
    secure = cookies.is_secure(request)
    response.set_cookie(name, value, max_age=age, httponly=httponly, samesite="lax", secure=secure)
    MutableHeaders(scope=message).append("set-cookie", response.headers["set-cookie"])


def _is_page(message: Message) -> bool:
    return MutableHeaders(scope=message).get("content-type", "").startswith("text/html")


async def _given(request: Request) -> str:
    header = request.headers.get(csrf.HEADER)
    if header is not None:
        return header
    if not request.headers.get("content-type", "").startswith(FORM_TYPES):
        return ""
    return str((await request.form()).get(csrf.FIELD, ""))


def _giving(body: bytes, receive: Receive) -> Receive:
    """A receive channel that gives ``body`` first, and then what ``receive`` gives."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return messages.pop() if messages else await receive()

    return give
