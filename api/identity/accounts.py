"""The rules for creating and changing accounts. Every change is recorded in the audit log.

The REST API, the pages and the commands change accounts only through these functions.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from api.i18n import gettext
from api.identity.binding import binding_change, check_binding
from api.identity.confirmation import check_own_password
from api.identity.contacts import Contacts
from api.identity.identity import Identity
from api.identity.names import check_name
from api.identity.observations import Observation, anonymous
from api.identity.passwords import temporary_password
from api.identity.review_settings import check_number_keys, check_quick_reasons
from api.identity.roles import Role
from api.identity.sign_in import Browser, Opened, renew, session_ended
from api.identity.throttle import (
    SIGN_IN_OF_ACCOUNT,
    SIGN_UP_FROM_ADDRESS,
    Limit,
    Throttle,
    lock_out_recorded,
    network_of,
)
from api.problems import ProblemError
from api.services import AccountServices, Services
from store import accounts, audit, identities, login_sessions, tokens
from store.accounts import NewUser, State, User
from store.audit import JSON, Actor
from store.session import WriteSession
from store.store import Store

LANGUAGES = ("zh", "en")
CONTACTS = frozenset({"phone", "email"})


@dataclass(frozen=True, slots=True)
class Form:
    """The input for a new account. Contacts are as the person typed them; ``platform`` is that of the role platform."""

    name: str
    password: str
    phone: str | None = None
    email: str | None = None
    language: str | None = None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The number of sessions ended and tokens revoked."""

    sessions: int
    tokens: int

    def audit_detail(self) -> dict[str, JSON]:
        """Return the numbers as the audit log records them."""
        return {"sessions_ended": self.sessions, "tokens_revoked": self.tokens}


