"""A check asks now, within its deadline, and never asks a server twice at once."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from liuyan.errors import LiuyanError
from liuyan.reachable import Reachable

pytestmark = pytest.mark.timeout(20)


class AwayError(LiuyanError):
    """What a question raises when its server is away."""


class Server:
    """A server that a test freezes, and the questions that it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self._goes = asyncio.Event()
        self._goes.set()

    async def ask(self) -> None:
        self.asked += 1
        await self._goes.wait()
        if self.error is not None:
            raise self.error

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self._goes.clear()
        yield
        self._goes.set()


def check_of(server: Server) -> Reachable:
    return Reachable("server", "The server", server.ask, outages=(AwayError,), seconds=0.05)


async def test_it_reports_what_the_server_answers_now() -> None:
    server = Server()
    reachable = check_of(server)
    for times in (1, 2):
        answer = await reachable.check()
        assert (server.asked, answer.ok, answer.detail) == (times, True, "The server answers.")
    server.error = AwayError("it is away")
    failed = await reachable.check()
    assert (failed.ok, failed.detail) == (False, "The server does not answer.")
    server.error = LiuyanError("no such table")
    failed = await reachable.check()
    assert (failed.ok, failed.detail) == (False, "The server answers with an error, see the log.")
    server.error = None
    assert (await reachable.check()).ok


async def test_a_server_that_stands_still_fails_in_time_and_is_asked_once() -> None:
    server = Server()
    reachable = check_of(server)
    with server.frozen():
        began = time.monotonic()
        checks = await asyncio.gather(*(reachable.check() for _ in range(20)))
        assert time.monotonic() - began < 5
        assert not (await reachable.check()).ok
        assert {check.detail for check in checks} == {"The server does not answer."}
        assert server.asked == 1
    assert (await reachable.check()).ok


async def test_a_mistake_of_ours_is_not_hidden() -> None:
    server = Server()
    server.error = OverflowError("date value out of range")
    with pytest.raises(OverflowError):
        await check_of(server).check()
