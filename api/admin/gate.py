"""Control access to pages by session and role.

Without a session, clients get only static files and pages whose role is None. A page that declares no role is not
public.
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
    """Middleware that sets ``request.state.identity`` and checks the page's role.

    It redirects to the sign-in page without a session, to the password page if the password must be changed, and to the
    page for the second factor if one must be set up. It responds with ``refuse`` if the role is insufficient, another
    site sent the form, or the form is too large.
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
        request.state.identity = None  # Error pages read it, even if the client was not identified.
        if request.method not in ("GET", "HEAD") and csrf.is_foreign(request):
            await self._refuse(request, ForeignFormError(), send)
            return
        route = _matched(request)
        if route is not None:
            # The metrics' route label: FastAPI does not resolve routes inside mounted apps.
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
        target = _redirect_target(page, identity)
        if target is not None:
            await _redirect(request, target)(scope, receive, send)
            return
        if page is not None and not page.is_accessible(request):
            await self._refuse(request, HTTPException(403), send)
            return
        await self._forward(request, page, send)

    async def _identity_of(self, request: Request) -> Identity | None:
        """Return the identity of the request's session; pages do not accept API tokens."""
        identity = await self._identify(request)
        return None if identity is None or identity.via == "token" else identity

    async def _forward(self, request: Request, page: Page | None, send: Send) -> None:
        """Read the body of a form and pass the request on to the page."""
        if request.method in ("GET", "HEAD"):
            await self.app(request.scope, request.receive, send)
            return
        # CheckToken needs the form's token, which is in the body.
        admit_body(request, SMALL_BODY if page is None else page.maximum_body)
        try:
            receive = await read_ahead(request, request.receive)
        except BodyError as error:
            await self._refuse(request, error, send)
            return
        await self.app(request.scope, receive, send)

    async def _refuse(self, request: Request, error: Exception, send: Send) -> None:
        """Respond with an error page. Exception handlers do not catch what a middleware raises."""
        response = await self._refuse_with(request, error)
        await response(request.scope, request.receive, send)


def _redirect_target(page: Page | None, identity: Identity | None) -> str | None:
    """Return the name of the page to redirect to, if any."""
    if page is not None and page.role is None:
        return None
    if identity is None:
        return "login"
    if identity.must_change_password and not (page is not None and page.before_password_change):
        return "password"
    if identity.must_enrol and not identity.must_change_password and not (page is not None and page.before_enrolment):
        return "second-factor"
    return None


def _redirect(request: Request, page: str) -> RedirectResponse:
    # Only the path: the client chooses the host in its Host header.
    path = request.url_for(f"admin:{page}").path
    current = quote(request.scope["path"]) + (f"?{request.url.query}" if request.url.query else "")
    # A redirect cannot send a form again. But some forms know the page to show after them.
    next = current if request.method in ("GET", "HEAD") else request.query_params.get("next")
    return RedirectResponse(path + (f"?{urlencode({'next': next})}" if next else ""), status_code=303)


def _matched(request: Request) -> BaseRoute | None:
    """Return the matching route, else the first one for another method, whose page decides who may see the 405."""
    partial: BaseRoute | None = None
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is Match.FULL:
            found: BaseRoute = route
            return found
        if match is Match.PARTIAL and partial is None:
            partial = route
    return partial
