"""Checks of /readyz that ask a server whether it answers now, instead of telling what it answered last."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from liuyan.errors import LiuyanError
from liuyan.health import Check

# Less than the time after which the health server gives up on the event loop, so that the check itself is reported.
ANSWER_SECONDS = 2.0
log = structlog.get_logger(__name__)


class Reachable:
    """The check ``name`` that ``server`` answers ``ask`` within ``seconds``.

    One question is under way at a time: probes that come while a server does not answer wait for the same one, so they
    never pile up. An error in ``outages`` means that the server does not answer.
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
        self._question: asyncio.Task[Check] | None = None
        self._ok = True

    async def check(self) -> Check:
        """Ask, and report what the server answers in time."""
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(self._answer(), name=f"probe {self._name}")
        done, _ = await asyncio.wait([self._question], timeout=self._seconds)
        return self._question.result() if done else self._failed("does not answer", "no answer in time")

    async def _answer(self) -> Check:
        try:
            await self._ask()
        except self._outages as error:
            return self._failed("does not answer", str(error) or "no answer in time")
        except LiuyanError as error:
            return self._failed("answers with an error, see the log", str(error))
        self._ok = True
        return Check(self._name, True, f"{self._server} answers.")

    def _failed(self, what: str, reason: str) -> Check:
        if self._ok:  # Once, and not at every probe.
            log.warning("not ready", check=self._name, reason=reason)
        self._ok = False
        return Check(self._name, False, f"{self._server} {what}.")
