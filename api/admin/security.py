"""Headers that keep a browser from doing what nobody meant, and the nonces of the scripts in our pages.

The policy forbids inline scripts and handlers: starlette-admin's templates have some, so a Jinja extension gives each
of their scripts the nonce of its answer and turns the two handlers into data that static/liuyan.js acts on.
"""

import re
import secrets

from jinja2.ext import Extension
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Files that may lie in a browser's cache; everything else may hold what only who is signed in should see.
STATIC = ("/admin/static/", "/docs/assets/")
A_YEAR = "public, max-age=31536000, immutable"


class SecureAnswers:
    """Gives every answer the headers above, and each page its policy with a nonce of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["script_nonce"] = nonce

        async def secured_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", _caching(scope))
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = POLICY.format(nonce=nonce)
            await send(message)

        # Mounted applications change the scope's path while they work.
        scope["state"]["asked_path"] = scope["path"]
        await self.app(scope, receive, secured_send)


def _caching(scope: Scope) -> str:
    if not scope["state"]["asked_path"].startswith(STATIC):
        return "no-store"
    # With a version in its address a file never changes; without one the browser asks whether it did.
    return A_YEAR if re.search(rb"(^|&)v=", scope["query_string"]) else "no-cache"


class SafeTemplates(Extension):
    """Makes templates keep to the policy: a nonce for each script, no handler in an attribute.

    What starlette-admin forgot is mended on the way: labels in English alone, and links that no key can press.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The template's source as Jinja shall see it."""
        source = re.sub(r"<script(?=[\s>])", '<script nonce="{{ request.state.script_nonce }}"', source)
        source = re.sub(r'\bon(click|change)="([^"{]*)"', r'data-on-\1="\2"', source)
        source = re.sub(r'aria-label="([A-Za-z ]+)"', r"""aria-label="{{ _('\1') }}" """, source)
        return re.sub(
            r'<a class="(btn-close[^"]*)"([^>]*)></a>', r'<button type="button" class="\1"\2></button>', source
        )
