"""Limit request bodies: when they are read, their size, their duration and the memory they use together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.i18n import gettext

# A form, or a JSON document with a few fields.
SMALL_BODY = 64 * 1024
# Hundreds of ids, or one long text in which every character is escaped.
MEDIUM_BODY = 1024 * 1024
# 1,000 comments are a few hundred kilobytes, a file of 5,000 a few megabytes.
MAXIMUM_BODY = 8 * 1024 * 1024
# Retry-After for clients rejected because the shared memory is used up.
RETRY_SECONDS = 5
STATE = "body"


class BodyError(HTTPException):
    """A body was not read completely. ``code`` and ``detail`` go into a problem, ``title`` onto a page."""

    def __init__(self, status: HTTPStatus, code: str, title: str, detail: str) -> None:
        headers = {
            HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_SECONDS)},
            # The rest of the body may still arrive and must not be parsed as the next request.
            HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},
        }.get(status)
        super().__init__(status, detail, headers)
        self.code, self.title = code, title


def too_large(maximum: int) -> BodyError:
    """Return the error for a body of more than ``maximum`` bytes."""
    detail = gettext("The request is too large: send at most %(limit)s at once.") % {"limit": _size(maximum)}
    return BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", gettext("This is too much at once"), detail)


def too_many_values() -> BodyError:
    """Return the error for a JSON body with too many values."""
    detail = gettext("The request contains too many values: send fewer at once.")
    return BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", gettext("This is too much at once"), detail)


def _size(count: int) -> str:
    """Format a number of bytes: 64 KiB, 8 MiB."""
    return f"{count // 1024**2} MiB" if count >= 1024**2 else f"{count // 1024} KiB"


def too_slow() -> BodyError:
    """Return the error for a body that did not arrive in time."""
    title = gettext("The request did not arrive in time")
    detail = gettext("The body did not arrive in time: check the connection and send it again.")
    return BodyError(HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", title, detail)


def no_room() -> BodyError:
    """Return the error for a body that exceeds the memory shared by all bodies."""
    title = gettext("Too many large requests at once")
    detail = gettext("Too many large requests arrive at once: try again in %(seconds)s seconds.")
    return BodyError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", title, detail % {"seconds": RETRY_SECONDS})


@dataclass(frozen=True, slots=True)
class BodyRules:
    """Limits on the duration of a body and on the memory of all bodies.

    A body must be complete after ``seconds`` plus one second for each ``bytes_per_second`` bytes received, without
    pauses longer than ``pause_seconds``. ``shared_bytes`` limits the total size of all bodies, not counting the first
    SMALL_BODY bytes of each, so that uploads never block a form.
    """

    seconds: float = 30
    pause_seconds: float = 10
    bytes_per_second: int = 64 * 1024
    shared_bytes: int = 4 * MAXIMUM_BODY


class LimitBodies:
    """Allows a request's body to be read only after ``admit_body`` and within the limits.

    An endpoint that reads the body before it authenticates the request raises RuntimeError, so tests catch the mistake.
    """

    def __init__(self, app: ASGIApp, rules: BodyRules | None = None, now: Callable[[], float] = monotonic) -> None:
        self.app = app
        self._rules = rules or BodyRules()
        self._now = now
        self._budget = _Budget(self._rules.shared_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(Headers(scope=scope), receive, self._rules, self._budget, self._now)
        scope.setdefault("state", {})[STATE] = body

        async def noticing_send(message: Message) -> None:
            body.answered = True
            await send(message)

        try:
            await self.app(scope, body.receive, noticing_send)
        finally:
            body.release()


def admit_body(connection: HTTPConnection, maximum: int = SMALL_BODY) -> None:
    """Allow the request's body to be read, up to ``maximum`` bytes.

    Call it after authentication, or if the endpoint requires none.
    """
    body: _Body = connection.scope["state"][STATE]
    body.maximum = maximum


async def read_ahead(connection: HTTPConnection, receive: Receive) -> Receive:
    """Read an admitted body to its end and return a Receive that replays it before it delegates to ``receive``.

    Raises BodyError here, because the task groups of some middleware would wrap it in an ExceptionGroup.
    """
    body: _Body = connection.scope["state"][STATE]
    content, more = bytearray(), True
    while more:
        message = await body.receive()
        if message["type"] == "http.disconnect":
            return _replaying([message], receive)
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return _replaying([{"type": "http.request", "body": bytes(content), "more_body": False}], receive)


def _replaying(messages: list[Message], receive: Receive) -> Receive:
    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


class _Budget:
    """Bytes shared by all bodies."""

    def __init__(self, total: int) -> None:
        self.free = total

    def take(self, count: int) -> None:
        """Reserve ``count`` bytes. Raises BodyError, 503."""
        if count > self.free:
            raise no_room()
        self.free -= count


class _Body:
    """The body of one request while it arrives."""

    def __init__(
        self, headers: Headers, receive: Receive, rules: BodyRules, budget: _Budget, now: Callable[[], float]
    ) -> None:
        self.maximum: int | None = None
        self.answered = False
        self._announced = headers.get("content-length", "0")
        self._complete = self._announced == "0" and "transfer-encoding" not in headers
        self._receive, self._rules, self._budget, self._now = receive, rules, budget, now
        self._began: float | None = None
        self._received = 0
        self._reserved = 0

    async def receive(self) -> Message:
        """Return the next part. Raises BodyError: 413, 408 or 503."""
        if self._complete or self.answered:
            # The caller now only waits for a disconnect.
            return await self._receive()
        if self.maximum is None:
            raise RuntimeError("a body is read before admit_body: authenticate first")
        if self._began is None:
            self._check_announced(self.maximum)
            self._began = self._now()
        message = await self._receive_in_time(self._began)
        self._received += len(message.get("body", b""))
        if self._received > self.maximum:
            raise too_large(self.maximum)
        self._reserve(self._received)
        self._complete = not message.get("more_body", False)
        return message

    def release(self) -> None:
        """Return the request's bytes to the budget."""
        self._budget.free += self._reserved
        self._reserved = 0

    def _check_announced(self, maximum: int) -> None:
        if not self._announced.isdecimal() or len(self._announced) > 18 or int(self._announced) > maximum:
            raise too_large(maximum)
        if int(self._announced) - SMALL_BODY > self._budget.free:
            raise no_room()

    async def _receive_in_time(self, began: float) -> Message:
        left = began + self._rules.seconds + self._received / self._rules.bytes_per_second - self._now()
        if left <= 0:
            raise too_slow()
        try:
            async with asyncio.timeout(min(self._rules.pause_seconds, left)):
                return await self._receive()
        except TimeoutError:
            raise too_slow() from None

    def _reserve(self, received: int) -> None:
        required = max(0, received - SMALL_BODY)
        self._budget.take(required - self._reserved)
        self._reserved = required
