"""Flash messages, which an action leaves for the next page to show.

A signed but readable cookie keeps them for at most five minutes, so never put a secret into one.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admin.forms import add_cookie

COOKIE = "liuyan_messages"
SECONDS = 300
Kind = Literal["success", "warning", "error"]
_SALT = "liuyan.messages"


@dataclass(frozen=True, slots=True)
class Flash:
    """A message and its severity."""

    kind: Kind
    text: str


@dataclass(slots=True)
class _Messages:
    """Messages that no page has shown yet; ``changed`` means that the cookie must be rewritten."""

    waiting: list[Flash] = field(default_factory=list)
    changed: bool = False


class KeepMessages:
    """Middleware that carries messages from one request to the next page."""

    def __init__(self, app: ASGIApp, secret_key: str) -> None:
        self.app = app
        self._serializer = URLSafeTimedSerializer(secret_key, salt=_SALT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        messages = _Messages(self._read(request))
        request.state.messages = messages

        async def keeping_send(message: Message) -> None:
            if message["type"] == "http.response.start" and messages.changed:
                written = self._serializer.dumps([(one.kind, one.text) for one in messages.waiting])
                add_cookie(message, request, COOKIE, written, httponly=True, age=SECONDS if messages.waiting else 0)
            await send(message)

        await self.app(scope, receive, keeping_send)

    def _read(self, request: Request) -> list[Flash]:
        try:
            kept = self._serializer.loads(request.cookies.get(COOKIE, ""), max_age=SECONDS)
        except BadSignature:
            return []
        return [Flash(kind, text) for kind, text in kept if kind in get_args(Kind)]


def flash(request: Request, text: str, kind: Kind) -> None:
    """Show ``text`` on the page that this request renders, or else on the next one."""
    messages: _Messages = request.state.messages
    messages.waiting.append(Flash(kind, text))
    messages.changed = True


def take_messages(request: Request) -> list[Flash]:
    """Return and remove the messages to show on this page."""
    messages: _Messages = request.state.messages
    taken, messages.waiting = messages.waiting, []
    messages.changed = messages.changed or bool(taken)
    return taken
