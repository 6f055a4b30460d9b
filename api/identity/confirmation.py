"""Confirmed sessions: changes that grant access require a proof of identity within the last 15 minutes.

It is the password, or a sign-in at the provider for sessions of single sign-on (``single_sign_on``).

A stolen token or session cookie is therefore not enough to create tokens or accounts, reset passwords, or change roles
and contacts. An endpoint requires confirmation with ``identity: ConfirmedAdmin``; a page calls ``require_confirmed``.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import Depends

from api.i18n import gettext
from api.identity.identity import Identity, Require, signed_in
from api.identity.observations import Observation
from api.identity.roles import Role
from api.identity.secrets import digest_of, new_secret
from api.identity.sign_in import require_emergency, session_ended
from api.identity.throttle import (
    CONFIRMATION_OF_SESSION,
    PASSWORD_CHANGE_OF_SESSION,
    Limit,
    Throttle,
    lock_out_recorded,
)
from api.problems import ProblemError
from api.services import Services, TheServices
from store import accounts, audit, login_sessions
from store.audit import JSON
from store.session import WriteSession

VALID_FOR = timedelta(minutes=15)
log = structlog.get_logger(__name__)


def seconds_left(identity: Identity, now: datetime) -> int:
    """Return the seconds until the session's confirmation expires; 0 for a token."""
    if identity.confirmed_at is None:
        return 0
    return max(0, int((identity.confirmed_at + VALID_FOR - now).total_seconds()))


def require_session(identity: Identity) -> bytes:
    """Return the digest of the request's session. Raises ProblemError, 403, for a token."""
    if identity.session is None:
        detail = gettext("A token cannot do this: sign in at /admin, or use a command (`liuyan api --help`).")
        raise ProblemError(HTTPStatus.FORBIDDEN, "session_required", detail)
    return identity.session


def require_confirmed(identity: Identity, now: datetime) -> bytes:
    """Return the digest of the request's confirmed session. Raises ProblemError, 403, if it is not confirmed."""
    session = require_session(identity)
    if seconds_left(identity, now) == 0:
        if identity.opened_by == "sso":
            detail = gettext("Confirm your identity first: this needs a session confirmed within the last 15 minutes.")
        else:
            detail = gettext("Confirm your password first: this needs a session confirmed within the last 15 minutes.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "confirmation_required", detail)
    return session


async def confirm(services: Services, identity: Identity, password: str) -> str:
    """Confirm a session with its account's password and return the session's new secret.

    The secret changes, so that a stolen copy of the cookie becomes invalid.
    Raises ProblemError: 429 after too many attempts, 422 for a wrong password, 401 if the session has ended.
    """
    password_hash = await check_own_password(services, identity, password, "password")
    async with services.store.writing() as session:
        if await accounts.lock_password(session, identity.user_number, password_hash) is not None:
            return await record_confirmation(services, session, identity)
    # It was changed meanwhile.
    await record_failure(services, identity, {"by": "password"})
    raise _wrong_password("password")


async def record_confirmation(services: Services, session: WriteSession, identity: Identity) -> str:
    """Record in the caller's transaction that the person proved their identity; return the session's new secret.

    Raises ProblemError: 403 for a token, 401 if the session has ended.
    """
    secret = new_secret()
    old, new = require_session(identity), digest_of(secret)
    if not await login_sessions.confirm_session(session, identity.user_number, old, new, services.now()):
        raise session_ended()
    await audit.record(session, identity.actor, "session.confirm", "user", str(identity.user_number), {})
    return secret


async def record_failure(services: Services, identity: Identity, detail: Mapping[str, JSON]) -> None:
    """Record a failed confirmation in the audit log, within the limits of observations."""
    number = str(identity.user_number)
    observed = Observation("session.confirm_failed", "user", number, number, detail)
    await services.observations.record(services.store, identity.actor, observed)


async def check_own_password(services: Services, identity: Identity, password: str, field: str) -> str:
    """Check the caller's password and return its stored hash. ``field`` names the form field in errors.

    Attempts are counted by session, and separately for a change of the password. Raises ProblemError: 403 for a token
    and for an emergency password that has expired, 409 for a session of single sign-on, 429 after too many attempts,
    422 for a wrong password.
    """
    if identity.opened_by == "sso":
        detail = gettext("You signed in with single sign-on, so there is no password here: confirm at /admin/confirm.")
        raise ProblemError(HTTPStatus.CONFLICT, "no_password", detail)
    item = PASSWORD_CHANGE_OF_SESSION if field == "current_password" else CONFIRMATION_OF_SESSION
    limit = Limit(item, require_session(identity).hex())
    throttle = Throttle(services)
    async with lock_out_recorded(services, identity.actor, identity.user_number):
        await throttle.take(limit)
    async with services.store.reading() as connection:
        user = await accounts.find_user(connection, identity.user_number)
        password_hash = await accounts.find_password_hash(connection, identity.user_number)
    if password_hash is None or not (await services.passwords.verify(password_hash, password)).right:
        log.warning("password confirmation refused", address=identity.address, user=identity.user_number)
        await record_failure(services, identity, {"by": "password"})
        raise _wrong_password(field)
    if user is not None:
        require_emergency(user, services.now())
    await throttle.forget(limit)
    return password_hash


def _wrong_password(field: str) -> ProblemError:
    detail = gettext("The current password is wrong.") if field == "current_password" else gettext("Wrong password.")
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong_password", detail, field=field)


def _with_session(role: Role | None) -> Callable[..., Awaitable[Identity]]:
    async def dependency(identity: Annotated[Identity, Depends(Require(role))]) -> Identity:
        require_session(identity)
        return identity

    return dependency


def _confirmed(role: Role | None) -> Callable[..., Awaitable[Identity]]:
    async def dependency(services: TheServices, identity: Annotated[Identity, Depends(Require(role))]) -> Identity:
        require_confirmed(identity, services.now())
        return identity

    return dependency


async def _signed_in_with_session(identity: Annotated[Identity, Depends(signed_in)]) -> Identity:
    require_session(identity)
    return identity


# A session, even if its account must change its password first.
SignedInWithSession = Annotated[Identity, Depends(_signed_in_with_session)]
OwnerWithSession = Annotated[Identity, Depends(_with_session(None))]
AdminWithSession = Annotated[Identity, Depends(_with_session(Role.ADMIN))]
ConfirmedOwner = Annotated[Identity, Depends(_confirmed(None))]
ConfirmedAdmin = Annotated[Identity, Depends(_confirmed(Role.ADMIN))]
