"""Limits on request bodies: who may send one, how large it is, how long it takes, and how much all of them hold."""

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

# A form or a JSON document of a few fields.
SMALL_BODY = 64 * 1024
# Hundreds of ids, or one long text with every character escaped.
MEDIUM_BODY = 1024 * 1024
# 1,000 comments are a few hundred kilobytes, a file of 5,000 a few megabytes.
MAXIMUM_BODY = 8 * 1024 * 1024
# A client that is refused for want of memory or time can expect room after so many seconds.
RETRY_SECONDS = 5
STATE = "body"


class BodyError(HTTPException):
    """A body that is not read to its end; ``code`` and ``detail`` are those of a problem, ``title`` of a page."""

    def __init__(self, status: HTTPStatus, code: str, title: str, detail: str) -> None:
        headers = {
            HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_SECONDS)},
            # The rest of the body may still arrive, and must not be read as the next request.
            HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},
        }.get(status)
        super().__init__(status, detail, headers)
        self.code, self.title = code, title


def too_large(maximum: int) -> BodyError:
    """The body exceeds its limit of ``maximum`` bytes."""
    detail = gettext("The request is too large: send at most %(limit)s at once.") % {"limit": _size(maximum)}
    return BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", gettext("This is too much at once"), detail)


def too_many_values() -> BodyError:
    """The JSON of the body holds more values than may be read at once."""
    detail = gettext("The request holds too many values: send fewer at once.")
    return BodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", gettext("This is too much at once"), detail)


def _size(count: int) -> str:
    """A number of bytes as people write it: 64 KiB, 8 MiB."""
    return f"{count // 1024**2} MiB" if count >= 1024**2 else f"{count // 1024} KiB"


def too_slow() -> BodyError:
    """The body did not arrive in time."""
    title = gettext("The request did not arrive in time")
    detail = gettext("The body did not arrive in time: check the connection and send it again.")
    return BodyError(HTTPStatus.REQUEST_TIMEOUT, "body_too_slow", title, detail)


def no_room() -> BodyError:
    """All bodies together hold as much memory as they may."""
    title = gettext("Too many large requests at once")
    detail = gettext("Too many large requests arrive at once: try again in %(seconds)s seconds.")
    return BodyError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", title, detail % {"seconds": RETRY_SECONDS})


@dataclass(frozen=True, slots=True)
class BodyRules:
    """How long a body may take, and how many bytes all bodies may hold.

    A body must be complete after ``seconds`` plus one second for each ``bytes_per_second`` received, and no pause may
    exceed ``pause_seconds``. ``shared_bytes`` bounds what all requests hold beyond their first SMALL_BODY bytes, so
    that uploads never keep a form from being read.
    """

    seconds: float = 30
    pause_seconds: float = 10
    bytes_per_second: int = 64 * 1024
    shared_bytes: int = 4 * MAXIMUM_BODY


class LimitBodies:
    """Gives each request a body that can be read only after ``admit_body``, and only within the limits.

    An endpoint that reads a body before it knows who asks fails: the mistake cannot reach production unnoticed.
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
    """Let the request's body be read, up to ``maximum`` bytes: the client may send it.

    Call it once the headers have shown who asks, or where nobody needs to sign in.
    """
    body: _Body = connection.scope["state"][STATE]
    body.maximum = maximum


async def read_ahead(connection: HTTPConnection, receive: Receive) -> Receive:
    """Read a whole body that is admitted; what is returned gives it again, and then what ``receive`` gives.

    Raises BodyError, which would come as a part of an ExceptionGroup out of the task groups of some middleware.
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
    """Bytes that all bodies share."""

    def __init__(self, total: int) -> None:
        self.free = total

    def take(self, count: int) -> None:
        """Raises BodyError, 503."""
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
        self._taken = 0

    async def receive(self) -> Message:
        """The next part. Raises BodyError: 413, 408 or 503."""
        if self._complete or self.answered:
            # Only whether the client is still there is asked now.
            return await self._receive()
        if self.maximum is None:
            raise RuntimeError("a body is read before admit_body: authenticate first")
        if self._began is None:
            self._check_announced(self.maximum)
            self._began = self._now()
        message = await self._in_time(self._began)
        self._received += len(message.get("body", b""))
        if self._received > self.maximum:
            raise too_large(self.maximum)
        self._take(self._received)
        self._complete = not message.get("more_body", False)
        return message

    def release(self) -> None:
        """Give back what the request held."""
        self._budget.free += self._taken
        self._taken = 0

    def _check_announced(self, maximum: int) -> None:
        if not self._announced.isdecimal() or len(self._announced) > 18 or int(self._announced) > maximum:
            raise too_large(maximum)
        if int(self._announced) - SMALL_BODY > self._budget.free:
            raise no_room()

    async def _in_time(self, began: float) -> Message:
        left = began + self._rules.seconds + self._received / self._rules.bytes_per_second - self._now()
        if left <= 0:
            raise too_slow()
        try:
            async with asyncio.timeout(min(self._rules.pause_seconds, left)):
                return await self._receive()
        except TimeoutError:
            raise too_slow() from None

    def _take(self, received: int) -> None:
        wanted = max(0, received - SMALL_BODY)
        self._budget.take(wanted - self._taken)
        self._taken = wanted
