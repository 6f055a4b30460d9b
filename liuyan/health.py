"""Serve /livez, /readyz and /metrics of the consumer and the API on a separate address, from a separate thread.

Checks run in the process's own event loop. If that loop is blocked, the thread reports it.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from liuyan.connections import DeadlineMiddleware, TimedConnection
from liuyan.errors import LiuyanError
from liuyan.setting_types import split_address

# Long enough to finish a response, short enough not to delay the end of the process.
GRACE_SECONDS = 2
# Less than the session timeout of Kafka (the same event loop sends heartbeats) and than the timeout of usual probes.
STALLED_SECONDS = 3.0
# Connections that may wait to be accepted.
BACKLOG = 512
# With more connections every request is answered with 503. Idle connections count until their deadline.
MOST_CONNECTIONS = 512


class AddressError(LiuyanError):
    """Cannot listen on an address: it is in use, belongs to another machine or is not allowed."""


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that must hold; ``detail`` describes the current state for people, whether it holds or not."""

    name: str
    ok: bool
    detail: str


Probe = Callable[[], Awaitable[Sequence[Check]]]


async def running() -> Sequence[Check]:
    """Return no checks: /livez always includes the one that the event loop answers."""
    return []


@contextlib.asynccontextmanager
async def serve_health(
    address: str | socket.socket,
    *,
    ready: Probe,
    registry: CollectorRegistry,
    alive: Probe = running,
    stalled_seconds: float = STALLED_SECONDS,
) -> AsyncIterator[str]:
    """Serve /livez, /readyz and /metrics while the block runs and yield the bound address.

    ``address`` is ``host:port`` (port 0 for a free port) or a socket from ``bind``. /livez runs the probe ``alive`` and
    /readyz the probe ``ready``, for each request, in the caller's event loop; status 200 if all checks pass, else 503,
    with the checks as JSON. If the loop does not answer within ``stalled_seconds``, that is the failed check. Raises
    AddressError.
    """
    listener = bind(address) if isinstance(address, str) else address
    start_listening(listener)
    loop = _WatchedLoop(stalled_seconds)
    server = quiet_server(_application(loop, alive, ready, registry), grace_seconds=GRACE_SECONDS)
    # The socket is already listening: requests that arrive before uvicorn has started wait in the backlog.
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), name="health", daemon=True)
    thread.start()
    try:
        yield address_of(listener)
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join)


class _WatchedLoop:
    """Runs probes in a process's event loop from another thread. Create it in that loop."""

    def __init__(self, stalled_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._stalled_seconds = stalled_seconds

    async def run(self, probe: Probe) -> Sequence[Check]:
        """Return the probe's checks and the one that the loop answers; only the latter, failed, after a timeout."""
        future = asyncio.run_coroutine_threadsafe(_awaited(probe), self._loop)
        try:
            checks = await asyncio.wait_for(asyncio.wrap_future(future), self._stalled_seconds)
        except TimeoutError:
            return [Check("event_loop", False, f"The event loop has not answered for {self._stalled_seconds:g} s.")]
        return [*checks, Check("event_loop", True, "The event loop answers.")]


async def _awaited(probe: Probe) -> Sequence[Check]:
    return await probe()


def listen(address: str) -> socket.socket:
    """Return a socket that listens on ``address`` (``host:port``). Raises AddressError."""
    listener = bind(address)
    start_listening(listener)
    return listener


def bind(address: str) -> socket.socket:
    """Return a socket bound to ``address`` (``host:port``), which refuses connections until ``start_listening``.

    Raises AddressError.
    """
    try:
        host, port = split_address(address)
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family)
    except ValueError as error:
        raise AddressError(f"Invalid address {address!r}: {error}.") from None
    except OSError as error:
        raise _cannot_listen(address, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Connections inherit this option. asyncio only sets it on sockets that it creates, and without it each response
        # waits 40 ms for the client to acknowledge its header.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _cannot_listen(address, error) from None
    return listener


def start_listening(listener: socket.socket) -> None:
    """Accept connections on a socket from ``bind``. Closes it and raises AddressError on failure."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        address = address_of(listener)
        listener.close()
        raise _cannot_listen(address, error) from None


def _cannot_listen(address: str, error: OSError) -> AddressError:
    reason = error.strerror if isinstance(error, socket.gaierror) or not error.errno else os.strerror(error.errno)
    return AddressError(f"Cannot listen on {address} ({reason}). Choose another address or stop the program using it.")


def address_of(listener: socket.socket) -> str:
    """Return the address of a socket as ``host:port``."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def quiet_server(application: ASGIApp, *, grace_seconds: int) -> uvicorn.Server:
    """Return a uvicorn server that handles no signals and does not log; stop it with ``should_exit = True``.

    Connections have the deadlines and head limit of ``liuyan.connections``.
    """
    return _Server(
        uvicorn.Config(
            DeadlineMiddleware(application),
            http=TimedConnection,
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # Otherwise uvicorn trusts X-Forwarded-For from any process on this machine.
            timeout_graceful_shutdown=grace_seconds,
        )
    )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


def _application(loop: _WatchedLoop, alive: Probe, ready: Probe, registry: CollectorRegistry) -> Starlette:
    async def livez(_: Request) -> Response:
        return _respond(await loop.run(alive))

    async def readyz(_: Request) -> Response:
        return _respond(await loop.run(ready))

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)])


def _respond(checks: Sequence[Check]) -> Response:
    ok = all(check.ok for check in checks)
    body = {"ok": ok, "checks": [asdict(check) for check in checks]}
    return JSONResponse(body, status_code=200 if ok else 503)
