"""The account page: the user's own contacts, language, sessions and API tokens."""

from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin import shown_once
from api.admin.flash import flash
from api.admin.page import Page, identity_of, number_in_path, route, services_of
from api.admin.user_agents import browser_words
from api.admin.users import ROLE_WORDS, platform_typed, stored_contacts, without_unchanged_contacts
from api.i18n import LANGUAGE_COOKIE, LANGUAGES, gettext, lazy_gettext, set_locale
from api.identity import accounts, confirmation, cookies, review_settings, sign_in, tokens
from api.identity.roles import Role
from api.person_exports import send_account
from api.problems import ProblemError
from store import login_sessions as stored_sessions
from store import tokens as stored_tokens

HERE = "/admin/account"
DAYS = (7, 30, 90, 366)


class AccountPage(Page):
    """The settings, sessions and tokens of the signed-in user."""

    path = "/account"
    any_role: ClassVar[bool] = True
    menu_label = lazy_gettext("My account")
    icon = "fa-solid fa-user-gear"
    template: ClassVar[str] = "account.html"

    @route("")
    async def index(self, request: Request) -> Response:
        """Show the account, once with the secret of a new token."""
        secret = shown_once.handed_over(request)
        response = await self._show(request, secret=secret)
        return shown_once.forget(request, response) if secret else response

    @route("/details", methods=["POST"], name="account-details")
    async def save_details(self, request: Request) -> Response:
        """Change phone, e-mail and language. Only contacts need a confirmed session."""
        form = await request.form()
        typed = {name: str(form[name]) for name in ("phone", "email", "language") if name in form}
        identity, services = identity_of(request), services_of(request)
        try:
            changes = await without_unchanged_contacts(services, identity.user_number, typed)
            if accounts.CONTACTS & changes.keys():
                confirmation.require_confirmed(identity, services.now())
            await accounts.edit_user(services, identity.actor, identity.user_number, changes)
        except ProblemError as problem:
            return await self._show(request, problem, typed=typed)
        response = RedirectResponse(HERE, 303)
        if typed.get("language") in LANGUAGES:
            set_locale(typed["language"])
            secure = cookies.is_secure(request)
            response.set_cookie(LANGUAGE_COOKIE, typed["language"], samesite="lax", secure=secure)
        flash(request, gettext("Your account was updated."), "success")
        return response

    @route("/export", methods=["POST"], name="account-export")
    async def export(self, request: Request) -> Response:
        """Download what is stored about the account."""
        identity, services = identity_of(request), services_of(request)
        try:
            confirmation.require_confirmed(identity, services.now())
            return await send_account(services, identity.actor, identity.user_number)
        except ProblemError as problem:
            return await self._show(request, problem)

    @route("/review", methods=["POST"], name="account-review")
    async def save_review_settings(self, request: Request) -> Response:
        """Change the review page's number keys and quick reasons."""
        form, identity = await request.form(), identity_of(request)
        typed = {name: str(form.get(name, "")) for name in ("number_keys", "quick_reasons")}
        try:
            await accounts.edit_user(services_of(request), identity.actor, identity.user_number, typed)
        except ProblemError as problem:
            return await self._show(request, problem, typed=typed)
        flash(request, gettext("The review settings are saved."), "success")
        return RedirectResponse(HERE, 303)

    @route("/sessions/end", methods=["POST"], name="account-end-sessions")
    async def end_sessions(self, request: Request) -> Response:
        """End one session or all other sessions; with ``revoke_tokens`` in the form, also revoke all tokens."""
        identity, services, form = identity_of(request), services_of(request), await request.form()
        which = str(form.get("session", ""))
        if which == "others":
            await accounts.sign_out_everywhere(
                services,
                identity.actor,
                identity.user_number,
                but=identity.session,
                revoke_tokens="revoke_tokens" in form,
            )
            flash(request, gettext("You were signed out everywhere else."), "success")
        else:
            await sign_in.sign_out(services, identity.actor, identity.user_number, _digest(which))
            flash(request, gettext("The session was ended."), "success")
        return RedirectResponse(HERE, 303)

    @route("/tokens", methods=["POST"], name="account-add-token")
    async def add_token(self, request: Request) -> Response:
        """Create a token, whose secret the account page then shows once."""
        form, identity, services = await request.form(), identity_of(request), services_of(request)
        typed = {field: str(form.get(field, "")) for field in ("token_name", "role", "platform", "days")}
        role, days = typed["role"], typed["days"]
        if role not in list(Role) or days not in map(str, DAYS):
            raise HTTPException(422)
        try:
            confirmation.require_confirmed(identity, services.now())
            new = tokens.NewToken(typed["token_name"], Role(role), int(days), platform_typed(typed))
            _, secret = await tokens.create(
                services, identity.actor, identity.user_number, new, within=identity.session
            )
        except ProblemError as problem:
            return await self._show(request, problem, typed=typed)
        return shown_once.hand_over(request, RedirectResponse(HERE, 303), secret, HERE)

    @route("/tokens/{number:int}/revoke", methods=["POST"], name="account-revoke-token")
    async def revoke_token(self, request: Request) -> Response:
        """Revoke a token."""
        identity = identity_of(request)
        try:
            await tokens.revoke(services_of(request), identity.actor, identity.user_number, number_in_path(request))
        except ProblemError as problem:
            return await self._show(request, problem)
        flash(request, gettext("The token was revoked and no longer works."), "success")
        return RedirectResponse(HERE, 303)

    @route("/tokens/revoke", methods=["POST"], name="account-revoke-tokens")
    async def revoke_tokens(self, request: Request) -> Response:
        """Revoke all tokens."""
        identity = identity_of(request)
        await tokens.revoke_all(services_of(request), identity.actor, identity.user_number)
        flash(request, gettext("All tokens were revoked."), "success")
        return RedirectResponse(HERE, 303)

    async def _show(
        self,
        request: Request,
        problem: ProblemError | None = None,
        typed: dict[str, str] | None = None,
        secret: str | None = None,
    ) -> Response:
        identity, services = identity_of(request), services_of(request)
        user = await accounts.read_user(services, identity.user_number)
        async with services.store.reading() as connection:
            sessions = await stored_sessions.list_sessions(
                connection, user.number, services.now(), sign_in.idle_of(services)
            )
            own_tokens = await stored_tokens.list_tokens(connection, user.number)
        contacts = accounts.contacts_of(services)
        stored = {
            **stored_contacts(services, user),
            "language": user.language or "",
            "number_keys": review_settings.number_keys_of(user.number_keys),
            "quick_reasons": user.quick_reasons or "",
            "role": Role.PLATFORM if identity.role is Role.PLATFORM else Role.USER,
            "platform": identity.platform or "",
            "days": "90",
        }
        shown = {
            "user": user,
            "identity": identity,
            "roles": ROLE_WORDS,
            "role_choices": [role for role in Role if identity.role.includes(role)],
            "reviews": identity.role.includes(Role.REVIEWER),
            "days": DAYS,
            "contacts": contacts.offered,
            "typed": {**stored, **(typed or {})},
            "sessions": sessions,
            "browser_words": browser_words,
            "tokens": own_tokens,
            "now": services.now(),
            "secret": secret,
        }
        return self.render(request, shown, problem=problem)


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise HTTPException(422) from None
