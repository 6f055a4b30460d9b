"""CSRF protection: a change authenticated by a cookie must also carry the CSRF token.

The token is a signed random value, sent in a cookie and again in a form field or a header (double submit). Another site
can make a browser send the cookie but cannot read it, and nobody can create a token without the secret key.
"""

import hmac
import secrets
from http import HTTPStatus
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.requests import HTTPConnection, Request

from api.i18n import gettext
from api.problems import ProblemError
from api.services import Services

COOKIE = "liuyan_csrf"
HEADER = "X-CSRFToken"
FIELD = "csrftoken"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_SALT = "liuyan.csrf"


def new_token(secret_key: str) -> str:
    """A new signed token."""
    signed: str = URLSafeSerializer(secret_key, salt=_SALT).dumps(secrets.token_hex(32))
    return signed


def is_signed(token: str, secret_key: str) -> bool:
    """Whether the token carries our signature."""
    return _value(token, secret_key) is not None


def matches(given: str, kept: str, secret_key: str) -> bool:
    """Whether the token of a form or a header is signed, and equal to the cookie's."""
    one, other = _value(given, secret_key), _value(kept, secret_key)
    return one is not None and other is not None and hmac.compare_digest(one, other)


def _value(token: str, secret_key: str) -> str | None:
    try:
        value = URLSafeSerializer(secret_key, salt=_SALT).loads(token)
    except BadSignature:
        return None
    return value if isinstance(value, str) and value.isascii() else None


def is_foreign(connection: HTTPConnection) -> bool:
    """Return whether another site made this request, according to the browser.

    The token alone is not sufficient, because a sibling subdomain can set cookies for this host.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = connection.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != connection.headers.get("host")


def check(request: Request) -> None:
    """Check a request that may change something. Raises ProblemError, 403, if it is foreign or lacks the token."""
    if request.method in SAFE_METHODS:
        return
    if is_foreign(request):
        raise ProblemError(HTTPStatus.FORBIDDEN, "csrf", gettext("Another site sent this request, so it was refused."))
    services: Services = request.app.state.services
    secret_key = services.settings.required_secret_key()
    if not matches(request.headers.get(HEADER, ""), request.cookies.get(COOKIE, ""), secret_key):
        detail = gettext("Send the value of the cookie %(cookie)s in the header %(header)s: reload the page first.")
        detail %= {"cookie": COOKIE, "header": HEADER}
        raise ProblemError(HTTPStatus.FORBIDDEN, "csrf", detail)
