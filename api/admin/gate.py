"""Access to pages: identifies the client, and redirects clients without a session to the sign-in page.

Without a session only static files and pages whose role is None answer: a page that declares nothing is closed.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from api.admin.forms import ForeignFormError
from api.admin.page import Page, PageRoute
from api.identity import csrf
from api.identity.identity import Identity
from api.limits import SMALL_BODY, BodyError, admit_body, read_ahead
from store.errors import OUTAGES

Identify = Callable[[HTTPConnection], Awaitable[Identity | None]]
Refuse = Callable[[Request, Exception], Awaitable[Response]]
# The sign-in page itself needs these files.
PUBLIC_ROUTES = frozenset({"static", "vendor"})


class Gate:
    """Middleware that puts the Identity of a request into ``request.state.identity`` and checks the page's role.

    Redirects to the sign-in page without a session, and to the password page while the password must be changed.
    Answers with ``refuse`` where the role is too low, or a form comes from another site or is too large.
    """

    def __init__(self, app: ASGIApp, identify: Identify, refuse: Refuse) -> None:
        self.app = app
        self._identify = identify
        self._refuse_with = refuse

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
        if getattr(route, "name", None) in PUBLIC_ROUTES:
            await self.app(scope, receive, send)
            return
        page = route.page if isinstance(route, PageRoute) else None
        try:
            identity = await self._identity_of(request)
        except OUTAGES as error:
            await self._refuse(request, error, send)
            return
        request.state.identity = identity
        elsewhere = _elsewhere(page, identity)
        if elsewhere is not None:
            await _send_to(request, elsewhere)(scope, receive, send)
            return
        if page is not None and not page.is_accessible(request):
            await self._refuse(request, HTTPException(403), send)
            return
        await self._let_in(request, page, send)

    async def _identity_of(self, request: Request) -> Identity | None:
        """The identity of the request's session; pages do not accept tokens."""
        identity = await self._identify(request)
        return None if identity is None or identity.via == "token" else identity

    async def _let_in(self, request: Request, page: Page | None, send: Send) -> None:
        """Read the body of a form, and pass the request on to the page."""
        if request.method in ("GET", "HEAD"):
            await self.app(request.scope, request.receive, send)
            return
        # Until here only the headers counted; the token of a form is in its body.
        admit_body(request, SMALL_BODY if page is None else page.maximum_body)
        try:
            receive = await read_ahead(request, request.receive)
        except BodyError as error:
            await self._refuse(request, error, send)
            return
        await self.app(request.scope, receive, send)

    async def _refuse(self, request: Request, error: Exception, send: Send) -> None:
        """Answer with an error page: exception handlers do not see what a middleware raises."""
        response = await self._refuse_with(request, error)
        await response(request.scope, request.receive, send)


def _elsewhere(page: Page | None, identity: Identity | None) -> str | None:
    """The name of the page to redirect to instead, if any."""
    if page is not None and page.role is None:
        return None
    if identity is None:
        return "login"
    if identity.must_change_password and not (page is not None and page.before_password_change):
        return "password"
    return None


def _send_to(request: Request, page: str) -> RedirectResponse:
    # The path alone: the host of the whole address is whatever the client said.
    path = request.url_for(f"admin:{page}").path
    wanted = quote(request.scope["path"]) + (f"?{request.url.query}" if request.url.query else "")
    # A form that was sent cannot be sent again by going there.
    asked = f"?{urlencode({'next': wanted})}" if request.method in ("GET", "HEAD") else ""
    return RedirectResponse(path + asked, status_code=303)


def _matched(request: Request) -> BaseRoute | None:
    """The route that answers, else the first one for another method: its page decides who may see the 405."""
    partial: BaseRoute | None = None
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is Match.FULL:
            found: BaseRoute = route
            return found
        if match is Match.PARTIAL and partial is None:
            partial = route
    return partial
