"""Limit sign-in attempts by account and address. Counts are kept in the database, so that they survive a restart.

The strategy comes from ``limits``. It has no SQL backend, so the storage below is registered as ``liuyan://``.
"""

import hashlib
import hmac
import ipaddress
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string

from api.i18n import gettext
from api.identity.observations import Observation
from api.problems import ProblemError
from api.services import AccountServices, Services
from store import attempts
from store.audit import Actor
from store.errors import StoreError
from store.store import Store

# Ten guesses in 15 minutes do not find a password that the rules accept. Successful sign-ins are not counted, so many
# people behind one address can sign in.
SIGN_IN_OF_ACCOUNT = RateLimitItemPerMinute(10, 15, namespace="account")
SIGN_IN_FROM_ADDRESS = RateLimitItemPerMinute(60, 15, namespace="address")
# Answers of the provider cannot be guessed: the limit only bounds the work that refused ones cause. It is separate, so
# that wrong passwords from an address do not keep the people there from single sign-on, and the other way round.
SINGLE_SIGN_ON_FROM_ADDRESS = RateLimitItemPerMinute(60, 15, namespace="sso-address")
# A browser that signed in to the account before is counted separately: nobody else can use up its attempts.
SIGN_IN_OF_BROWSER = RateLimitItemPerMinute(10, 15, namespace="browser")
# Counted by session, not by account or address: neither the thief of a session nor a neighbour in the network must be
# able to lock its owner out. Changes of the password have their own count, because a thief could use up this one.
CONFIRMATION_OF_SESSION = RateLimitItemPerMinute(10, 15, namespace="confirmation")
PASSWORD_CHANGE_OF_SESSION = RateLimitItemPerMinute(10, 15, namespace="password-change")
# Only somebody who knows the password can use it up. Ten guesses in 15 minutes find a code after a year on average.
CODE_OF_ACCOUNT = RateLimitItemPerMinute(10, 15, namespace="code")
SIGN_UP_FROM_ADDRESS = RateLimitItemPerHour(10, namespace="sign-up")


# The part of an IPv6 address that identifies a network: one customer chooses freely among the addresses in it.
IPV6_NETWORK_BITS = 64


class AttemptsStorage(Storage):
    """Stores the counts of ``limits`` in the table ``attempts``. Keys are digests that reveal no name or address."""

    STORAGE_SCHEME = ["liuyan"]  # noqa: RUF012 - as the library declares it

    def __init__(
        self,
        uri: str | None = None,
        wrap_exceptions: bool = False,
        *,
        store: Store,
        secret_key: str,
        now: Callable[[], datetime],
        **options: float | str | bool,
    ) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        self._store = store
        self._key = secret_key.encode()
        self._now = now

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """The exception that the storage raises on database errors."""
        return StoreError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in the current window of ``expiry`` seconds and return the window's count."""
        start = datetime.fromtimestamp(self._now().timestamp() // expiry * expiry, UTC)
        async with self._store.writing() as session:
            end = start + timedelta(seconds=expiry)
            return await attempts.add_attempts(session, self._digest(key), start, end, amount)

    async def get(self, key: str) -> int:
        """Return the count of the current window."""
        count = await self._read(key)
        return count.n if count else 0

    async def get_expiry(self, key: str) -> float:
        """Return the end of the current window, in seconds since 1970."""
        count = await self._read(key)
        return (count.expires_at if count else self._now()).timestamp()

    async def clear(self, key: str) -> None:
        """Delete the count of a key."""
        async with self._store.writing() as session:
            await attempts.clear_attempts(session, self._digest(key))

    async def reset(self) -> int | None:
        """Delete all counts."""
        async with self._store.writing() as session:
            return await attempts.clear_attempts(session)

    async def check(self) -> bool:
        """Return whether the database is reachable."""
        try:
            await self._read("check")
        except StoreError:
            return False
        return True

    async def _read(self, key: str) -> attempts.Count | None:
        async with self._store.reading() as connection:
            return await attempts.read_attempts(connection, self._digest(key), self._now())

    def _digest(self, key: str) -> bytes:
        return hmac.digest(self._key, f"attempts: {key}".encode(), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit and the name, address or session that it applies to."""

    item: RateLimitItem
    subject: str


def network_of(address: str | None) -> str:
    """Return the client that an address belongs to: an IPv4 address, the /64 of an IPv6 address, or other text as is.

    An IPv4 address is the same client when it arrives mapped into IPv6.
    """
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))


class TooManyTriesError(ProblemError):
    """Too many attempts. ``limit`` is the name of the limit that is exceeded."""

    def __init__(self, limit: str, seconds: int) -> None:
        if seconds < 90:
            detail = gettext("Too many attempts: try again in %(seconds)s seconds.") % {"seconds": seconds}
        else:
            detail = gettext("Too many attempts: try again in %(minutes)s minutes.") % {
                "minutes": math.ceil(seconds / 60)
            }
        super().__init__(HTTPStatus.TOO_MANY_REQUESTS, "too_many_tries", detail, {"Retry-After": str(seconds)})
        self.limit = limit


@asynccontextmanager
async def lock_out_recorded(services: Services, actor: Actor, number: int | None) -> AsyncIterator[None]:
    """Record it in the audit log if the block exceeds a limit. ``number`` is the account's, if there is one."""
    try:
        yield
    except TooManyTriesError as error:
        account = "" if number is None else str(number)
        detail = {"limit": error.limit}
        observed = Observation("session.locked_out", "user", account, network_of(actor.address), detail)
        await services.observations.record(services.store, actor, observed)
        raise


class Throttle:
    """Counts attempts before they are made, so that concurrent attempts are counted too."""

    def __init__(self, services: AccountServices) -> None:
        options: dict[str, Any] = {"store": services.store, "now": services.now}
        storage = storage_from_string("liuyan://", secret_key=services.settings.required_secret_key(), **options)
        self._now = services.now
        self._limiter = FixedWindowRateLimiter(storage)

    async def take(self, *limits: Limit) -> None:
        """Count one attempt. Raises ProblemError, 429 with Retry-After, after too many attempts.

        Limits are counted in order up to the one that is exceeded. The limit of the address therefore comes first: a
        blocked address does not count against accounts.
        """
        for limit in limits:
            if not await self._limiter.hit(limit.item, limit.subject):
                stats = await self._limiter.get_window_stats(limit.item, limit.subject)
                seconds = max(1, math.ceil(stats.reset_time - self._now().timestamp()))
                raise TooManyTriesError(limit.item.namespace, seconds)

    async def give_back(self, *limits: Limit) -> None:
        """Uncount one successful attempt. Failed ones stay counted, so that signing in does not reset them."""
        for limit in limits:
            await self._limiter.hit(limit.item, limit.subject, cost=-1)

    async def forget(self, *limits: Limit) -> None:
        """Reset the counts."""
        for limit in limits:
            await self._limiter.clear(limit.item, limit.subject)
