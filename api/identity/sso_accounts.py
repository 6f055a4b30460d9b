"""Accounts of persons at the OpenID Connect provider. Issuer and ``sub`` identify a person, never a name or e-mail."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from api.i18n import gettext
from api.identity.accounts import Ended, changing, edit_user, end_access, sign_out_everywhere
from api.identity.names import NAME
from api.identity.passwords import temporary_password
from api.identity.provider import SUBJECT_AT_MOST
from api.identity.roles import Role
from api.identity.sign_in import Browser, require_active
from api.identity.throttle import SIGN_IN_OF_ACCOUNT, Limit, Throttle
from api.problems import ProblemError
from api.services import AccountServices, Services
from liuyan.terminal import printable
from store import accounts, audit, identities, login_sessions, second_factors
from store.accounts import NameTakenError, NewUser, User
from store.audit import JSON, Actor
from store.identities import IdentityTakenError
from store.session import WriteSession

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


async def apply_role(services: Services, address: str | None, user: User, role: Role) -> None:
    """Give a person's account the role that the provider states.

    Raises ProblemError: 403 if the account is not active, 409 if the last admin would lose the role. The account keeps
    it then, but its sessions end and its tokens are revoked.
    """
    require_active(user)
    if user.role == role:
        return
    try:
        await edit_user(services, _actor(user, address), user.number, {"role": role}, {"by": "sso"})
    except ProblemError as problem:
        if problem.code != "last_admin":
            raise
        await lose_role(services, address, user, problem.code)
        detail = gettext(
            "The sign-in service gives you the role %(role)s, but you are the last administrator here. Create "
            "another administrator first, for example with `liuyan api create-admin`."
        )
        raise ProblemError(problem.status, problem.code, detail % {"role": role}) from None


async def lose_role(services: Services, address: str | None, user: User, reason: str) -> None:
    """End all sessions and revoke all tokens of an account whose role the provider has taken away."""
    cause: dict[str, JSON] = {"by": "sso", "reason": reason}
    actor = _actor(user, address)
    await sign_out_everywhere(services, actor, user.number, revoke_tokens=True, cause=cause)


def _actor(user: User, address: str | None) -> Actor:
    return Actor(user.number, user.name, "session", address)


async def create(services: Services, browser: Browser, person: Person, role: Role) -> User:
    """Create the account of a person who has none. Its password is random and known to nobody."""
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
    Raises ProblemError: 404, 422 for a subject that no provider sends, 409 without single sign-on, for an account that
    is linked or not active, and for a person who has an account.
    """
    _check_subject(subject)
    settings = services.settings.single_sign_on()
    if settings is None:
        raise ProblemError(HTTPStatus.CONFLICT, "no_sso", gettext("LIUYAN_SSO_ISSUER is not set."))
    password_hash = await services.passwords.hash(secrets.token_urlsafe(32))
    try:
        async with changing(services.store) as session:
            user = await accounts.lock_user(session, number)
            await _require_linkable(session, user, settings.issuer, subject)
            await identities.add_identity(session, settings.issuer, subject, number, services.now())
            await accounts.update_user(session, number, _without_password(password_hash, services.now()))
            await second_factors.delete_second_factor(session, number)
            ended = await login_sessions.delete_sessions(session, number)
            detail: dict[str, JSON] = {"issuer": settings.issuer, "sessions_ended": ended}
            await audit.record(session, actor, "user.link", "user", str(number), detail)
    except IdentityTakenError:  # By a sign-in at the same time.
        sentence = gettext("The account is linked to a person already, or the person has another account.")
        raise ProblemError(HTTPStatus.CONFLICT, "identity_taken", sentence) from None


