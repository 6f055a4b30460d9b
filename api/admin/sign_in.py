"""Signing in, signing up, signing out, confirming and changing a password: the pages that come before all others."""

from http import HTTPStatus
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette_admin import route
from starlette_admin.auth import login_not_required
from starlette_admin.flash import flash
from starlette_admin.i18n import get_locale, gettext, lazy_gettext

from api.admin.language import LANGUAGE_COOKIE, LANGUAGES
from api.admin.page import Page, identity_of, services_of
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


class SignInPage(Page):
    """Name and password; leads on to the page that was asked for."""

    path = "/login"
    route_name = "login"
    menu_label = lazy_gettext("Sign in")
    add_to_menu = False
    role: ClassVar[Role | None] = None
    template = "sign_in.html"

    @route("")
    @login_not_required
    async def index(self, request: Request) -> Response:
        """The form, or the page that was asked for where somebody is signed in already."""
        if getattr(request.state, "identity", None) is not None:
            return RedirectResponse(next_of(request), 303)
        return self._form(request)

    @route("", methods=["POST"], name="sign-in")
    @login_not_required
    async def submit(self, request: Request) -> Response:
        """Open a session."""
        form = await request.form()
        name = str(form.get("name", ""))
        old = cookies.read_session(request)
        try:
            opened = await sign_in(services_of(request), browser_of(request), name, str(form.get("password", "")), old)
        except ProblemError as problem:
            return self._form(request, problem, name)
        return welcome(request, opened, next_of(request))

    def _form(self, request: Request, problem: ProblemError | None = None, name: str = "") -> Response:
        shown = {
            "problem": problem,
            "name": name,
            "next": request.query_params.get("next", ""),
            "sign_up": services_of(request).settings.sign_up != "closed",
        }
        return answer(self.render(request, shown, status=problem.status if problem else 200), problem)


class SignUpPage(Page):
    """A new account, which an admin lets in where the settings say so."""

    path = "/sign-up"
    route_name = "sign-up"
    menu_label = lazy_gettext("Sign up")
    add_to_menu = False
    role: ClassVar[Role | None] = None
    template = "sign_up.html"

    @route("")
    @login_not_required
    async def index(self, request: Request) -> Response:
        """The form."""
        if getattr(request.state, "identity", None) is not None:
            return RedirectResponse(HOME, 303)
        return self._form(request)

    @route("", methods=["POST"], name="sign-up-submit")
    @login_not_required
    async def submit(self, request: Request) -> Response:
        """Make the account, and open a session where nobody has to let it in."""
        services = services_of(request)
        typed = {name: str(value) for name, value in (await request.form()).items()}
        try:
            if typed.get("password") != typed.get("password_again"):
                raise not_the_same("password_again")
            form = Form(
                typed.get("name", ""),
                typed.get("password", ""),
                typed.get("phone"),
                typed.get("email"),
                language=get_locale(),
            )
            user = await sign_up(services, address_of(request), form)
        except ProblemError as problem:
            return self._form(request, problem, typed)
        if user.state == "active":
            return welcome(request, await open_session(services, browser_of(request), user), HOME)
        return self.render(request, {"waits": user.name})

    def _form(
        self, request: Request, problem: ProblemError | None = None, typed: dict[str, str] | None = None
    ) -> Response:
        services = services_of(request)
        shown = {
            "problem": problem,
            "typed": {name: value for name, value in (typed or {}).items() if not name.startswith("password")},
            "settings": services.settings,
            "contacts": contacts_of(services).offered,
            "minimum": MINIMUM,
            "maximum": MAXIMUM,
        }
        return answer(self.render(request, shown, status=problem.status if problem else 200), problem)


class PasswordPage(Page):
    """One's own password, by choice, or because it was made for one use."""

    path = "/password"
    route_name = "password"
    menu_label = lazy_gettext("Change the password")
    add_to_menu = False
    template = "password.html"

    @route("")
    async def index(self, request: Request) -> Response:
        """The form."""
        return await self._form(request)

    @route("", methods=["POST"], name="password-change")
    async def submit(self, request: Request) -> Response:
        """Change the password; every other session ends."""
        form = await request.form()
        identity, keep = identity_of(request), "keep_tokens" in form
        current, new = str(form.get("current_password", "")), str(form.get("new_password", ""))
        try:
            if new != str(form.get("new_password_again", "")):
                raise not_the_same("new_password_again")
            secret = await change_password(
                services_of(request), identity, browser_of(request), current, new, keep_tokens=keep
            )
        except ProblemError as problem:
            return await self._form(request, problem, keep=keep)
        if keep:
            said = gettext("The password is changed. You were signed out everywhere else; your tokens still work.")
        else:
            said = gettext("The password is changed. You were signed out everywhere else, and your tokens are revoked.")
        flash(request, said, "success")
        response = RedirectResponse(next_of(request), 303)
        cookies.write_session(request, response, secret, lifetime_of(services_of(request)))
        return response

    async def _form(self, request: Request, problem: ProblemError | None = None, *, keep: bool = False) -> Response:
        identity, services = identity_of(request), services_of(request)
        async with services.store.reading() as connection:
            tokens = await list_tokens(connection, identity.user_number)
        shown = {
            "problem": problem,
            "identity": identity,
            "tokens": tokens,
            "keep_tokens": keep,
            "next": request.query_params.get("next", ""),
            "minimum": MINIMUM,
            "maximum": MAXIMUM,
        }
        return answer(self.render(request, shown, status=problem.status if problem else 200), problem)


class ConfirmPage(Page):
    """The password once more, for browsers that run no scripts: others ask for it on the page of the form itself."""

    path = "/confirm"
    route_name = "confirm"
    menu_label = lazy_gettext("Confirm your password")
    add_to_menu = False
    template = "confirm.html"

    @route("")
    async def index(self, request: Request) -> Response:
        """The form."""
        return self._form(request)

    @route("", methods=["POST"], name="confirm-password")
    async def submit(self, request: Request) -> Response:
        """Confirm the session and go back to the page that needs it."""
        services, identity = services_of(request), identity_of(request)
        password = str((await request.form()).get("password", ""))
        try:
            secret = await confirmation.confirm(services, identity, password)
        except ProblemError as problem:
            return self._form(request, problem)
        response = RedirectResponse(next_of(request), 303)
        cookies.write_session(request, response, secret, lifetime_of(services))
        return response

    def _form(self, request: Request, problem: ProblemError | None = None) -> Response:
        shown = {"problem": problem, "identity": identity_of(request), "next": request.query_params.get("next", "")}
        return answer(self.render(request, shown, status=problem.status if problem else 200), problem)


class SignOutPage(Page):
    """The end of this session; there is nothing to see."""

    path = "/logout"
    route_name = "logout"
    add_to_menu = False

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
    response = RedirectResponse(path, 303)
    cookies.write_session(request, response, opened.secret, lifetime_of(services_of(request)))
    if opened.user.language in LANGUAGES and LANGUAGE_COOKIE not in request.cookies:
        response.set_cookie(LANGUAGE_COOKIE, opened.user.language, samesite="lax", secure=cookies.is_secure(request))
    return response


def not_the_same(field: str) -> ProblemError:
    """The two new passwords differ."""
    detail = gettext("This is not the same password: type the new one twice.")
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "not_the_same", detail, field=field)


def answer(response: Response, problem: ProblemError | None) -> Response:
    """A page with the headers of the problem that it shows."""
    if problem is not None and problem.headers:
        response.headers.update(problem.headers)
    return response
