"""Security and cache headers of all responses.

The content security policy forbids inline scripts and event handler attributes, so all scripts are files.
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
# Browsers that have used TLS here use nothing else for a year. Other hosts of the domain are not ours to decide about.
STRICT_TRANSPORT = "max-age=31536000"
# Paths of files that browsers may cache. Other responses may contain data that only signed-in users may see.
STATIC = ("/admin/static/", "/docs/assets/")
A_YEAR = "public, max-age=31536000, immutable"


class SecureAnswers:
    """Middleware that adds security and cache headers to every response, and the policy to pages."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Mounted applications change the scope's path.
        request_path = scope["path"]

        async def secured_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT
                headers.setdefault("Cache-Control", _cache_control(request_path, scope["query_string"]))
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = POLICY
            await send(message)

        await self.app(scope, receive, secured_send)


def _cache_control(path: str, query: bytes) -> str:
    if not path.startswith(STATIC):
        return "no-store"
    # A file with a version in its URL never changes; without one the browser must revalidate it.
    return A_YEAR if re.search(rb"(^|&)v=", query) else "no-cache"
