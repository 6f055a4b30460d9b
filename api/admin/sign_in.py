"""The pages for sign-in, sign-up, sign-out, and confirming and changing a password."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.flash import flash
from api.admin.form_page import FormPage
from api.admin.page import Page, identity_of, route, services_of
from api.i18n import LANGUAGE_COOKIE, LANGUAGES, get_locale, gettext, lazy_gettext
from api.identity import code_step, confirmation, cookies, known_browsers
from api.identity.accounts import Form, change_password, contacts_of, sign_up
from api.identity.identity import address_of
from api.identity.passwords import MAXIMUM, MINIMUM
from api.identity.provider import ProviderError
from api.identity.roles import Role
from api.identity.sign_in import Browser, CodeRequiredError, Opened, lifetime_of, open_session, sign_in, sign_out
from api.identity.single_sign_on import sign_out_url
from api.problems import ProblemError
from store.accounts import User
from store.tokens import list_tokens

HOME = "/admin/"
# No page of the app has a longer URL.
NEXT_AT_MOST = 2_000


class SignInPage(FormPage):
    """The form for name and password; it redirects to the requested page."""

    path = "/login"
    menu_label = lazy_gettext("Sign in")
    add_to_menu = False
    role: ClassVar[Role | None] = None
    template = "sign_in.html"

    async def index(self, request: Request) -> Response:
        """Show the form, or redirect a signed-in user to the requested page."""
        if request.state.identity is not None:
            return RedirectResponse(next_of(request), 303)
        return await super().index(request)

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Open a session."""
        name, password = typed.get("name", ""), typed.get("password", "")
        services, old = services_of(request), cookies.read_session(request)
        try:
            opened = await sign_in(services, browser_of(request), name, password, old)
        except CodeRequiredError as right:
            query = urlencode({"next": next_of(request)})
            response = RedirectResponse(f"/admin/login/code?{query}", 303)
            code_step.remember(services, right.user, request, response)
            return response
        return welcome(request, opened, next_of(request))

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Return the ways to sign in that the page offers, and whether it links to sign-up."""
        settings, query = services_of(request).settings, request.query_params
        return {
            "query": {name: query[name] for name in ("next", "local") if name in query},
            "sso": settings.single_sign_on(),
            # `liuyan api break-glass` names this address.
            "passwords": settings.local_passwords or "local" in query,
            "sign_up": settings.sign_up_offered() != "closed",
        }


class CodePage(FormPage):
    """The form for the code of the second factor, after name and password."""

    path = "/login/code"
    menu_label = lazy_gettext("Second factor")
    add_to_menu = False
    role: ClassVar[Role | None] = None
    template = "sign_in_code.html"

    async def index(self, request: Request) -> Response:
        """Show the form, or redirect a user who has not entered the password or is signed in."""
        if request.state.identity is not None:
            return RedirectResponse(next_of(request), 303)
        if not code_step.is_begun(services_of(request), cookies.read(request, code_step.COOKIE)):
            return RedirectResponse(f"/admin/login?{urlencode({'next': next_of(request)})}", 303)
        return await super().index(request)

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Open a session."""
        step, old = cookies.read(request, code_step.COOKIE), cookies.read_session(request)
        code = typed.get("code", "")
        opened = await code_step.sign_in_with_code(services_of(request), browser_of(request), step, code, old)
        response = welcome(request, opened, next_of(request))
        cookies.forget(request, response, code_step.COOKIE)
        return response


class SignUpPage(FormPage):
    """The form for a new account, which an administrator approves if the settings require it."""

    path = "/sign-up"
    menu_label = lazy_gettext("Sign up")
    add_to_menu = False
    role: ClassVar[Role | None] = None
    template = "sign_up.html"

    async def index(self, request: Request) -> Response:
        """Show the form, or redirect a signed-in user to the home page."""
        if request.state.identity is not None:
            return RedirectResponse(HOME, 303)
        return await super().index(request)

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Create the account, and open a session if it needs no approval."""
        services = services_of(request)
        if typed.get("password") != typed.get("password_again"):
            raise passwords_differ("password_again")
        form = Form(
            typed.get("name", ""), typed.get("password", ""), typed.get("phone"), typed.get("email"), get_locale()
        )
        user = await sign_up(services, address_of(request), form)
        if user.state == "active":
            return welcome(request, await open_session(services, browser_of(request), user), HOME)
        created = gettext("The account %(name)s was created. You can sign in after an administrator approves it.")
        flash(request, created % {"name": user.name}, "success")
        return RedirectResponse("/admin/login", 303)

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Return the sign-up settings, contact fields and password lengths."""
        services = services_of(request)
        return {
            "sign_up": services.settings.sign_up_offered(),
            "contacts": contacts_of(services).offered,
            "minimum": MINIMUM,
            "maximum": MAXIMUM,
        }


