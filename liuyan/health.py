"""/livez, /readyz and /metrics of a process, on an address of their own, from a thread of their own.

The consumer and the API serve the same three; each hands in what it knows about itself as checks, which its own event
loop answers. A loop that stands still answers nothing, and the thread says so.
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

from liuyan.connections import KeepTime, TimedConnection
from liuyan.errors import LiuyanError
from liuyan.settings import split_address

# Long enough for an answer under way, short enough that it never holds up the end of a process.
GRACE_SECONDS = 2
# Kafka gives up a member after ten seconds without a heartbeat, which the same event loop sends, and a probe that waits
# longer than its asker is worth nothing.
STALLED_SECONDS = 3.0
# Connections that may wait to be taken.
BACKLOG = 512
# With more connections than this every request is answered 503. Silent ones count too, until their deadline.
MOST_CONNECTIONS = 512


class AddressError(LiuyanError):
    """An address cannot be listened on: it is in use, not of this machine, or not allowed."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true; ``detail`` is the sentence that a person reads, in either case."""

    name: str
    ok: bool
    detail: str


Probe = Callable[[], Awaitable[Sequence[Check]]]


async def running() -> Sequence[Check]:
    """Nothing of its own: that the event loop answers is always a check of /livez."""
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
    """Serve the three paths at ``address`` (``host:port``, port 0 takes a free one, or what ``bind`` gave) while the
    block runs.

    /livez answers from ``alive`` and /readyz from ``ready``: status 200 when every check is ok, else 503, with the
    checks as JSON. Both run in the caller's event loop, and when it has not answered for ``stalled_seconds`` that is
    the check that fails. A probe answers soon, since it is asked at every request. Yields the address that was bound.
    Raises AddressError.
    """
    listener = bind(address) if isinstance(address, str) else address
    start_listening(listener)
    loop = _WatchedLoop(stalled_seconds)
    server = quiet_server(_application(loop, alive, ready, registry), grace_seconds=GRACE_SECONDS)
    # The socket listens already: a request that comes before uvicorn is up waits in its backlog.
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), name="health", daemon=True)
    thread.start()
    try:
        yield address_of(listener)
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join)


class _WatchedLoop:
    """The event loop that a process works in, asked from another thread. Made within that loop."""

    def __init__(self, stalled_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._stalled_seconds = stalled_seconds

    async def ask(self, probe: Probe) -> Sequence[Check]:
        """The probe's checks and one that says that the loop answers; that one alone when it does not in time."""
        asked = asyncio.run_coroutine_threadsafe(_awaited(probe), self._loop)
        try:
            checks = await asyncio.wait_for(asyncio.wrap_future(asked), self._stalled_seconds)
        except TimeoutError:
            return [Check("event_loop", False, f"The event loop has not answered for {self._stalled_seconds:g} s.")]
        return [*checks, Check("event_loop", True, "The event loop answers.")]


async def _awaited(probe: Probe) -> Sequence[Check]:
    return await probe()


def listen(address: str) -> socket.socket:
    """A socket that listens on ``address`` (``host:port``). Raises AddressError with one sentence."""
    listener = bind(address)
    start_listening(listener)
    return listener


def bind(address: str) -> socket.socket:
    """A socket that has ``address`` (``host:port``) and refuses whoever connects, until ``start_listening``.

    Raises AddressError with one sentence.
    """
    try:
        host, port = split_address(address)
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family)
    except ValueError as error:
        raise AddressError(f"{address!r} is not an address: {error}.") from None
    except OSError as error:
        raise _cannot_listen(address, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Connections inherit it. asyncio sets it only on sockets of its own making, and without it each answer waits
        # 40 ms for the client to acknowledge its header.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _cannot_listen(address, error) from None
    return listener


def start_listening(listener: socket.socket) -> None:
    """Let clients connect to a socket of ``bind``. Raises AddressError; the socket is closed then."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        address = address_of(listener)
        listener.close()
        raise _cannot_listen(address, error) from None


def _cannot_listen(address: str, error: OSError) -> AddressError:
    why = error.strerror if isinstance(error, socket.gaierror) or not error.errno else os.strerror(error.errno)
    return AddressError(f"Cannot listen on {address} ({why}): choose another address or end what uses it.")


def address_of(listener: socket.socket) -> str:
    """The address that a socket is bound to, as ``host:port``."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def quiet_server(application: ASGIApp, *, grace_seconds: int) -> uvicorn.Server:
    """A uvicorn server that leaves signals and logging to its process; end it with ``should_exit = True``.

    Connections have the deadlines and heads the limit of ``connections``.
    """
    return _Server(
        uvicorn.Config(
            KeepTime(application),
            http=TimedConnection,
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # It would believe whatever anybody on this machine says of where a request is from.
            timeout_graceful_shutdown=grace_seconds,
        )
    )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal: the process that this server is a part of decides what one means."""
        yield


def _application(loop: _WatchedLoop, alive: Probe, ready: Probe, registry: CollectorRegistry) -> Starlette:
    async def livez(_: Request) -> Response:
        return _answer(await loop.ask(alive))

    async def readyz(_: Request) -> Response:
        return _answer(await loop.ask(ready))

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)])


def _answer(checks: Sequence[Check]) -> Response:
    ok = all(check.ok for check in checks)
    body = {"ok": ok, "checks": [asdict(check) for check in checks]}
    return JSONResponse(body, status_code=200 if ok else 503)
