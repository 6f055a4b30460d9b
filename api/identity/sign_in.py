"""Sign in and out. The browser keeps a session's secret; the database stores only its digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog

from api.i18n import gettext
from api.identity.known_browsers import recognized
from api.identity.observations import Observation, anonymous
from api.identity.passwords import TEMPORARY_FOR, is_possible
from api.identity.secrets import digest_of, new_secret
from api.identity.throttle import (
    SIGN_IN_FROM_ADDRESS,
    SIGN_IN_OF_ACCOUNT,
    SIGN_IN_OF_BROWSER,
    Limit,
    Throttle,
    lock_out_recorded,
    network_of,
)
from api.problems import ProblemError
from api.services import Services
from store import accounts, audit, identities, login_sessions
from store.accounts import User
from store.audit import JSON
from store.second_factors import find_second_factor
from store.session import WriteSession

USER_AGENT = 256
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Browser:
    """The address and user agent of a request, and the cookie of ``known_browsers``."""

    address: str | None
    user_agent: str | None
    known: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """How a person proved their identity, and when; None if the provider does not say when."""

    by: login_sessions.OpenedBy
    at: datetime | None
    id_token_encrypted: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: its account, and the secret for the cookie."""

    user: User
    secret: str


class CodeRequiredError(ProblemError):
    """Name and password are right, and the account has a second factor, whose code is required to open a session."""

    def __init__(self, user: User) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, "code_required", gettext("Enter the code of your second factor."))
        self.user = user


async def find_session(services: Services, secret: str) -> login_sessions.SignedIn | None:
    """Return a cookie's session and account; None if it is unknown or expired, or the account is not active."""
    now = services.now()
    async with services.store.reading() as connection:
        found = await login_sessions.find_session(connection, digest_of(secret), now, idle_of(services))
    if found is not None and now - found.session.seen_at >= login_sessions.SEEN_EVERY:
        async with services.store.writing() as session:
            await login_sessions.touch_session(session, found.digest, now)
    return found


async def sign_in(
    services: Services, browser: Browser, name: str, password: str, old_secret: str | None = None
) -> Opened:
    """Open a session with name and password. ``old_secret`` is the browser's previous session, which ends.

    Raises CodeRequiredError if the account has a second factor.
    Raises ProblemError: 429 after too many attempts; 401 for a wrong name or password, which are indistinguishable, 403
    instead if passwords are disabled; 403 for a waiting or disabled account and for an expired temporary password, only
    after the right password.
    """
    with services.metrics.count_sign_in():
        return await _sign_in(services, browser, name, password, old_secret)


async def _sign_in(services: Services, browser: Browser, name: str, password: str, old_secret: str | None) -> Opened:
    throttle = Throttle(services)
    from_address = Limit(SIGN_IN_FROM_ADDRESS, network_of(browser.address))
    if len(name) > accounts.NAME_AT_MOST or not is_possible(password):
        async with lock_out_recorded(services, anonymous(browser.address), None):
            await throttle.take(from_address)
        raise await _refuse(services, browser, None)
    async with services.store.reading() as connection:
        known = await accounts.find_credentials(connection, name)
        linked = known is not None and await identities.find_subject(connection, known[0].number) is not None
    mark = None if known is None else recognized(services, browser.known, known[0])
    if mark is None:
        own, shared = Limit(SIGN_IN_OF_ACCOUNT, accounts.fold(name)), [from_address]
    else:
        own, shared = Limit(SIGN_IN_OF_BROWSER, mark), []
    number = None if known is None else known[0].number
    async with lock_out_recorded(services, anonymous(browser.address), number):
        await throttle.take(*shared, own)
    if known is not None and not _accepts_password(services, known[0], linked):
        known = None
    verdict = await services.passwords.verify(known[1] if known else None, password)
    if known is None or not verdict.right:
        raise await _refuse(services, browser, number)
    await throttle.forget(own)
    await throttle.give_back(*shared)
    user, password_hash = known
    require_active(user)
    require_valid_password(user, services.now())
    if verdict.new_hash:
        async with services.store.writing() as session:
            if await accounts.lock_password(session, user.number, password_hash) is not None:
                await accounts.update_user(session, user.number, {"password_hash": verdict.new_hash})
                password_hash = verdict.new_hash
    async with services.store.reading() as connection:
        factor = await find_second_factor(connection, user.number)
    if factor is not None and factor.confirmed_at is not None:
        raise CodeRequiredError(user)
    return await open_with_password(services, browser, user, password_hash, old_secret, {})


def _accepts_password(services: Services, user: User, linked: bool) -> bool:
    """Whether an account can sign in with its password, which is not the case if a person at the provider has it.

    An emergency password is always accepted, until it expires.
    """
    if user.passwords_until is not None and services.now() < user.passwords_until:
        return True
    return services.settings.local_passwords and not linked


async def open_session(services: Services, browser: Browser, user: User) -> Opened:
    """Open a session for an account that was just created, without checking its password again."""
    async with services.store.reading() as connection:
        password_hash = await accounts.find_password_hash(connection, user.number)
    return await open_with_password(services, browser, user, password_hash or "", None, {})


