"""How often one may guess: limits by account and by address, counted in the database, so that a restart forgets none.

The strategy is that of ``limits``, which has no backend for SQL; the storage below is registered as ``liuyan://``.
"""

import hashlib
import hmac
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string

from api.i18n import gettext
from api.problems import ProblemError
from api.services import AccountServices
from store import attempts
from store.errors import StoreError
from store.store import Store

# Ten guesses in a quarter of an hour find no password that the rules let through. An office behind one address signs in
# without being refused, since a right password is given back.
SIGN_IN_OF_ACCOUNT = RateLimitItemPerMinute(10, 15, namespace="account")
SIGN_IN_FROM_ADDRESS = RateLimitItemPerMinute(60, 15, namespace="address")
# Counted by session and not by account: whoever stole a session must not keep its owner from signing in.
CONFIRMATION_OF_SESSION = RateLimitItemPerMinute(10, 15, namespace="confirmation")
SIGN_UP_FROM_ADDRESS = RateLimitItemPerHour(10, namespace="sign-up")


class AttemptsStorage(Storage):
    """Counts of ``limits`` as rows of the table ``attempts``, under digests from which no name or address is read."""

    STORAGE_SCHEME = ["liuyan"]  # noqa: RUF012 - the library's own way to declare it

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
        """What a failure of the database is."""
        return StoreError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in the window of ``expiry`` seconds that holds now, and return its count."""
        start = datetime.fromtimestamp(self._now().timestamp() // expiry * expiry, UTC)
        async with self._store.writing() as session:
            end = start + timedelta(seconds=expiry)
            return await attempts.add_attempts(session, self._digest(key), start, end, amount)

    async def get(self, key: str) -> int:
        """The count of the window that is not over."""
        count = await self._read(key)
        return count.n if count else 0

    async def get_expiry(self, key: str) -> float:
        """When that window is over, in seconds since 1970."""
        count = await self._read(key)
        return (count.expires_at if count else self._now()).timestamp()

    async def clear(self, key: str) -> None:
        """Forget what was counted under a key."""
        async with self._store.writing() as session:
            await attempts.clear_attempts(session, self._digest(key))

    async def reset(self) -> int | None:
        """Forget everything."""
        async with self._store.writing() as session:
            return await attempts.clear_attempts(session)

    async def check(self) -> bool:
        """Whether the database answers."""
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
    """How often, and by whom: a name, or an address."""

    item: RateLimitItem
    whose: str


class Throttle:
    """Counts tries before they are made, so that many at once are counted too."""

    def __init__(self, services: AccountServices) -> None:
        options: dict[str, Any] = {"store": services.store, "now": services.now}
        storage = storage_from_string("liuyan://", secret_key=services.settings.required_secret_key(), **options)
        self._now = services.now
        self._limiter = FixedWindowRateLimiter(storage)

    async def take(self, *limits: Limit) -> None:
        """Count one try. Raises ProblemError, 429 with Retry-After, when there were too many."""
        for limit in limits:
            if not await self._limiter.hit(limit.item, limit.whose):
                stats = await self._limiter.get_window_stats(limit.item, limit.whose)
                raise _too_many(max(1, math.ceil(stats.reset_time - self._now().timestamp())))

    async def give_back(self, *limits: Limit) -> None:
        """Take back one try that was right; only that one, so that nobody clears their guesses by signing in."""
        for limit in limits:
            await self._limiter.hit(limit.item, limit.whose, cost=-1)

    async def forget(self, *limits: Limit) -> None:
        """Take back all tries."""
        for limit in limits:
            await self._limiter.clear(limit.item, limit.whose)


def _too_many(seconds: int) -> ProblemError:
    if seconds < 90:
        detail = gettext("Too many tries: try again in %(seconds)s seconds.") % {"seconds": seconds}
    else:
        detail = gettext("Too many tries: try again in %(minutes)s minutes.") % {"minutes": math.ceil(seconds / 60)}
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_tries", detail, {"Retry-After": str(seconds)})
