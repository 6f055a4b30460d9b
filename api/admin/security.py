"""Security headers, and how long browsers may keep an answer.

The policy allows no inline script and no handler in an attribute: templates hold neither, and scripts are files.
"""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Files that browsers may cache; anything else may hold what only signed-in people should see.
STATIC = ("/admin/static/", "/docs/assets/")
A_YEAR = "public, max-age=31536000, immutable"


class SecureAnswers:
    """Middleware that gives every answer the headers above, and each page its policy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Mounted applications change the scope's path while they work.
        asked_path = scope["path"]

        async def secured_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", _caching(asked_path, scope["query_string"]))
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = POLICY
            await send(message)

        await self.app(scope, receive, secured_send)


def _caching(path: str, query: bytes) -> str:
    if not path.startswith(STATIC):
        return "no-store"
    # With a version in its address a file never changes; without one the browser asks whether it did.
    return A_YEAR if re.search(rb"(^|&)v=", query) else "no-cache"
