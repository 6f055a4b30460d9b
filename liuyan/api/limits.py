"""How much a request may bring."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# 1,000 comments are a few hundred kilobytes; the event loop should not read much more JSON than this at once.
MAXIMUM_BODY = 8 * 1024 * 1024


class LimitBody:
    """Refuses a body of more than ``maximum`` bytes where it is read, so that the refusal is a problem like any other.

    Starlette's own middleware answers in plain text, whatever the application says.
    """

    def __init__(self, app: ASGIApp, maximum: int) -> None:
        self.app = app
        self.maximum = maximum

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        received = 0

        async def limited_receive() -> Message:
            nonlocal received
            if not announced.isdecimal() or int(announced) > self.maximum:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.maximum:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        await self.app(scope, limited_receive, send)
