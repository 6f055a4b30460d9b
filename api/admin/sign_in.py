"""Signing in, signing up, signing out, confirming and changing a password: the pages that come before all others."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.flash import flash
from api.admin.form_page import FormPage
from api.admin.page import Page, identity_of, route, services_of
from api.i18n import LANGUAGE_COOKIE, LANGUAGES, get_locale, gettext, lazy_gettext
from api.identity import confirmation, cookies
from api.identity.accounts import Form, change_password, contacts_of, sign_up
from api.identity.identity import address_of
from api.identity.passwords import MAXIMUM, MINIMUM
from api.identity.roles import Role
from api.identity.sign_in import Browser, Opened, lifetime_of, open_session, sign_in, sign_out
from api.problems import ProblemError
from store.tokens import list_tokens

HOME = "/admin/"
# Longer addresses are not ours; what a browser drops from an address could make it another one.
NEXT_AT_MOST = 2_000


class SignInPage(FormPage):
    """Name and password; leads on to the page that was asked for."""

    path = "/login"
    menu_label = lazy_gettext("Sign in")
    add_to_menu = False
    role: ClassVar[Role | None] = None
    template = "sign_in.html"

    async def index(self, request: Request) -> Response:
        """The form, or the page that was asked for where somebody is signed in already."""
        if request.state.identity is not None:
            return RedirectResponse(next_of(request), 303)
        return await super().index(request)

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Open a session."""
        name, password = typed.get("name", ""), typed.get("password", "")
        old = cookies.read_session(request)
        opened = await sign_in(services_of(request), browser_of(request), name, password, old)
        return welcome(request, opened, next_of(request))

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Whether people can sign up."""
        return {"sign_up": services_of(request).settings.sign_up != "closed"}


class SignUpPage(FormPage):
    """A new account, which an admin lets in where the settings say so."""

    path = "/sign-up"
    menu_label = lazy_gettext("Sign up")
    add_to_menu = False
    role: ClassVar[Role | None] = None
    template = "sign_up.html"

    async def index(self, request: Request) -> Response:
        """The form, or the home page where somebody is signed in already."""
        if request.state.identity is not None:
            return RedirectResponse(HOME, 303)
        return await super().index(request)

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Make the account, and open a session where nobody has to let it in."""
        services = services_of(request)
        if typed.get("password") != typed.get("password_again"):
            raise not_the_same("password_again")
        form = Form(
            typed.get("name", ""), typed.get("password", ""), typed.get("phone"), typed.get("email"), get_locale()
        )
        user = await sign_up(services, address_of(request), form)
        if user.state == "active":
            return welcome(request, await open_session(services, browser_of(request), user), HOME)
        return self.render(request, {"waits": user.name})

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Who can sign up, and what is asked for."""
        services = services_of(request)
        return {
            "settings": services.settings,
            "contacts": contacts_of(services).offered,
            "minimum": MINIMUM,
            "maximum": MAXIMUM,
        }


class PasswordPage(FormPage):
    """One's own password, by choice, or because it was made for one use."""

    path = "/password"
    menu_label = lazy_gettext("Change the password")
    add_to_menu = False
    before_password_change = True
    template = "password.html"

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Change the password; every other session ends."""
        services, keep = services_of(request), "keep_tokens" in typed
        current, new = typed.get("current_password", ""), typed.get("new_password", "")
        if new != typed.get("new_password_again", ""):
            raise not_the_same("new_password_again")
        secret = await change_password(
            services, identity_of(request), browser_of(request), current, new, keep_tokens=keep
        )
        if keep:
            said = gettext("The password is changed. You were signed out everywhere else; your tokens still work.")
        else:
            said = gettext("The password is changed. You were signed out everywhere else, and your tokens are revoked.")
        flash(request, said, "success")
        return go_on(request, secret, next_of(request))

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """The tokens that the change revokes, unless the form says otherwise."""
        identity = identity_of(request)
        return {
            "identity": identity,
            "tokens": await services_of(request).store.read(list_tokens, identity.user_number),
            "keep_tokens": "keep_tokens" in typed,
            "minimum": MINIMUM,
            "maximum": MAXIMUM,
        }


class ConfirmPage(FormPage):
    """The password once more, for browsers that run no scripts: others ask for it on the page of the form itself."""

    path = "/confirm"
    menu_label = lazy_gettext("Confirm your password")
    add_to_menu = False
    template = "confirm.html"

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Confirm the session and go back to the page that needs it."""
        secret = await confirmation.confirm(services_of(request), identity_of(request), typed.get("password", ""))
        return go_on(request, secret, next_of(request))

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Whose password it is."""
        return {"identity": identity_of(request)}


class SignOutPage(Page):
    """The end of this session; there is nothing to see."""

    path = "/logout"
    add_to_menu = False
    before_password_change = True

    @route("", methods=["POST"])
    async def index(self, request: Request) -> Response:
        """End the session, and go to the sign-in page."""
        identity = identity_of(request)
        if identity.session is not None:
            await sign_out(services_of(request), identity.actor, identity.user_number, identity.session)
        flash(request, gettext("You are signed out."), "success")
        response = RedirectResponse("/admin/login", 303)
        cookies.forget_session(request, response)
        return response


def next_of(request: Request) -> str:
    """The page of this site that ``next`` names, else the home page."""
    wanted = request.query_params.get("next", "")
    strange = any(character <= " " or character in "\\\x7f" for character in wanted)
    if strange or len(wanted) > NEXT_AT_MOST or not wanted.startswith(HOME):
        return HOME
    return wanted


def browser_of(request: Request) -> Browser:
    """Where the request comes from."""
    return Browser(address_of(request), request.headers.get("user-agent"))


def welcome(request: Request, opened: Opened, path: str) -> Response:
    """Hand the session to the browser, and the language that the person chose, and go on."""
    response = go_on(request, opened.secret, path)
    if opened.user.language in LANGUAGES and LANGUAGE_COOKIE not in request.cookies:
        response.set_cookie(LANGUAGE_COOKIE, opened.user.language, samesite="lax", secure=cookies.is_secure(request))
    return response


def go_on(request: Request, secret: str, path: str) -> Response:
    """Redirect to ``path`` and hand the session's secret to the browser."""
    response = RedirectResponse(path, 303)
    cookies.write_session(request, response, secret, lifetime_of(services_of(request)))
    return response


def not_the_same(field: str) -> ProblemError:
    """The two new passwords differ."""
    detail = gettext("This is not the same password: type the new one twice.")
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "not_the_same", detail, field=field)
