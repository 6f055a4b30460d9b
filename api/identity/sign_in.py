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
from store import accounts, audit, login_sessions
from store.accounts import User
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
class Opened:
    """A new session: its account, and the secret for the cookie."""

    user: User
    secret: str


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

    Raises ProblemError: 429 after too many attempts; 401 for a wrong name or password, which are indistinguishable; 403
    for a waiting or disabled account and for an expired temporary password, only after the right password.
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
    mark = None if known is None else recognized(services, browser.known, known[0])
    if mark is None:
        own, shared = Limit(SIGN_IN_OF_ACCOUNT, accounts.fold(name)), [from_address]
    else:
        own, shared = Limit(SIGN_IN_OF_BROWSER, mark), []
    number = None if known is None else known[0].number
    async with lock_out_recorded(services, anonymous(browser.address), number):
        await throttle.take(*shared, own)
    verdict = await services.passwords.verify(known[1] if known else None, password)
    if known is None or not verdict.right:
        raise await _refuse(services, browser, number)
    await throttle.forget(own)
    await throttle.give_back(*shared)
    user = known[0]
    _require_active(user)
    _require_valid_password(user, services.now())
    changes = {"password_hash": verdict.new_hash} if verdict.new_hash else {}
    return await _open(services, browser, user, known[1], changes, old_secret)


async def open_session(services: Services, browser: Browser, user: User) -> Opened:
    """Open a session for an account that was just created, without checking its password again."""
    async with services.store.reading() as connection:
        password_hash = await accounts.find_password_hash(connection, user.number)
    return await _open(services, browser, user, password_hash or "", {}, None)


async def _open(
    services: Services,
    browser: Browser,
    user: User,
    password_hash: str,
    changes: Mapping[str, object],
    old_secret: str | None,
) -> Opened:
    """Open a session, unless the account was disabled or its password changed since it was verified."""
    now, secret = services.now(), new_secret()
    actor = audit.Actor(user.number, user.name, "session", browser.address)
    async with services.store.writing() as session:
        current = await accounts.lock_password(session, user.number, password_hash)
        if current is None:
            raise _wrong_name_or_password()
        _require_active(current)
        if old_secret is not None:
            await login_sessions.forget_session(session, digest_of(old_secret))
        await accounts.update_user(session, user.number, {**changes, "last_sign_in_at": now})
        await login_sessions.add_session(session, _session(services, browser, user, secret, now))
        await audit.record(session, actor, "session.sign_in", "user", str(user.number), {})
    return Opened(user, secret)


async def renew(services: Services, session: WriteSession, browser: Browser, user: User) -> str:
    """Open a session in the caller's transaction and return the secret for the cookie."""
    secret = new_secret()
    await login_sessions.add_session(session, _session(services, browser, user, secret, services.now()))
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


def _session(
    services: Services, browser: Browser, user: User, secret: str, now: datetime
) -> login_sessions.LoginSession:
    agent = (browser.user_agent or "")[:USER_AGENT] or None
    return login_sessions.LoginSession(
        digest_of(secret), user.number, now, now, now + lifetime_of(services), browser.address, agent, confirmed_at=now
    )


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
    return _wrong_name_or_password()


def _wrong_name_or_password() -> ProblemError:
    detail = gettext("Wrong name or password.")
    return ProblemError(HTTPStatus.UNAUTHORIZED, "wrong_name_or_password", detail)


def _require_valid_password(user: User, now: datetime) -> None:
    """Raise ProblemError, 403, for a temporary password that has expired."""
    if user.must_change_password and now - user.password_changed_at >= TEMPORARY_FOR:
        detail = gettext("Your temporary password has expired: ask an administrator for a new one.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "password_expired", detail)


def _require_active(user: User) -> None:
    if user.state == "waiting":
        detail = gettext("Your account is awaiting approval by an administrator: come back later.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "account_waits", detail)
    if user.state == "disabled":
        detail = gettext("Your account is disabled: ask an administrator.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "account_disabled", detail)