async def open_with_password(
    services: Services,
    browser: Browser,
    user: User,
    password_hash: str,
    old_secret: str | None,
    detail: Mapping[str, JSON],
) -> Opened:
    """Open a session, unless the account was disabled or its password changed since it was verified.

    ``detail`` is for the audit log. Raises ProblemError, 401 or 403.
    """
    async with services.store.writing() as session:
        current = await accounts.lock_password(session, user.number, password_hash)
        if current is None:
            raise _wrong_name_or_password(services)
        require_valid_password(current, services.now())
        proof = Proof("password", services.now())
        secret = await open_locked(services, session, browser, current, proof, old_secret, detail)
    return Opened(user, secret)


async def open_locked(
    services: Services,
    session: WriteSession,
    browser: Browser,
    user: User,
    proof: Proof,
    old_secret: str | None,
    detail: Mapping[str, JSON],
) -> str:
    """Open a session of an account that the caller's transaction has locked; return the secret for the cookie.

    Raises ProblemError, 403, if the account is not active.
    """
    require_active(user)
    if old_secret is not None:
        await login_sessions.forget_session(session, digest_of(old_secret))
    await accounts.update_user(session, user.number, {"last_sign_in_at": services.now()})
    secret = await renew(services, session, browser, user, proof)
    actor = audit.Actor(user.number, user.name, "session", browser.address)
    await audit.record(session, actor, "session.sign_in", "user", str(user.number), detail)
    return secret


async def renew(
    services: Services, session: WriteSession, browser: Browser, user: User, proof: Proof | None = None
) -> str:
    """Open a session in the caller's transaction and return the secret for the cookie.

    ``proof`` is by default the password, entered now. A session that an emergency password opens ends with it.
    """
    now, secret = services.now(), new_secret()
    proof, expires_at = proof or Proof("password", now), now + lifetime_of(services)
    if proof.by == "password" and user.passwords_until is not None:
        expires_at = min(expires_at, user.passwords_until)
    agent = (browser.user_agent or "")[:USER_AGENT] or None
    added = login_sessions.LoginSession(
        *(digest_of(secret), user.number, now, now, expires_at, browser.address, agent),
        confirmed_at=proof.at,
        opened_by=proof.by,
    )
    await login_sessions.add_session(session, added, proof.id_token_encrypted)
    return secret


async def sign_out(services: Services, actor: audit.Actor, user_number: int, digest: bytes) -> bool:
    """End one session of an account. Returns False if there is no such session."""
    async with services.store.writing() as session:
        ended = await login_sessions.delete_session(session, user_number, digest)
        if ended:
            await audit.record(session, actor, "session.sign_out", "user", str(user_number), {})
    return ended


def idle_of(services: Services) -> timedelta:
    """Return the inactivity after which a session expires."""
    return timedelta(hours=services.settings.session_idle_hours)


def lifetime_of(services: Services) -> timedelta:
    """Return the maximum lifetime of a session."""
    return timedelta(days=services.settings.session_days)


def session_ended() -> ProblemError:
    """Return the problem of a session that ended during its request."""
    detail = gettext("Your session has ended: sign in again.")
    return ProblemError(HTTPStatus.UNAUTHORIZED, "not_signed_in", detail)


async def _refuse(services: Services, browser: Browser, number: int | None) -> ProblemError:
    """Record a failed sign-in, and return its problem. ``number`` is the account's, if there is one.

    The name is not recorded: people type passwords into that field.
    """
    log.warning("sign-in refused", address=browser.address)
    account, client = "" if number is None else str(number), network_of(browser.address)
    observed = Observation("session.sign_in_failed", "user", account, client)
    await services.observations.record(services.store, anonymous(browser.address), observed)
    return _wrong_name_or_password(services)


def _wrong_name_or_password(services: Services) -> ProblemError:
    if not services.settings.local_passwords:
        detail = gettext(
            "Passwords are disabled: use single sign-on. In an emergency, `liuyan api break-glass` lets an "
            "administrator in."
        )
        return ProblemError(HTTPStatus.FORBIDDEN, "passwords_disabled", detail)
    detail = gettext("Wrong name or password.")
    return ProblemError(HTTPStatus.UNAUTHORIZED, "wrong_name_or_password", detail)


def require_valid_password(user: User, now: datetime) -> None:
    """Raise ProblemError, 403, for a temporary or an emergency password that has expired."""
    too_old = user.must_change_password and now - user.password_changed_at >= TEMPORARY_FOR
    if too_old:
        raise _password_expired()
    require_emergency(user, now)


def require_emergency(user: User, now: datetime) -> None:
    """Raise ProblemError, 403, for an emergency password that has expired."""
    if user.passwords_until is not None and now >= user.passwords_until:
        raise _password_expired()


def _password_expired() -> ProblemError:
    detail = gettext("Your temporary password has expired: ask an administrator for a new one.")
    return ProblemError(HTTPStatus.FORBIDDEN, "password_expired", detail)


def require_active(user: User) -> None:
    """Raise ProblemError, 403, for an account that waits for approval or is disabled."""
    if user.state == "waiting":
        detail = gettext("Your account is awaiting approval by an administrator: come back later.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "account_waits", detail)
    if user.state == "disabled":
        detail = gettext("Your account is disabled: ask an administrator.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "account_disabled", detail)