async def unlink(services: AccountServices, actor: Actor, number: int) -> Ended:
    """Unlink an account from the person at the provider, who then gets a new account at the next sign-in.

    Its sessions end, its tokens are revoked, and it has no password until one is reset. Raises ProblemError: 404, 409
    for an account that is not linked.
    """
    password_hash = await services.passwords.hash(secrets.token_urlsafe(32))
    async with changing(services.store) as session:
        user = await accounts.lock_user(session, number)
        person = await identities.find_subject(session.connection, number)
        if person is None:
            detail = gettext("The account %(name)s is not linked to a person at the provider.") % {"name": user.name}
            raise ProblemError(HTTPStatus.CONFLICT, "not_linked", detail)
        await identities.delete_identity(session, number)
        await accounts.update_user(session, number, _without_password(password_hash, services.now()))
        ended = await end_access(services, session, number)
        await audit.record(
            session, actor, "user.unlink", "user", str(number), {"issuer": person[0], **ended.audit_detail()}
        )
    return ended


def _without_password(password_hash: str, now: datetime) -> dict[str, object]:
    """Return the columns of an account whose password, of which this is the hash, nobody knows."""
    return {
        "password_hash": password_hash,
        "must_change_password": False,
        "password_changed_at": now,
        "passwords_until": None,
    }


def _check_subject(subject: str) -> None:
    """Raise ProblemError, 422, for a subject that is empty, too long or copied with something around it."""
    if 0 < len(subject) <= SUBJECT_AT_MOST and subject == subject.strip() and printable(subject) == subject:
        return
    sentence = gettext(
        "The subject must be the claim `sub` as the provider sends it: 1 to %(most)s characters, without spaces around "
        "it and without control characters."
    )
    raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_subject", sentence % {"most": SUBJECT_AT_MOST})


async def _require_linkable(session: WriteSession, user: User, issuer: str, subject: str) -> None:
    """Raise ProblemError, 409, if the account is not active or is linked, or the person has another account."""
    if user.state == "waiting":
        code, detail = "wrong_state", gettext("The account %(name)s is awaiting approval: approve it.")
    elif user.state == "disabled":
        code, detail = "wrong_state", gettext("The account %(name)s is disabled: enable it.")
    elif await identities.find_subject(session.connection, user.number) is not None:
        code, detail = (
            "identity_taken",
            gettext(
                "The account %(name)s is linked to a person already: unlink it first, with `liuyan api unlink-sso`."
            ),
        )
    elif (other := await identities.find_account(session.connection, issuer, subject)) is not None:
        code, detail = (
            "identity_taken",
            gettext("This person has the account %(other)s already: unlink it first, with `liuyan api unlink-sso`."),
        )
        detail %= {"other": other.name}
    else:
        return
    raise ProblemError(HTTPStatus.CONFLICT, code, detail % {"name": user.name})


async def break_glass(services: AccountServices, actor: Actor, number: int) -> str:
    """Let an admin sign in with an emergency password for an hour, although passwords are disabled; return it.

    For when the provider is down. Sessions opened with the password end with the hour; other sessions and tokens stay.
    A second call replaces the password, ends the sessions opened with the old one, and starts a new hour.
    Raises ProblemError: 404, 409 unless it is an active admin.
    """
    throttle, password, now = Throttle(services), temporary_password(), services.now()
    password_hash = await services.passwords.hash(password)
    async with changing(services.store) as session:
        user = await accounts.lock_user(session, number)
        if user.role != Role.ADMIN or user.state != "active":
            detail = gettext("The account %(name)s is not an active administrator.") % {"name": user.name}
            raise ProblemError(HTTPStatus.CONFLICT, "no_admin", detail)
        linked = await identities.find_subject(session.connection, number) is not None
        # An earlier emergency password is replaced, and what it opened ends with it.
        until, ended = user.passwords_until, 0
        if until is not None:
            ended = await login_sessions.delete_password_sessions(session, number, until)
        changes = {
            "password_hash": password_hash,
            # Otherwise it is refused after the hour anyway. A password that must be changed suspends the tokens.
            "must_change_password": services.settings.local_passwords and not linked,
            "password_changed_at": now,
            "passwords_until": now + BREAK_GLASS_FOR,
        }
        await accounts.update_user(session, number, changes)
        await audit.record(session, actor, "user.break_glass", "user", str(number), {"sessions_ended": ended})
    await throttle.forget(Limit(SIGN_IN_OF_ACCOUNT, accounts.fold(user.name)))
    return password