class PasswordPage(FormPage):
    """The form to change one's own password; required after an administrator has set it."""

    path = "/password"
    any_role: ClassVar[bool] = True
    menu_label = lazy_gettext("Change password")
    add_to_menu = False
    before_password_change = True
    template = "password.html"

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Change the password and end all other sessions."""
        services, keep = services_of(request), "keep_tokens" in typed
        current, new = typed.get("current_password", ""), typed.get("new_password", "")
        if new != typed.get("new_password_again", ""):
            raise passwords_differ("new_password_again")
        opened = await change_password(
            services, identity_of(request), browser_of(request), current, new, keep_tokens=keep
        )
        if keep:
            message = gettext("The password was changed. You were signed out everywhere else; your tokens still work.")
        else:
            message = gettext(
                "The password was changed. You were signed out everywhere else, and your tokens were revoked."
            )
        flash(request, message, "success")
        response = redirect_with_session(request, opened.secret, next_of(request))
        known_browsers.remember(services, opened.user, request, response)
        return response

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Return the tokens that the change revokes, unless the form keeps them."""
        identity = identity_of(request)
        return {
            "identity": identity,
            "tokens": await services_of(request).store.read(list_tokens, identity.user_number),
            "keep_tokens": "keep_tokens" in typed,
            "minimum": MINIMUM,
            "maximum": MAXIMUM,
        }


class ConfirmPage(FormPage):
    """The form to confirm the password in browsers without scripts; a script opens a dialog instead.

    In a session of single sign-on it links to the provider.
    """

    path = "/confirm"
    any_role: ClassVar[bool] = True
    menu_label = lazy_gettext("Confirm your password")
    add_to_menu = False
    before_enrolment = True
    template = "confirm.html"

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Confirm the session and return to the page that needs it."""
        try:
            secret = await confirmation.confirm(services_of(request), identity_of(request), typed.get("password", ""))
        except ProblemError as problem:
            if problem.status != HTTPStatus.UNAUTHORIZED:
                raise
            return to_sign_in(request, problem, next_of(request))
        return redirect_with_session(request, secret, next_of(request))

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Return the user whose password the form asks for."""
        identity = identity_of(request)
        title = gettext("Confirm your identity") if identity.opened_by == "sso" else self.menu_label
        return {"identity": identity, "title": title}


class SignOutPage(Page):
    """Ends the session; it has no page of its own."""

    path = "/logout"
    any_role: ClassVar[bool] = True
    add_to_menu = False
    before_password_change = True
    before_enrolment = True
    template = "signed_out.html"

    @route("", methods=["POST"])
    async def index(self, request: Request) -> Response:
        """End the session, and redirect to the sign-in page or, with single sign-on, to the provider."""
        identity, services = identity_of(request), services_of(request)
        try:
            elsewhere = await sign_out_url(services, identity, str(request.url_for("admin:login")))
        except ProviderError:
            elsewhere = None
        if identity.session is not None:
            await sign_out(services, identity.actor, identity.user_number, identity.session)
        if elsewhere is None:
            flash(request, gettext("You are signed out."), "success")
            response: Response = RedirectResponse("/admin/login", 303)
        else:
            # A page and a script redirect there: the content security policy forbids forms to leave this server.
            request.state.identity = None
            response = self.render(request, {"title": gettext("You are signed out here"), "elsewhere": elsewhere})
        cookies.forget_session(request, response)
        return response


def next_of(request: Request) -> str:
    """Return the path in the ``next`` parameter if it is in the admin app, else the home page."""
    next = request.query_params.get("next", "")
    # Browsers drop or change these characters, which could turn the path into another site's URL.
    unsafe = any(character <= " " or character in "\\\x7f" for character in next)
    if unsafe or len(next) > NEXT_AT_MOST or not next.startswith(HOME):
        return HOME
    return next


def browser_of(request: Request) -> Browser:
    """Return the client's address and user agent, and the cookie of an earlier sign-in."""
    known = cookies.read(request, known_browsers.COOKIE)
    return Browser(address_of(request), request.headers.get("user-agent"), known)


def welcome(request: Request, opened: Opened, path: str) -> Response:
    """Redirect to ``path`` with cookies for the session, for recognizing the browser at its next sign-in and, if it has
    none, for the user's language."""
    response = redirect_with_session(request, opened.secret, path)
    known_browsers.remember(services_of(request), opened.user, request, response)
    remember_language(request, response, opened.user)
    return response


def remember_language(request: Request, response: Response, user: User) -> None:
    """Set the cookie for the user's language in a browser that has none."""
    if user.language in LANGUAGES and LANGUAGE_COOKIE not in request.cookies:
        response.set_cookie(LANGUAGE_COOKIE, user.language, samesite="lax", secure=cookies.is_secure(request))


def redirect_with_session(request: Request, secret: str, path: str) -> Response:
    """Redirect to ``path`` with the session cookie."""
    response = RedirectResponse(path, 303)
    cookies.write_session(request, response, secret, lifetime_of(services_of(request)))
    return response


def to_sign_in(request: Request, problem: ProblemError, path: str) -> Response:
    """Redirect a browser whose session has ended to the sign-in page, which leads on to ``path`` and shows why."""
    flash(request, problem.detail, "error")
    return RedirectResponse(f"/admin/login?{urlencode({'next': path})}", 303)


def passwords_differ(field: str) -> ProblemError:
    """Return the problem for two new passwords that differ."""
    detail = gettext("The passwords do not match: type the new one twice.")
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "not_the_same", detail, field=field)
