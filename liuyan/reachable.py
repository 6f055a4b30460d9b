"""Readiness checks that query a server for every probe instead of reporting its last known state."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from liuyan.errors import LiuyanError
from liuyan.health import Check

# Less than STALLED_SECONDS of the health server, so that this check is reported and not a blocked event loop.
ANSWER_SECONDS = 2.0
log = structlog.get_logger(__name__)


class Reachable:
    """The check ``name``: ``server`` answers the query ``ask`` within ``seconds``.

    Concurrent probes share one query, so that queries do not pile up while a server does not answer. Errors in
    ``outages`` mean that the server does not answer.
    """

    def __init__(
        self,
        name: str,
        server: str,
        ask: Callable[[], Awaitable[object]],
        *,
        outages: tuple[type[Exception], ...],
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._name = name
        self._server = server
        self._ask = ask
        self._outages = outages
        self._seconds = seconds
        self._query: asyncio.Task[Check] | None = None
        self._ok = True

    async def check(self) -> Check:
        """Query the server and return the result, or a failed check after the timeout."""
        if self._query is None or self._query.done():
            self._query = asyncio.create_task(self._answer(), name=f"probe {self._name}")
        done, _ = await asyncio.wait([self._query], timeout=self._seconds)
        return self._query.result() if done else self._failed("does not answer", "no answer in time")

    async def _answer(self) -> Check:
        try:
            await self._ask()
        except self._outages as error:
            return self._failed("does not answer", str(error) or "no answer in time")
        except LiuyanError as error:
            return self._failed("returned an error, see the log", str(error))
        self._ok = True
        return Check(self._name, True, f"{self._server} answers.")

    def _failed(self, problem: str, reason: str) -> Check:
        if self._ok:  # Log the first failure only.
            log.warning("not ready", check=self._name, reason=reason)
        self._ok = False
        return Check(self._name, False, f"{self._server} {problem}.")