async def sign_up(services: Services, address: str | None, form: Form) -> User:
    """Create an account by sign-up. It waits for an admin's approval if the settings require that.

    Raises ProblemError: 403 if sign-up is closed, 429 after too many attempts, 422 for invalid input, 409 for a name
    that is taken.
    """
    if services.settings.sign_up_offered() == "closed":
        detail = gettext("Sign-up is closed: ask an administrator for an account.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "sign_up_closed", detail)
    async with lock_out_recorded(services, anonymous(address), None):
        await Throttle(services).take(Limit(SIGN_UP_FROM_ADDRESS, network_of(address)))
    state: State = "active" if services.settings.sign_up_offered() == "open" else "waiting"
    new = await _new_user(services, form, Role.USER, state, must_change_password=False)
    async with changing(services.store) as session:
        number = await accounts.add_user(session, new, services.now())
        actor = Actor(number, new.name, "session", address)
        await audit.record(session, actor, "user.sign_up", "user", str(number), {"name": new.name, "state": state})
    return await read_user(services, number)


async def create_user(
    services: AccountServices, actor: Actor, form: Form, role: Role, *, must_change_password: bool = True
) -> int:
    """Create an active account and return its number. By default its password must be changed at the first sign-in.

    Raises ProblemError: 422 for invalid input, 409 for a name that is taken.
    """
    new = await _new_user(services, form, role, "active", must_change_password=must_change_password)
    async with changing(services.store) as session:
        number = await accounts.add_user(session, new, services.now())
        await audit.record(session, actor, "user.create", "user", str(number), _created(new))
    return number


async def read_user(services: AccountServices, number: int) -> User:
    """Return an account. Raises ProblemError, 404."""
    async with services.store.reading() as connection:
        user = await accounts.find_user(connection, number)
    if user is None:
        raise _no_account(number)
    return user


async def edit_user(
    services: AccountServices,
    actor: Actor,
    number: int,
    changes: Mapping[str, str | None],
    cause: Mapping[str, JSON] = MappingProxyType({}),
) -> int:
    """Change the fields of an account that ``changes`` contains: name, role, platform, contacts or settings.

    A lower role or another platform revokes the account's tokens, so that they stay invalid even if it is changed back.
    The audit log also gets ``cause``. Returns the number of tokens revoked.
    Raises ProblemError: 404, 409 for a name that is taken, for demoting the last admin or for replacing a contact that
    cannot be decrypted, 422 for invalid input.
    """
    role = Role(changes["role"] or "") if "role" in changes else None
    async with changing(services.store) as session:
        if role is not None and role != Role.ADMIN:
            await accounts.require_another_admin(session, number)
        before = await accounts.lock_user(session, number)
        columns = _columns(services, before, changes) | binding_change(before, role, changes)
        await accounts.update_user(session, number, columns)
        detail, revoked = _audit_detail(before, columns), 0
        other_platform = columns.get("platform", before.platform) != before.platform
        if other_platform or (role is not None and not role.includes(Role(before.role))):
            detail["tokens_revoked"] = revoked = await tokens.revoke_tokens(session, number, services.now())
        if detail:
            await audit.record(session, actor, "user.edit", "user", str(number), {**detail, **cause})
    return revoked


async def approve(services: AccountServices, actor: Actor, number: int, role: Role | None = None) -> None:
    """Approve a waiting account, with ``role`` if it is given. Raises ProblemError: 404, 409 if it is not waiting.

    An account is bound to a platform when it is created or edited, not here: 422 for that role.
    """
    if role is not None:
        check_binding(role, None)
    await _set_state(services, actor, number, "user.approve", "waiting", "active", role)


async def enable(services: AccountServices, actor: Actor, number: int) -> None:
    """Allow a disabled account to sign in again. Raises ProblemError: 404, 409 if it is not disabled."""
    await _set_state(services, actor, number, "user.enable", "disabled", "active")


async def disable(services: AccountServices, actor: Actor, number: int) -> Ended:
    """Disable an account, end its sessions and revoke its tokens. Returns the numbers of both.

    Raises ProblemError: 404, 409 if it is the last admin or already disabled.
    """
    async with changing(services.store) as session:
        await accounts.require_another_admin(session, number)
        before = await accounts.lock_user(session, number)
        if before.state == "disabled":
            raise _wrong_state(before, "disabled")
        await accounts.update_user(session, number, {"state": "disabled"})
        ended = await end_access(services, session, number)
        await audit.record(session, actor, "user.disable", "user", str(number), ended.audit_detail())
    return ended


async def reset_password(services: AccountServices, actor: Actor, number: int) -> tuple[str, Ended]:
    """Set a temporary password, end the account's sessions and revoke its tokens.

    Returns the password, which is not stored, and the numbers of sessions and tokens.
    Raises ProblemError: 404, 409 for an account that signs in with single sign-on.
    """
    throttle, password = Throttle(services), temporary_password()
    hashed = await services.passwords.hash(password)
    changes = {"password_hash": hashed, "must_change_password": True, "password_changed_at": services.now()}
    changes["passwords_until"] = None
    async with changing(services.store) as session:
        user = await accounts.lock_user(session, number)
        if await identities.find_subject(session.connection, number) is not None:
            detail = gettext("The account %(name)s signs in with single sign-on: it has no password here.")
            raise ProblemError(HTTPStatus.CONFLICT, "no_password", detail % {"name": user.name})
        await accounts.update_user(session, number, changes)
        ended = await end_access(services, session, number)
        await audit.record(session, actor, "user.reset_password", "user", str(number), ended.audit_detail())
    await throttle.forget(Limit(SIGN_IN_OF_ACCOUNT, accounts.fold(user.name)))
    return password, ended


async def sign_out_everywhere(
    services: AccountServices,
    actor: Actor,
    number: int,
    *,
    but: bytes | None = None,
    revoke_tokens: bool = False,
    cause: Mapping[str, JSON] = MappingProxyType({}),
) -> Ended:
    """End an account's sessions, except the one with the digest ``but``, and revoke its tokens if ``revoke_tokens``.

    The audit log also gets ``cause``. Raises ProblemError, 404.
    """
    async with changing(services.store) as session:
        await accounts.lock_user(session, number)
        ended = await login_sessions.delete_sessions(session, number, but=but)
        revoked = await tokens.revoke_tokens(session, number, services.now()) if revoke_tokens else 0
        detail: dict[str, JSON] = {"sessions_ended": ended}
        if revoke_tokens:
            detail["tokens_revoked"] = revoked
        await audit.record(session, actor, "user.sign_out_everywhere", "user", str(number), {**detail, **cause})
    return Ended(ended, revoked)


async def change_password(
    services: Services, identity: Identity, browser: Browser, current: str, new: str, *, keep_tokens: bool = False
) -> Opened:
    """Change the caller's password, end all of its sessions and open a new one.

    Tokens are revoked unless ``keep_tokens``. If only an emergency password lets the account in, the new password and
    session expire when the emergency password does.
    Raises ProblemError: 403 for a token, 429 after too many attempts, 422 for a wrong current or a weak new password,
    401 if the session has ended.
    """
    known = await check_own_password(services, identity, current, "current_password")
    await services.passwords.check(new, identity.name, "new_password")
    if new == current:
        sentence = gettext("This is your current password: choose another one.")
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "same_password", sentence, field="new_password")
    hashed, now = await services.passwords.hash(new), services.now()
    changes: dict[str, Any] = {"must_change_password": False, "password_changed_at": now}
    async with changing(services.store) as session:
        user = await accounts.lock_password(session, identity.user_number, known)
        if user is None or not await login_sessions.lock_session(
            session, identity.user_number, identity.session or b""
        ):
            raise session_ended()
        linked = await identities.find_subject(session.connection, user.number) is not None
        if services.settings.local_passwords and not linked:
            changes["passwords_until"] = None
        changed = replace(user, **changes)
        await accounts.update_user(session, user.number, {**changes, "password_hash": hashed})
        detail: dict[str, JSON] = {"sessions_ended": await login_sessions.delete_sessions(session, user.number)}
        if not keep_tokens:
            detail["tokens_revoked"] = await tokens.revoke_tokens(session, user.number, now)
        secret = await renew(services, session, browser, changed)
        await audit.record(session, identity.actor, "user.change_password", "user", str(user.number), detail)
    return Opened(changed, secret)


