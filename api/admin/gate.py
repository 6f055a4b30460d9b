"""Who may come in: asks identity/ who is there, and sends whoever is not signed in to the sign-in page."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_admin.auth import AdminUser, BaseAuthProvider

from api.admin.forms import ForeignFormError
from api.admin.page import Page
from api.identity import csrf
from api.identity.identity import Identity
from api.limits import SMALL_BODY, BodyError, admit_body, read_ahead
from store.errors import OUTAGES

Identify = Callable[[HTTPConnection], Awaitable[Identity | None]]
# What the sign-in page itself needs.
PUBLIC_ROUTES = frozenset({"static", "plotly"})
# All that is open to whoever has a password for one use.
PASSWORD_ROUTES = frozenset({"password", "password-change", "logout"})


class Gate(BaseAuthProvider):
    """Puts the Identity of a request into ``request.state.identity``: None for whoever is not signed in."""

    def __init__(self, identify: Identify, pages: Sequence[Page]) -> None:
        super().__init__()
        self.identify = identify
        self.pages = pages

    async def authenticate(self, request: Request) -> AdminUser | None:
        """What starlette-admin's own layout shows of a person; a token signs nobody in here."""
        identity = await self.identify(request)
        if identity is not None and identity.via == "token":
            identity = None
        request.state.identity = identity
        return None if identity is None else AdminUser(username=identity.name)

    def get_middleware(self) -> Middleware:
        """Our own: the library's passes on the whole address, in which the host is whatever the client said."""
        return Middleware(KeepOut, gate=self)


class KeepOut:
    """Answers 303 to the sign-in page where nobody is signed in and the page is not for everybody."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.identity = None  # An error page asks for it, also where nobody could be identified.
        if request.method not in ("GET", "HEAD") and csrf.is_foreign(request):
            await self._refuse(request, ForeignFormError(), send)
            return
        route = _matched(request)
        if route is not None:
            # What the metrics name the request by: FastAPI does not look into what is mounted.
            scope["template"] = scope["root_path"] + getattr(route, "path_format", "")
        if _name_of(route) in PUBLIC_ROUTES:
            await self.app(scope, receive, send)
            return
        try:
            user = await self.gate.authenticate(request)
        except OUTAGES as error:
            await self._refuse(request, error, send)
            return
        request.state.is_anonymous = user is None
        if user is not None:
            request.state.admin_user = user
        for_everybody = getattr(getattr(route, "endpoint", None), "_login_not_required", False)
        if user is None and not for_everybody:
            await self._send_to(request, "login")(scope, receive, send)
            return
        if _must_change_password(request) and not for_everybody and _name_of(route) not in PASSWORD_ROUTES:
            await self._send_to(request, "password")(scope, receive, send)
            return
        await self._let_in(request, send)

    async def _let_in(self, request: Request, send: Send) -> None:
        """Check the role of who sends a form, read the form, and go on to the page."""
        if request.method in ("GET", "HEAD"):
            await self.app(request.scope, request.receive, send)
            return
        page = next((page for page in self.gate.pages if page.is_active(request)), None)
        if page is not None and not page.is_accessible(request):
            await self._refuse(request, HTTPException(403), send)
            return
        # The checks above need only the headers; the token of a form is in its body.
        admit_body(request, SMALL_BODY if page is None else page.maximum_body)
        try:
            receive = await read_ahead(request, request.receive)
        except BodyError as error:
            await self._refuse(request, error, send)
            return
        await self.app(request.scope, receive, send)

    async def _refuse(self, request: Request, error: Exception, send: Send) -> None:
        """Answer with a page: nothing outside of here would do that and call it settled."""
        response: Response = await request.app.exception_handlers[Exception](request, error)
        response.headers.update(getattr(error, "headers", None) or {})
        await response(request.scope, request.receive, send)

    def _send_to(self, request: Request, page: str) -> RedirectResponse:
        path = request.url_for(f"{request.app.state.ROUTE_NAME}:{page}").path
        wanted = quote(request.scope["path"]) + (f"?{request.url.query}" if request.url.query else "")
        # A form that was sent cannot be sent again by going there.
        asked = f"?{urlencode({'next': wanted})}" if request.method in ("GET", "HEAD") else ""
        return RedirectResponse(path + asked, status_code=303)


def _must_change_password(request: Request) -> bool:
    identity: Identity | None = request.state.identity
    return identity is not None and identity.must_change_password


def _name_of(route: BaseRoute | None) -> str | None:
    return getattr(route, "name", None)


def _matched(request: Request) -> BaseRoute | None:
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is Match.FULL:
            found: BaseRoute = route
            return found
    return None
