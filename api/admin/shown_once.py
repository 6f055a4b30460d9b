"""Secrets that the page after a redirect shows once: new tokens and temporary passwords.

The response to the form redirects, so that reloading the page does not repeat the action. A cookie that scripts cannot
read carries the secret to the next page, encrypted, bound to the session and to that page, for at most a minute. The
page deletes it.
"""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import Request
from starlette.responses import Response

from api.admin.page import identity_of, services_of
from api.identity import cookies

COOKIE = "liuyan_shown_once"
LIFETIME = timedelta(minutes=1)
_PURPOSE = b"liuyan.shown_once"


def hand_over(request: Request, response: Response, secret: str, path: str) -> Response:
    """Let the page at ``path``, to which ``response`` redirects, show ``secret`` once. Returns ``response``."""
    content = json.dumps({"session": _session(request), "path": path, "secret": secret}).encode()
    cookies.write(request, response, COOKIE, _fernet(request).encrypt(content).decode(), LIFETIME)
    return response


def handed_over(request: Request) -> str | None:
    """Return the secret for this page and session, or None if there is none or it has expired."""
    try:
        sent = cookies.read(request, COOKIE) or ""
        content = json.loads(_fernet(request).decrypt(sent, ttl=int(LIFETIME.total_seconds())))
    except InvalidToken:
        return None
    if content["session"] != _session(request) or content["path"] != request.url.path:
        return None
    return str(content["secret"])


def forget(request: Request, response: Response) -> Response:
    """Delete the cookie. Returns ``response``."""
    cookies.forget(request, response, COOKIE)
    return response


def _session(request: Request) -> str:
    session = identity_of(request).session
    return session.hex() if session else ""


def _fernet(request: Request) -> Fernet:
    key = services_of(request).settings.required_secret_key().encode()
    return Fernet(base64.urlsafe_b64encode(hmac.digest(key, _PURPOSE, hashlib.sha256)))
