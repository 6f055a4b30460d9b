"""Connections without a complete request are closed after their deadline."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

import liuyan.connections
from liuyan.connections import MAXIMUM_HEAD
from liuyan.health import address_of, listen, quiet_server

pytestmark = pytest.mark.timeout(30)
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond at /, after three head deadlines at /slow, and at /upload without reading the body."""
    if scope["path"] == "/slow":
        await asyncio.sleep(3 * liuyan.connections.HEAD_SECONDS)
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    await send(start)
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    monkeypatch.setattr(liuyan.connections, "HEAD_SECONDS", 0.3)
    with contextlib.closing(listen("127.0.0.1:0")) as listener:
        server = quiet_server(application, grace_seconds=1)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        host, _, port = address_of(listener).rpartition(":")

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection(host, int(port))

        yield connect
        server.should_exit = True
        await task


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """Return all data received until the server closes the connection."""
    content = b""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65_536):
                content += part
    return content


async def test_silent_connection_is_closed(connect: Connect) -> None:
    reader, writer = await connect()
    assert await until_closed(reader) == b""
    writer.close()


async def test_incomplete_head_is_closed_even_if_it_trickles(connect: Connect) -> None:
    reader, writer = await connect()

    async def trickle() -> None:
        for byte in b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 200:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    assert await until_closed(reader) == b""
    assert not trickling.done()
    trickling.cancel()
    writer.close()


async def test_request_in_progress_is_not_closed(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(REQUEST.replace(b"GET /", b"GET /slow"))
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_connection_is_reused_and_closed_when_idle(connect: Connect) -> None:
    reader, writer = await connect()
    for _ in range(5):
        writer.write(REQUEST)
        async with asyncio.timeout(10):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            await reader.readuntil(b"ok")
        await asyncio.sleep(0.1)
    assert await until_closed(reader) == b""
    writer.close()


async def test_unread_body_does_not_keep_the_connection_open(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")

    async def trickle() -> None:
        for _ in range(100):
            writer.write(b"x")
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    answer = await until_closed(reader)
    assert answer.startswith(b"HTTP/1.1 200")
    assert not trickling.done()
    trickling.cancel()
    writer.close()


async def test_head_that_is_too_large_is_rejected(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"a" * MAXIMUM_HEAD + b"\r\n\r\n")
    answer = await until_closed(reader)
    assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    writer.close()


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 0\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
    ],
)
async def test_request_with_ambiguous_length_is_rejected_and_the_rest_is_not_read(
    connect: Connect, framing: bytes
) -> None:
    reader, writer = await connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n0\r\n\r\n" + REQUEST)
    answer = await until_closed(reader)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer.lower()
    writer.close()


async def test_client_that_does_not_read_is_disconnected(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liuyan.connections, "WRITE_SECONDS", 0.3)
    aborted = asyncio.Event()

    async def stuck(_: Message) -> None:
        await asyncio.sleep(60)

    class Connection:
        def abort(self) -> None:
            aborted.set()

        def request_began(self) -> None:
            pass

        def request_ended(self) -> None:
            pass

    scope = {"state": {liuyan.connections.STATE: Connection()}, "headers": [], "raw_path": b"/", "query_string": b""}
    scope["path"] = "/"

    async def receive() -> Message:
        raise AssertionError("the body must not be read")

    await liuyan.connections.DeadlineMiddleware(application)(scope, receive, stuck)
    assert aborted.is_set()
