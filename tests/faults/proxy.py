"""TCP proxies that cut, delay and stall connections, lose the answer to a COMMIT, and drop Kafka requests."""

import asyncio
from collections.abc import Callable, Iterator
from enum import IntEnum

CHUNK = 65_536
QUERY = 0x03
Filter = Callable[[bytes], bytes]


class Proxy:
    """Listens on ``port`` and forwards to ``upstream``; methods switch faults on and off."""

    def __init__(self, port: int, upstream: int) -> None:
        self.port = port
        self.upstream = upstream
        self.delay = 0.0
        self.lost_commits = 0
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._lose_commits = 0
        self._on_statement: tuple[bytes, Callable[[], None]] | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        self.heal()
        if self._server is not None:
            self._server.close()
        while self._writers:
            self.cut()
            await asyncio.sleep(0.01)

    def cut(self) -> None:
        """Abort every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def half_open(self) -> None:
        """Keep connections open but forward nothing."""
        self._open.clear()

    def heal(self) -> None:
        """Forward again, without delay."""
        self.delay = 0.0
        self._open.set()

    def lose_next_commit(self) -> None:
        """Forward the next COMMIT, and cut the connection before the client gets the answer."""
        self._lose_commits += 1

    def on_statement(self, prefix: bytes | None, act: Callable[[], None] = lambda: None) -> None:
        """Call ``act`` once, after forwarding a packet with a statement that begins with ``prefix``; None cancels."""
        self._on_statement = None if prefix is None else (prefix, act)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, up_writer}
        self._writers |= pair
        lost = asyncio.Event()
        directions = [
            asyncio.create_task(self._forward(reader, up_writer, lost, from_client=True)),
            asyncio.create_task(self._forward(up_reader, writer, lost, from_client=False)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            for one in pair:
                one.transport.abort()
            self._writers -= pair

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event, *, from_client: bool
    ) -> None:
        keep = self._request_filter()
        try:
            while data := await reader.read(CHUNK):
                await self._open.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if not from_client and lost.is_set():
                    self.lost_commits += 1
                    return
                if from_client:
                    self._detect_commit(data, lost)
                    data = keep(data)
                writer.write(data)
                await writer.drain()
                if from_client:
                    self._run_action(data)
        except OSError:
            return

    def _request_filter(self) -> Filter:
        """Return a filter for the bytes that one client connection sends to the server."""
        return lambda data: data

    def _detect_commit(self, data: bytes, lost: asyncio.Event) -> None:
        if self._lose_commits and _statement(data).upper().startswith(b"COMMIT"):
            self._lose_commits -= 1
            lost.set()

    def _run_action(self, data: bytes) -> None:
        if self._on_statement is not None and _begins(_statement(data), self._on_statement[0]):
            act = self._on_statement[1]
            self._on_statement = None
            act()


class Request(IntEnum):
    """Kafka API keys."""

    FETCH = 1
    JOIN_GROUP = 11


class KafkaProxy(Proxy):
    """A proxy for Kafka that drops requests of the kinds in ``dropped`` from clients with the client id ``client``."""

    def __init__(self, port: int, upstream: int, client: str) -> None:
        super().__init__(port, upstream)
        self.dropped: frozenset[Request] = frozenset()
        self._client = client.encode()

    def _request_filter(self) -> Filter:
        rest = bytearray()

        def keep(data: bytes) -> bytes:
            rest.extend(data)
            return b"".join(request for request in _requests(rest) if not self._drops(request))

        return keep

    def _drops(self, request: bytes) -> bool:
        length = int.from_bytes(request[12:14])
        return int.from_bytes(request[4:6]) in self.dropped and request[14 : 14 + length] == self._client


def _requests(rest: bytearray) -> Iterator[bytes]:
    """Remove and yield the complete requests at the start of ``rest``: four bytes of size, then that many bytes."""
    while len(rest) >= 4 and len(rest) >= (size := 4 + int.from_bytes(rest[:4])):
        yield bytes(rest[:size])
        del rest[:size]


def _begins(statements: bytes, prefix: bytes) -> bool:
    return statements.startswith(prefix) or b";\n" + prefix in statements


def _statement(data: bytes) -> bytes:
    """Return the statement in a MySQL client packet, or nothing if it contains none."""
    return data[5:] if len(data) > 5 and data[4] == QUERY else b""
