"""Connection deadlines: for a request's head, between requests, and for clients that do not read the response.

uvicorn only has the second one. The protocol here wraps uvicorn's and adds a timer.
"""

import asyncio
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

# A browser sends a head in one packet.
HEAD_SECONDS = 10.0
# How long one part of a response may wait for the client to read it.
WRITE_SECONDS = 60.0
# Far more than cookies, filters in the URL and an Accept-Language need; h11 only limits incomplete heads.
MAXIMUM_HEAD = 16 * 1024
STATE = "connection"


class TimedConnection(asyncio.Protocol):
    """A connection that closes if no complete head arrives within HEAD_SECONDS while no request is in progress."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        # uvicorn copies this state into the scope of each request, where DeadlineMiddleware reads it.
        self._http = H11Protocol(config, server_state, {**app_state, STATE: self}, _loop)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the deadline of the first head."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"{transport!r} is not a stream")
        self._transport = transport
        self._wait_for_head()
        self._http.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadline."""
        self._stop_waiting()
        self._http.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Forward data; a part of a head does not extend the deadline."""
        self._http.data_received(data)

    def eof_received(self) -> None:
        """Forward the call."""
        self._http.eof_received()

    def pause_writing(self) -> None:
        """Forward the call."""
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Forward the call."""
        self._http.resume_writing()

    def request_began(self) -> None:
        """Record that a head is complete and stop the deadline."""
        self._requests += 1
        self._stop_waiting()

    def request_ended(self) -> None:
        """Record that the application has responded; the rest of the body and the next head share a new deadline."""
        self._requests -= 1
        if not self._requests:
            self._wait_for_head()

    def abort(self) -> None:
        """Close the connection immediately."""
        if self._transport is not None:
            self._transport.abort()

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        if self._transport is not None and not self._transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.abort)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class DeadlineMiddleware:
    """Tell the connection when a request is in progress, check its head, and limit the time to send."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: TimedConnection = scope["state"].pop(STATE)

        async def timely_send(message: Message) -> None:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await send(message)
            except TimeoutError:
                connection.abort()

        connection.request_began()
        try:
            await (_refusal(scope) or self.app)(scope, receive, timely_send)
        finally:
            connection.request_ended()


def _refusal(scope: Scope) -> ASGIApp | None:
    """Return the response to a head that is too large or ambiguous, which also closes the connection; else None."""
    close = {"Connection": "close"}
    if _head_size(scope) > MAXIMUM_HEAD:
        text = f"The URL and headers exceed {MAXIMUM_HEAD} bytes. Remove cookies or shorten the URL.\n"
        return PlainTextResponse(text, 431, headers=close)
    # A proxy may use the other header, so that both see different ends of the request (RFC 9112, section 6.1).
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
        text = "The request has both Content-Length and Transfer-Encoding. Send only one of them.\n"
        return PlainTextResponse(text, 400, headers=close)
    return None


def _head_size(scope: Scope) -> int:
    fields = sum(len(name) + len(value) for name, value in scope["headers"])
    return fields + len(scope["raw_path"]) + len(scope["query_string"])