async def record_contacts_read(services: Services, identity: Identity, users: Sequence[User]) -> None:
    """Record in the audit log that contacts of other accounts were shown. Raises what ``Store.writing`` raises."""
    shown = [user.number for user in users if user.number != identity.user_number and user.has_contacts]
    if shown:
        one = str(shown[0]) if len(shown) == 1 else ""
        detail: dict[str, JSON] = {} if one else {"accounts": shown}
        subject = f"{identity.user_number} {one}"
        observed = Observation("user.read_contacts", "user" if one else "users", one, subject, detail)
        await services.observations.record(services.store, identity.actor, observed)


def contacts_of(services: AccountServices) -> Contacts:
    """Return the encryption of phone numbers and e-mail addresses."""
    return Contacts(services.settings.contact_keys())


async def _new_user(
    services: AccountServices, form: Form, role: Role, state: State, *, must_change_password: bool
) -> NewUser:
    """Validate the input for a new account. Raises ProblemError, 422, for an invalid name, password or contact."""
    name, platform = check_name(form.name), check_binding(role, form.platform)
    await services.passwords.check(form.password, name)
    contacts = contacts_of(services)
    return NewUser(
        name=name,
        role=role,
        state=state,
        phone_encrypted=contacts.encrypt_phone(form.phone),
        email_encrypted=contacts.encrypt_email(form.email),
        language=form.language if form.language in LANGUAGES else None,
        must_change_password=must_change_password,
        platform=platform,
        # Last, because it is slow.
        password_hash=await services.passwords.hash(form.password),
    )


