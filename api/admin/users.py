"""The accounts pages for administrators: find, create, edit, approve and disable accounts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin import shown_once
from api.admin.flash import flash
from api.admin.page import Page, identity_of, number_in_path, number_or_none, route, services_of
from api.admin.sign_in import passwords_differ
from api.i18n import gettext, lazy_gettext
from api.identity import account_erasure, accounts, confirmation, second_factor, tokens
from api.identity.accounts import Form
from api.identity.passwords import MAXIMUM, MINIMUM
from api.identity.roles import Role
from api.person_exports import send_account
from api.problems import ProblemError
from api.services import Services
from store.accounts import State, User, UserFilter, list_users
from store.identities import find_subject
from store.second_factors import find_second_factor
from store.tokens import list_tokens

LIST = "/admin/users"
# Actions that only remove access. All others need a confirmed session.
UNCONFIRMED = frozenset({"sign-out", "revoke-tokens"})
T = TypeVar("T")
PAGE = 50
STATES: tuple[State, ...] = ("waiting", "active", "disabled")
STATE_WORDS = {
    "waiting": lazy_gettext("Awaiting approval"),
    "active": lazy_gettext("Can sign in"),
    "disabled": lazy_gettext("Disabled"),
}
ROLE_WORDS = {
    Role.PLATFORM: lazy_gettext("Platform team"),
    Role.USER: lazy_gettext("User"),
    Role.REVIEWER: lazy_gettext("Reviewer"),
    Role.ADMIN: lazy_gettext("Administrator"),
}
ROLE_ADVICE = {
    Role.PLATFORM: lazy_gettext("reads only the labels, trend and rejected events of one platform"),
    Role.USER: lazy_gettext("labels their own texts and sees counts of labels"),
    Role.REVIEWER: lazy_gettext("also reads comments and corrects their labels"),
    Role.ADMIN: lazy_gettext("also manages accounts, notices, models and dead letters"),
}


class UsersPage(Page):
    """The list of accounts, and a page for each account."""

    path = "/users"
    menu_label = lazy_gettext("People")
    icon = "fa-solid fa-users"
    role: ClassVar[Role | None] = Role.ADMIN
    template = "users.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return one page of accounts."""
        query = request.query_params
        filter = UserFilter(
            search=query.get("search", "").strip()[:64] or None,
            role=_one_of(query.get("role"), Role),
            state=_one_of(query.get("state"), STATES),
        )
        after = number_or_none(query.get("after"))
        async with services_of(request).store.reading() as connection:
            found, following = await list_users(connection, filter, after, PAGE)
        more = request.url.include_query_params(after=following).query if following else None
        return {
            **_words(),
            "identity": identity_of(request),
            "filter": filter,
            "users": found,
            "more": more,
            "first": after is None,
        }

    @route("/new", name="user-new")
    async def new(self, request: Request) -> Response:
        """Show an empty form."""
        return self._new_form(request)

    @route("/new", methods=["POST"], name="user-add")
    async def add(self, request: Request) -> Response:
        """Create the account."""
        typed = await _typed(request)
        try:
            _require_confirmed(request)
            if typed.get("password") != typed.get("password_again"):
                raise passwords_differ("password_again")
            form = Form(typed.get("name", ""), typed.get("password", ""), typed.get("phone"), typed.get("email"))
            form = replace(form, platform=platform_typed(typed))
            number = await accounts.create_user(
                services_of(request),
                identity_of(request).actor,
                form,
                _one_of(typed.get("role"), Role) or Role.USER,
                must_change_password="must_change_password" in typed,
            )
        except ProblemError as problem:
            return self._new_form(request, problem, typed)
        flash(request, gettext("The account was created. Give its name and password to the person."), "success")
        return RedirectResponse(f"{LIST}/{number}", 303)

    @route("/{number:int}", name="user-edit")
    async def edit(self, request: Request) -> Response:
        """Show one account, after a reset once with the temporary password."""
        password = shown_once.handed_over(request)
        response = await self._show(request, password=password)
        return shown_once.forget(request, response) if password else response

    @route("/{number:int}", methods=["POST"], name="user-save")
    async def save(self, request: Request) -> Response:
        """Change name, role and contacts."""
        typed = await _typed(request)
        fields = ("name", "role", "phone", "email")
        services, number = services_of(request), number_in_path(request)
        sent = {field: typed[field] for field in fields if field in typed}
        try:
            if "role" in sent and _one_of(sent["role"], Role) is None:
                raise HTTPException(422)
            _require_confirmed(request)
            changes = await without_unchanged_contacts(services, number, sent)
            if "role" in sent:
                changes["platform"] = platform_typed(typed) or ""
            await accounts.edit_user(services, identity_of(request).actor, number, changes)
        except ProblemError as problem:
            return await self._show(request, problem, typed)
        flash(request, gettext("The account was updated."), "success")
        return RedirectResponse(request.url.path, 303)

    @route("/{number:int}/{action:str}", methods=["POST"], name="user-act")
    async def act(self, request: Request) -> Response:
        """Approve, disable, enable, reset password or second factor, sign out, revoke tokens, export or erase."""
        services, actor, number = services_of(request), identity_of(request).actor, number_in_path(request)
        action = request.path_params["action"]
        try:
            if action not in UNCONFIRMED:
                _require_confirmed(request)
            if action == "export":
                return await send_account(services, actor, number)
            if action == "erase":
                await account_erasure.erase_account(services, actor, number)
                flash(request, gettext("The account was erased."), "success")
                return RedirectResponse(LIST, 303)
            if action == "reset-password":
                password, _ = await accounts.reset_password(services, actor, number)
                shown_at = f"{LIST}/{number}"
                return shown_once.hand_over(request, RedirectResponse(shown_at, 303), password, shown_at)
            message = await self._change(request, action)
        except ProblemError as problem:
            return await self._show(request, problem)
        flash(request, message, "success")
        return RedirectResponse(f"{LIST}/{number}", 303)

    async def _change(self, request: Request, action: str) -> str:
        """Perform an action and return the message about it. Raises ProblemError, and HTTPException for another one."""
        services, actor, number = services_of(request), identity_of(request).actor, number_in_path(request)
        match action:
            case "approve":
                role = _one_of(str((await request.form()).get("role", "")), Role)
                await accounts.approve(services, actor, number, role)
                return gettext("The account was approved.")
            case "disable":
                await accounts.disable(services, actor, number)
                return gettext("The account was disabled and signed out everywhere, and its tokens were revoked.")
            case "enable":
                await accounts.enable(services, actor, number)
                return gettext("The account can sign in again.")
            case "sign-out":
                with_tokens = "revoke_tokens" in await request.form()
                await accounts.sign_out_everywhere(services, actor, number, revoke_tokens=with_tokens)
                return gettext("The account was signed out everywhere.")
            case "revoke-tokens":
                await tokens.revoke_all(services, actor, number)
                return gettext("All tokens of the account were revoked.")
            case "reset-second-factor":
                await second_factor.reset(services, actor, number)
                return gettext("The second factor was deleted.")
        raise HTTPException(404)

    @route("/{number:int}/tokens/{token:int}/revoke", methods=["POST"], name="user-revoke-token")
    async def revoke_token(self, request: Request) -> Response:
        """Revoke one token of an account."""
        number, token = number_in_path(request), number_in_path(request, "token")
        try:
            await tokens.revoke(services_of(request), identity_of(request).actor, number, token)
        except ProblemError as problem:
            return await self._show(request, problem)
        flash(request, gettext("The token was revoked and no longer works."), "success")
        return RedirectResponse(f"{LIST}/{number}", 303)

    async def _show(
        self,
        request: Request,
        problem: ProblemError | None = None,
        typed: Mapping[str, str] | None = None,
        password: str | None = None,
    ) -> Response:
        services = services_of(request)
        try:
            user = await accounts.read_user(services, number_in_path(request))
        except ProblemError as missing:
            raise HTTPException(missing.status) from None
        found = await services.store.read(list_tokens, user.number)
        person = await services.store.read(find_subject, user.number)
        factor = await services.store.read(find_second_factor, user.number)
        await accounts.record_contacts_read(services, identity_of(request), [user])
        shown = {
            **_words(),
            "title": user.name,
            "identity": identity_of(request),
            "user": user,
            "own": user.number == identity_of(request).user_number,
            "typed": {**_as_typed(request, user), **(typed or {})},
            "contacts": accounts.contacts_of(services).offered,
            "password": password,
            "subject": None if person is None else person[1],
            "second_factor": factor is not None and factor.confirmed_at is not None,
            "tokens": found,
            "now": services.now(),
        }
        return self.render(request, shown, template="user.html", problem=problem)

    def _new_form(
        self, request: Request, problem: ProblemError | None = None, typed: Mapping[str, str] | None = None
    ) -> Response:
        shown = {
            **_words(),
            "title": gettext("New account"),
            "identity": identity_of(request),
            "typed": {name: value for name, value in (typed or {}).items() if not name.startswith("password")},
            "must_change_password": typed is None or "must_change_password" in typed,
            "contacts": accounts.contacts_of(services_of(request)).offered,
            "minimum": MINIMUM,
            "maximum": MAXIMUM,
        }
        return self.render(request, shown, template="user_new.html", problem=problem)


