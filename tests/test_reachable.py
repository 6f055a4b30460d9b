"""A check queries the server, within its timeout, and shares concurrent queries."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from liuyan.errors import LiuyanError
from liuyan.reachable import Reachable

pytestmark = pytest.mark.timeout(20)


class UnavailableError(LiuyanError):
    """The error of a query to an unavailable server."""


class Server:
    """A server that a test can freeze; counts its queries."""

    def __init__(self) -> None:
        self.queries = 0
        self.error: Exception | None = None
        self._running = asyncio.Event()
        self._running.set()

    async def query(self) -> None:
        self.queries += 1
        await self._running.wait()
        if self.error is not None:
            raise self.error

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self._running.clear()
        yield
        self._running.set()


def check_of(server: Server) -> Reachable:
    return Reachable("server", "The server", server.query, outages=(UnavailableError,), seconds=0.05)


async def test_current_state_is_reported() -> None:
    server = Server()
    reachable = check_of(server)
    for times in (1, 2):
        answer = await reachable.check()
        assert (server.queries, answer.ok, answer.detail) == (times, True, "The server answers.")
    server.error = UnavailableError("connection refused")
    failed = await reachable.check()
    assert (failed.ok, failed.detail) == (False, "The server does not answer.")
    server.error = LiuyanError("no such table")
    failed = await reachable.check()
    assert (failed.ok, failed.detail) == (False, "The server returned an error, see the log.")
    server.error = None
    assert (await reachable.check()).ok


async def test_frozen_server_fails_in_time_and_is_queried_once() -> None:
    server = Server()
    reachable = check_of(server)
    with server.frozen():
        started_at = time.monotonic()
        checks = await asyncio.gather(*(reachable.check() for _ in range(20)))
        assert time.monotonic() - started_at < 5
        assert not (await reachable.check()).ok
        assert {check.detail for check in checks} == {"The server does not answer."}
        assert server.queries == 1
    assert (await reachable.check()).ok


async def test_internal_errors_are_raised() -> None:
    server = Server()
    server.error = OverflowError("date value out of range")
    with pytest.raises(OverflowError):
        await check_of(server).check()
