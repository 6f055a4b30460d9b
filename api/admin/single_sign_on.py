"""The pages of single sign-on: to the provider, and back from it."""

from http import HTTPStatus
from typing import ClassVar
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.flash import flash
from api.admin.page import Page, identity_of, route, services_of
from api.admin.sign_in import HOME, browser_of, next_of, redirect_with_session, remember_language, to_sign_in
from api.i18n import gettext, lazy_gettext
from api.identity import cookies, single_sign_on
from api.identity.identity import Identity
from api.identity.provider import Provider
from api.identity.roles import Role
from api.identity.sign_in import session_ended
from api.identity.single_sign_on import Attempt, Reply
from api.problems import ProblemError

LATEST = "/admin/confirm"


class SingleSignOnPage(Page):
    """Sends the browser to the provider, and takes its answer."""

    path = "/sso"
    menu_label = lazy_gettext("Single sign-on")
    add_to_menu = False
    role: ClassVar[Role | None] = None
    template = "sso_failed.html"

    @route("", name="sso")
    async def index(self, request: Request) -> Response:
        """Redirect to the provider, or a signed-in user to the requested page."""
        if request.state.identity is not None:
            return RedirectResponse(next_of(request), 303)
        try:
            return await to_provider(request, _provider(request))
        except ProblemError as problem:
            return self._failed(request, problem, next_of(request))

    @route("/callback", name="sso-callback")
    async def take_answer(self, request: Request) -> Response:
        """Open or confirm a session with the provider's answer."""
        identity: Identity | None = request.state.identity
        if identity is not None and services_of(request).settings.single_sign_on() is None:
            return RedirectResponse(HOME, 303)
        provider, query, attempt = _provider(request), request.query_params, None
        try:
            cookie, state = cookies.read(request, single_sign_on.COOKIE), query.get("state", "")
            attempt = single_sign_on.read_attempt(services_of(request), cookie, state)
            if attempt.session and identity is None:
                raise session_ended()
            response = await self._finish(request, provider, attempt)
        except ProblemError as problem:
            response = self._not_finished(request, problem, attempt, identity)
        cookies.forget(request, response, single_sign_on.COOKIE)
        return response

    async def _finish(self, request: Request, provider: Provider, attempt: Attempt) -> Response:
        services, query = services_of(request), request.query_params
        reply = Reply(_redirect_uri(request), attempt.state, query.get("code"), query.get("iss"), query.get("error"))
        if attempt.session:
            secret = await single_sign_on.confirm(services, provider, identity_of(request), attempt, reply)
            return redirect_with_session(request, secret, attempt.next)
        old = cookies.read_session(request)
        opened = await single_sign_on.sign_in(services, provider, browser_of(request), attempt, reply, old)
        response = redirect_with_session(request, opened.secret, attempt.next)
        remember_language(request, response, opened.user)
        return response

    def _not_finished(
        self, request: Request, problem: ProblemError, attempt: Attempt | None, identity: Identity | None
    ) -> Response:
        """Show why, on a page of its own or, in a browser that is or was signed in, on the page that it came from.

        If the session has ended, that page first asks for a sign-in.
        """
        next = HOME if attempt is None else attempt.next
        if attempt is not None and attempt.session and identity is None:
            return to_sign_in(request, problem, next)
        if identity is None:
            return self._failed(request, problem, next)
        flash(request, problem.detail, "error")
        return RedirectResponse(next, 303)

    def _failed(self, request: Request, problem: ProblemError, next: str) -> Response:
        shown = {"title": gettext("Sign-in failed"), "next": next}
        return self.render(request, shown, problem=problem)


class ConfirmAtProviderPage(Page):
    """Sends the browser to the provider to confirm a session of single sign-on."""

    path = "/sso/confirm"
    any_role: ClassVar[bool] = True
    add_to_menu = False
    template = "sso_failed.html"

    @route("", name="sso-confirm")
    async def index(self, request: Request) -> Response:
        """Redirect to the provider, or to the form for the password in a session that was opened with one."""
        if identity_of(request).opened_by != "sso":
            return RedirectResponse(f"{LATEST}?{urlencode({'next': next_of(request)})}", 303)
        try:
            return await to_provider(request, _provider(request), identity_of(request))
        except ProblemError as problem:
            shown = {"title": gettext("Confirmation failed"), "next": next_of(request), "confirming": True}
            return self.render(request, shown, problem=problem)


async def to_provider(request: Request, provider: Provider, confirming: Identity | None = None) -> Response:
    """Redirect to the provider. Raises ProblemError, 503, if it does not answer."""
    services = services_of(request)
    begun = await single_sign_on.begin(services, provider, _redirect_uri(request), next_of(request), confirming)
    response = RedirectResponse(begun.url, 303)
    cookies.write(request, response, single_sign_on.COOKIE, begun.cookie, single_sign_on.VALID_FOR)
    return response


def _provider(request: Request) -> Provider:
    provider = single_sign_on.provider_of(services_of(request))
    if provider is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return provider


def _redirect_uri(request: Request) -> str:
    return str(request.url_for("admin:sso-callback"))