def _words() -> dict[str, object]:
    return {"states": STATE_WORDS, "roles": ROLE_WORDS, "role_advice": ROLE_ADVICE}


def stored_contacts(services: Services, user: User) -> dict[str, str]:
    """Return an account's phone and e-mail as forms show them."""
    contacts = accounts.contacts_of(services)
    return {
        "phone": contacts.decrypt(user.phone_encrypted) or "",
        "email": contacts.decrypt(user.email_encrypted) or "",
    }


async def without_unchanged_contacts(services: Services, number: int, typed: Mapping[str, str]) -> dict[str, str]:
    """Return a form's values without contacts that the user did not change.

    A contact that no key decrypts is shown empty; saving another field must not remove it. Raises ProblemError with
    status 404 for an unknown account.
    """
    shown = stored_contacts(services, await accounts.read_user(services, number))
    return {name: value for name, value in typed.items() if name not in shown or value.strip() != shown[name]}


def _require_confirmed(request: Request) -> None:
    confirmation.require_confirmed(identity_of(request), services_of(request).now())


def _as_typed(request: Request, user: User) -> dict[str, str]:
    stored = {"name": user.name, "role": user.role, "platform": user.platform or ""}
    return stored | {**stored_contacts(services_of(request), user)}


def platform_typed(typed: Mapping[str, str]) -> str | None:
    """Return the platform in a form; None if the chosen role has none, so that the field may keep its text."""
    return typed.get("platform") if typed.get("role") == Role.PLATFORM else None


async def _typed(request: Request) -> dict[str, str]:
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


def _one_of(value: str | None, known: Iterable[T]) -> T | None:
    return next((one for one in known if one == value), None)
