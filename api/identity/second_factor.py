"""Second factors of accounts with a password: TOTP codes (RFC 6238) and recovery codes.

The secret is encrypted with LIUYAN_CONTACT_KEY. A code is accepted once, a recovery code too. Only the session that
began to set up a second factor can finish it, within 15 minutes.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Literal

import pyotp
import structlog

from api.i18n import gettext
from api.identity.accounts import changing, contacts_of
from api.identity.confirmation import require_confirmed
from api.identity.identity import Identity
from api.identity.observations import Observation
from api.identity.passwords import READABLE, temporary_password
from api.identity.sign_in import session_ended
from api.identity.throttle import CODE_OF_ACCOUNT, Limit, Throttle, lock_out_recorded
from api.problems import ProblemError
from api.services import AccountServices, Services
from store import accounts, audit, login_sessions, second_factors
from store.accounts import User
from store.audit import JSON, Actor
from store.second_factors import SecondFactor
from store.session import WriteSession

ISSUER = "Liuyan"
RECOVERY_CODES = 10
# Codes of the previous and the next 30 seconds are accepted too, because clocks differ and people type slowly.
STEPS = (-1, 0, 1)
CODE_AT_MOST = 64
ENROL_WITHIN = timedelta(minutes=15)
Used = Literal["code", "recovery code"]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """The second factor of an account. ``enrolling`` has secret and otpauth URI while no code has confirmed them."""

    in_use: bool
    enrolling: tuple[str, str] | None
    recovery_codes: int


async def read_status(services: Services, identity: Identity) -> Status:
    """Return the caller's second factor. Only the confirmed session that sets it up sees its secret."""
    async with services.store.reading() as connection:
        factor = await second_factors.find_second_factor(connection, identity.user_number)
        left = await second_factors.count_recovery_codes(connection, identity.user_number)
    if factor is None or factor.confirmed_at is not None:
        return Status(factor is not None, None, left)
    try:
        require_confirmed(identity, services.now())
    except ProblemError:
        return Status(False, None, 0)
    secret = contacts_of(services).decrypt(factor.secret_encrypted)
    if secret is None or not _is_enrolling(services, identity, factor):
        return Status(False, None, 0)
    uri = pyotp.TOTP(secret).provisioning_uri(name=identity.name, issuer_name=ISSUER)
    return Status(False, (secret, uri), 0)


async def begin(services: Services, identity: Identity) -> None:
    """Create a secret, which is in use once a code has confirmed it.

    Raises ProblemError: 403 for an unconfirmed session, 409 if a second factor is in use, for single sign-on, and
    without LIUYAN_CONTACT_KEY.
    """
    digest = require_confirmed(identity, services.now())
    _require_password_session(identity)
    encrypted = contacts_of(services).encrypt(pyotp.random_base32())
    async with changing(services.store) as session:
        await _lock(session, identity)
        factor = await second_factors.find_second_factor(session.connection, identity.user_number)
        if factor is not None and factor.confirmed_at is not None:
            detail = gettext("Your second factor is in use already: turn it off first to set up another one.")
            raise ProblemError(HTTPStatus.CONFLICT, "second_factor_in_use", detail)
        await second_factors.replace_second_factor(session, identity.user_number, encrypted, services.now(), digest)