def _columns(services: AccountServices, before: User, changes: Mapping[str, str | None]) -> dict[str, object]:
    """Return the columns that a change sets. Raises ProblemError, 422, or 409 for a contact that cannot be decrypted.

    A name that does not change is not checked: it may be older than the rules.
    """
    contacts = contacts_of(services)
    columns: dict[str, object] = {}
    for field, value in changes.items():
        if field == "name" and (value or "").strip() != before.name:
            columns["name"] = check_name(value or "")
        elif field == "role":
            columns["role"] = Role(value or "")
        elif field == "phone":
            encrypted = contacts.encrypt_phone(value)
            columns |= contacts.replacement("phone_encrypted", before.phone_encrypted, encrypted)
        elif field == "email":
            encrypted = contacts.encrypt_email(value)
            columns |= contacts.replacement("email_encrypted", before.email_encrypted, encrypted)
        elif field == "language":
            columns["language"] = value if value in LANGUAGES else None
        elif field == "number_keys":
            columns["number_keys"] = check_number_keys(value)
        elif field == "quick_reasons":
            columns["quick_reasons"] = check_quick_reasons(value)
    return columns


def _created(new: NewUser) -> dict[str, JSON]:
    """Return a new account as the audit log records it."""
    created: dict[str, JSON] = {"name": new.name, "role": new.role}
    return created if new.platform is None else created | {"platform": new.platform}


def _audit_detail(before: User, columns: Mapping[str, object]) -> dict[str, JSON]:
    """Return old and new values for the audit log; for contacts, only that they changed."""
    detail: dict[str, JSON] = {}
    for column, value in columns.items():
        old = getattr(before, column)
        if old != value:
            secret = column.endswith("_encrypted")
            detail[column.removesuffix("_encrypted")] = (
                "changed" if secret else [old, None if value is None else str(value)]
            )
    return detail


async def end_access(services: AccountServices, session: WriteSession, number: int) -> Ended:
    """End all sessions and revoke all tokens of an account in the caller's transaction."""
    ended = await login_sessions.delete_sessions(session, number)
    return Ended(ended, await tokens.revoke_tokens(session, number, services.now()))


async def _set_state(
    services: AccountServices,
    actor: Actor,
    number: int,
    action: str,
    old: State,
    new: State,
    role: Role | None = None,
) -> None:
    async with changing(services.store) as session:
        before = await accounts.lock_user(session, number)
        if before.state != old:
            raise _wrong_state(before, new)
        changed = role if role is not None and role != before.role else None
        await accounts.update_user(session, number, {"state": new, **({"role": changed} if changed else {})})
        detail: dict[str, JSON] = {"role": [before.role, changed]} if changed else {}
        await audit.record(session, actor, action, "user", str(number), detail)


@asynccontextmanager
async def changing(store: Store) -> AsyncIterator[WriteSession]:
    """Open a transaction in which errors of the store become problems in the language of the request."""
    with problems():
        async with store.writing() as session:
            yield session


@contextmanager
def problems() -> Iterator[None]:
    """Turn errors of the store about accounts into problems in the language of the request."""
    try:
        yield
    except accounts.LastAdminError:
        detail = gettext("This is the last administrator: appoint another one first.")
        raise ProblemError(HTTPStatus.CONFLICT, "last_admin", detail) from None
    except accounts.NameTakenError:
        detail = gettext("Another account has this name, or one that looks the same: choose another one.")
        raise ProblemError(HTTPStatus.CONFLICT, "name_taken", detail, field="name") from None
    except accounts.NoAccountError as error:
        raise _no_account(error.number) from None


def _no_account(number: int) -> ProblemError:
    detail = gettext("There is no account %(number)s.") % {"number": number}
    return ProblemError(HTTPStatus.NOT_FOUND, "no_account", detail)


def _wrong_state(user: User, new: State) -> ProblemError:
    """Return the problem of an account that cannot change from its state to ``new``."""
    if user.state == new:
        detail = {
            "active": gettext("The account %(name)s is already active."),
            "disabled": gettext("The account %(name)s is already disabled."),
        }[user.state]
    elif user.state == "waiting":
        detail = gettext("The account %(name)s is awaiting approval: approve it.")
    else:
        detail = gettext("The account %(name)s is disabled: enable it.")
    return ProblemError(HTTPStatus.CONFLICT, "wrong_state", detail % {"name": user.name})
