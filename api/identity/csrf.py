"""CSRF protection: a change authenticated by a cookie must also carry the CSRF token.

Cookie, header and signature are those of starlette-admin's middleware, which protects the pages, so that one token
works for both.
"""

import hmac
from http import HTTPStatus
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.requests import HTTPConnection, Request
from starlette_admin.i18n import gettext
from starlette_admin.security import csrf

from api.problems import ProblemError
from api.services import Services

COOKIE = csrf.CSRFMiddleware.cookie_name
HEADER = csrf.CSRFMiddleware.header_name


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
    if request.method in csrf.CSRFMiddleware.safe_methods:
        return
    if is_foreign(request):
        raise ProblemError(HTTPStatus.FORBIDDEN, "csrf", gettext("Another site sent this request: it is not done."))
    services: Services = request.app.state.services
    if not _has_valid_token(request, services.settings.required_secret_key()):
        detail = gettext("Send the value of the cookie %(cookie)s in the header %(header)s: load the page anew first.")
        detail %= {"cookie": COOKIE, "header": HEADER}
        raise ProblemError(HTTPStatus.FORBIDDEN, "csrf", detail)


def _has_valid_token(connection: HTTPConnection, secret_key: str) -> bool:
    signer = URLSafeSerializer(secret_key, salt=csrf._CSRF_SALT)
    try:
        in_header = signer.loads(connection.headers.get(HEADER, ""))
        in_cookie = signer.loads(connection.cookies.get(COOKIE, ""))
    except BadSignature:
        return False
    return isinstance(in_header, str) and isinstance(in_cookie, str) and hmac.compare_digest(in_header, in_cookie)
