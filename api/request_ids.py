"""Give every request an id that its response, its problem details and its log lines share."""

import re
from contextvars import ContextVar
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
# Long enough for the usual formats (UUID, ULID, W3C trace id), and harmless in logs and headers.
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class RequestIds:
    """Middleware that takes a well-formed id from the request's header, or creates one.

    The id stays set after the request, because the server logs an exception only then; each request runs in its own
    task.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        request_id = sent if _WELL_FORMED.fullmatch(sent) else uuid4().hex
        _request_id.set(request_id)
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self.app(scope, receive, sending)


def current_request_id() -> str | None:
    """Return the id of the current request; None outside a request."""
    return _request_id.get()