async def confirm(services: Services, identity: Identity, code: str) -> list[str]:
    """Take the caller's new second factor into use with its first code, and end the account's other sessions.

    Returns the recovery codes, which are stored as digests.
    Raises ProblemError: 403 for an unconfirmed session, 409 if this session has nothing to confirm, 422 for a wrong
    code, 429 after too many attempts.
    """
    digest = require_confirmed(identity, services.now())
    async with services.store.reading() as connection:
        factor = await second_factors.find_second_factor(connection, identity.user_number)
    if factor is None or not _is_enrolling(services, identity, factor):
        detail = gettext("There is nothing to confirm: start to set up a second factor.")
        raise ProblemError(HTTPStatus.CONFLICT, "no_enrolment", detail)
    async with code_throttled(services, identity.actor, identity.user_number):
        step = _step_of(services, factor, code)
        codes = [temporary_password() for _ in range(RECOVERY_CODES)]
        async with changing(services.store) as session:
            await _lock(session, identity)
            if step is None or not await second_factors.use_step(
                session, identity.user_number, factor.secret_encrypted, step
            ):
                raise wrong_code()
            await second_factors.confirm_second_factor(session, identity.user_number, services.now())
            await _store_codes(session, identity.user_number, codes)
            ended = await login_sessions.delete_sessions(session, identity.user_number, but=digest)
            number = str(identity.user_number)
            counts: dict[str, JSON] = {"sessions_ended": ended}
            await audit.record(session, identity.actor, "user.enrol_second_factor", "user", number, counts)
    return codes


async def new_recovery_codes(services: Services, identity: Identity) -> list[str]:
    """Replace the caller's recovery codes and return the new ones.

    Raises ProblemError: 403 for an unconfirmed session, 404 without a second factor.
    """
    require_confirmed(identity, services.now())
    codes, number = [temporary_password() for _ in range(RECOVERY_CODES)], identity.user_number
    async with changing(services.store) as session:
        await _lock(session, identity)
        factor = await second_factors.find_second_factor(session.connection, number)
        if factor is None or factor.confirmed_at is None:
            raise _no_second_factor()
        await _store_codes(session, number, codes)
        await audit.record(session, identity.actor, "user.new_recovery_codes", "user", str(number), {})
    return codes


async def turn_off(services: Services, identity: Identity) -> None:
    """Delete the caller's second factor, and end the account's other sessions.

    Raises ProblemError: 403 for an unconfirmed session, 404 without a second factor, 409 if the settings require one.
    """
    require_confirmed(identity, services.now())
    if services.settings.admin_second_factor and identity.role == "admin":
        detail = gettext("Administrators need a second factor here: it cannot be turned off.")
        raise ProblemError(HTTPStatus.CONFLICT, "second_factor_required", detail)
    await _delete(services, identity.actor, identity.user_number, "user.disable_second_factor", identity)


async def reset(services: AccountServices, actor: Actor, number: int) -> None:
    """Delete the second factor of an account whose owner has lost it, and end the account's sessions.

    Raises ProblemError, 404.
    """
    await _delete(services, actor, number, "user.reset_second_factor", None)
    await Throttle(services).forget(Limit(CODE_OF_ACCOUNT, str(number)))


async def use_code(services: Services, user: User, code: str) -> Used | None:
    """Use up a TOTP code or a recovery code of an account; return which one it was, or None if it is wrong.

    Raises ProblemError: 409 if the account has no second factor any more, or the keys do not decrypt its secret.
    """
    async with services.store.reading() as connection:
        factor = await second_factors.find_second_factor(connection, user.number)
    if factor is None or factor.confirmed_at is None:
        raise _no_second_factor()
    # Recovery codes come first: they work even if the key of the secret is lost.
    if (typed := _recovery_code(code)) is not None:
        async with services.store.writing() as session:
            digest = _digest(user.number, typed)
            return "recovery code" if await second_factors.use_recovery_code(session, user.number, digest) else None
    step = _step_of(services, factor, code)
    if step is None:
        return None
    async with services.store.writing() as session:
        used = await second_factors.use_step(session, user.number, factor.secret_encrypted, step)
    return "code" if used else None


def _is_enrolling(services: Services, identity: Identity, factor: SecondFactor) -> bool:
    """Whether the caller's session began to set up this second factor a short time ago."""
    begun_here = factor.session_digest is not None and factor.session_digest == identity.session
    return factor.confirmed_at is None and begun_here and services.now() - factor.created_at < ENROL_WITHIN


