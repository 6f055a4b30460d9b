"""Accounts of persons at the OpenID Connect provider. Issuer and ``sub`` identify a person, never a name or e-mail."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from api.i18n import gettext
from api.identity.accounts import changing, edit_user
from api.identity.names import NAME
from api.identity.passwords import temporary_password
from api.identity.roles import Role
from api.identity.sign_in import Browser, require_active
from api.identity.throttle import SIGN_IN_OF_ACCOUNT, Limit, Throttle
from api.problems import ProblemError
from api.services import AccountServices, Services
from store import accounts, audit, identities, login_sessions, second_factors
from store.accounts import NameTakenError, NewUser, User
from store.audit import JSON, Actor
from store.identities import IdentityTakenError

# Claims that a new account may take its name from, best first.
NAME_CLAIMS = ("preferred_username", "nickname", "name", "email")
# Leaves room for a suffix that tells two persons of the same name apart.
NAME_AT_MOST = 48
BREAK_GLASS_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Person:
    """A person at the provider. ``claims`` only suggest a name."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


async def account_of(services: Services, browser: Browser, person: Person, role: Role) -> User:
    """Return the person's account, created if there is none, with ``role``.

    Raises ProblemError: 403 if the account is not active, 409 if the last admin would lose the role.
    """
    async with services.store.reading() as connection:
        user = await identities.find_account(connection, person.issuer, person.subject)
    if user is None:
        return await _create(services, browser, person, role)
    require_active(user)
    if user.role != role:
        await _change_role(services, browser, user, role)
    return user


async def _change_role(services: Services, browser: Browser, user: User, role: Role) -> None:
    actor = Actor(user.number, user.name, "session", browser.address)
    try:
        await edit_user(services, actor, user.number, {"role": role}, {"by": "sso"})
    except ProblemError as problem:
        if problem.code != "last_admin":
            raise
        detail = gettext(
            "The sign-in service gives you the role %(role)s, but you are the last administrator here. Make another "
            "one first, with `liuyan api create-admin` for example."
        )
        raise ProblemError(problem.status, problem.code, detail % {"role": role}) from None


async def _create(services: Services, browser: Browser, person: Person, role: Role) -> User:
    """Create the person's account. Its password is random and known to nobody."""
    password_hash = await services.passwords.hash(secrets.token_urlsafe(32))
    for name in _names(person):
        new = NewUser(name, password_hash, role, "active")
        try:
            async with services.store.writing() as session:
                number = await accounts.add_user(session, new, services.now())
                await identities.add_identity(session, person.issuer, person.subject, number, services.now())
                detail = {"name": name, "role": role, "by": "sso"}
                actor = Actor(number, name, "session", browser.address)
                await audit.record(session, actor, "user.create", "user", str(number), detail)
        except NameTakenError:
            continue
        except IdentityTakenError:  # Another tab was faster.
            break
        break
    async with services.store.reading() as connection:
        user = await identities.find_account(connection, person.issuer, person.subject)
    if user is None:
        sentence = gettext("No name is free for your account: ask an administrator.")
        raise ProblemError(HTTPStatus.CONFLICT, "name_taken", sentence)
    return user


def _names(person: Person) -> list[str]:
    """Return names for a new account: one from the claims, and ones that nobody else has."""
    digest = hashlib.sha256(f"{person.issuer} {person.subject}".encode()).hexdigest()
    claims = (person.claims.get(claim) for claim in NAME_CLAIMS)
    name = next((name for claim in claims if (name := _as_name(claim))), "user")
    return ([name] if name != "user" else []) + [f"{name}-{digest[:length]}" for length in (6, 12)]


def _as_name(claim: object) -> str | None:
    """Return the part of a claim before an @ with the characters that names may have; None if it is too short."""
    if not isinstance(claim, str):
        return None
    text = unicodedata.normalize("NFC", claim[:NAME_AT_MOST]).partition("@")[0]
    allowed = "".join(character if NAME.fullmatch(f"a{character}a") else "-" for character in text)
    name = re.sub("-+", "-", allowed).strip("._-")[:NAME_AT_MOST]
    return name if NAME.fullmatch(name) else None


async def link(services: AccountServices, actor: Actor, number: int, subject: str) -> None:
    """Link an account to a person at the provider: from now on it signs in only there.

    Its sessions end; its password and its second factor no longer apply. Tokens stay valid.
    Raises ProblemError: 404, 409 without single sign-on, for an account that is linked, and for a person who has one.
    """
    settings = services.settings.single_sign_on()
    if settings is None:
        raise ProblemError(HTTPStatus.CONFLICT, "no_sso", gettext("LIUYAN_SSO_ISSUER is not set."))
    password_hash = await services.passwords.hash(secrets.token_urlsafe(32))
    try:
        async with changing(services.store) as session:
            await accounts.lock_user(session, number)
            await identities.add_identity(session, settings.issuer, subject, number, services.now())
            changes = {"password_hash": password_hash, "must_change_password": False}
            await accounts.update_user(session, number, {**changes, "password_changed_at": services.now()})
            await second_factors.delete_second_factor(session, number)
            ended = await login_sessions.delete_sessions(session, number)
            detail: dict[str, JSON] = {"issuer": settings.issuer, "sessions_ended": ended}
            await audit.record(session, actor, "user.link", "user", str(number), detail)
    except IdentityTakenError:
        sentence = gettext("The account is linked to a person already, or the person has another account.")
        raise ProblemError(HTTPStatus.CONFLICT, "identity_taken", sentence) from None


async def break_glass(services: AccountServices, actor: Actor, number: int) -> str:
    """Let an admin sign in with a temporary password for an hour, although passwords are disabled; return it.

    For when the provider is down. Sessions and tokens stay. Raises ProblemError: 404, 409 unless it is an active admin.
    """
    throttle, password, now = Throttle(services), temporary_password(), services.now()
    password_hash = await services.passwords.hash(password)
    async with changing(services.store) as session:
        user = await accounts.lock_user(session, number)
        if user.role != Role.ADMIN or user.state != "active":
            detail = gettext("The account %(name)s is not an active administrator.") % {"name": user.name}
            raise ProblemError(HTTPStatus.CONFLICT, "no_admin", detail)
        linked = await identities.find_subject(session.connection, number) is not None
        changes = {
            "password_hash": password_hash,
            # Otherwise it is refused after the hour anyway. A password that must be changed suspends the tokens.
            "must_change_password": services.settings.local_passwords and not linked,
            "password_changed_at": now,
            "passwords_until": now + BREAK_GLASS_FOR,
        }
        await accounts.update_user(session, number, changes)
        await audit.record(session, actor, "user.break_glass", "user", str(number), {})
    await throttle.forget(Limit(SIGN_IN_OF_ACCOUNT, accounts.fold(user.name)))
    return password