def _step_of(services: Services, factor: SecondFactor, code: str) -> int | None:
    """Return the time step that a TOTP code belongs to; None if it is wrong. Raises ProblemError, 409."""
    secret = contacts_of(services).decrypt(factor.secret_encrypted)
    if secret is None:
        log.error("no key in LIUYAN_CONTACT_KEY decrypts a second factor", user=factor.user_number)
        detail = gettext(
            "Your second factor cannot be checked, because its key is missing: use a recovery code, or ask an "
            "administrator to reset it."
        )
        raise ProblemError(HTTPStatus.CONFLICT, "second_factor_unreadable", detail)
    typed, totp = _normalised(code).encode(), pyotp.TOTP(secret)
    now = totp.timecode(services.now())
    matching = [now + step for step in STEPS if hmac.compare_digest(totp.generate_otp(now + step).encode(), typed)]
    return max(matching, default=None)


def _recovery_code(code: str) -> str | None:
    """Return a recovery code without separators, or None for what is none."""
    typed = _normalised(code).casefold()
    return typed if len(typed) == 16 and set(typed) <= set(READABLE) else None


def _normalised(code: str) -> str:
    """Return a code without spaces and hyphens, its digits and letters in normal width."""
    if len(code) > CODE_AT_MOST:  # Normalization takes quadratic time.
        return ""
    return "".join(unicodedata.normalize("NFKC", code).replace("-", " ").split())


def _digest(user_number: int, code: str) -> bytes:
    """Return the digest of a recovery code. Its 79 random bits need no slow hash."""
    return hashlib.sha256(f"recovery code: {user_number} {code}".encode()).digest()


async def _store_codes(session: WriteSession, user_number: int, codes: list[str]) -> None:
    digests = [_digest(user_number, code.replace("-", "")) for code in codes]
    await second_factors.replace_recovery_codes(session, user_number, digests)


async def _lock(session: WriteSession, identity: Identity) -> None:
    """Lock account and session of the caller. Raises ProblemError, 401, if the session has ended."""
    await accounts.lock_user(session, identity.user_number)
    if not await login_sessions.lock_session(session, identity.user_number, identity.session or b""):
        raise session_ended()


async def _delete(services: AccountServices, actor: Actor, number: int, action: str, within: Identity | None) -> None:
    async with changing(services.store) as session:
        if within is None:
            await accounts.lock_user(session, number)
        else:
            await _lock(session, within)
        if not await second_factors.delete_second_factor(session, number):
            raise _no_second_factor()
        ended = await login_sessions.delete_sessions(session, number, but=within.session if within else None)
        await audit.record(session, actor, action, "user", str(number), {"sessions_ended": ended})


@asynccontextmanager
async def code_throttled(services: Services, actor: Actor, number: int) -> AsyncIterator[None]:
    """Count the block as an attempt to enter a code of an account, and forget the count if it succeeds.

    Raises ProblemError, 429, after too many attempts.
    """
    throttle, limit = Throttle(services), Limit(CODE_OF_ACCOUNT, str(number))
    async with lock_out_recorded(services, actor, number):
        await throttle.take(limit)
    try:
        yield
    except ProblemError as problem:
        if problem.code == "wrong_code":
            observed = Observation("session.code_failed", "user", str(number), str(number))
            await services.observations.record(services.store, actor, observed)
        raise
    await throttle.forget(limit)


def wrong_code() -> ProblemError:
    """Return the problem of a code that is wrong, expired or used up."""
    detail = gettext("This code is wrong or used up: wait for the next one.")
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong_code", detail, field="code")


def _no_second_factor() -> ProblemError:
    detail = gettext("This account has no second factor.")
    return ProblemError(HTTPStatus.NOT_FOUND, "no_second_factor", detail)


def _require_password_session(identity: Identity) -> None:
    if identity.opened_by == "sso":
        detail = gettext("You signed in with single sign-on: the sign-in service asks for your second factor.")
        raise ProblemError(HTTPStatus.CONFLICT, "no_password", detail)
