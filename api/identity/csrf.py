"""Forged requests: what changes something and comes with a cookie must also bring the token that our pages hold.

Cookie, header and signature are starlette-admin's, whose middleware guards the pages: one token is good for both.
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
    """Whether the browser says that another site made this request.

    The token alone would not do: whoever has a neighbouring host under the same name can plant cookies for ours.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = connection.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != connection.headers.get("host")


def check(request: Request) -> None:
    """Raises ProblemError, 403, where a request that may change something comes from elsewhere or lacks the token."""
    if request.method in csrf.CSRFMiddleware.safe_methods:
        return
    if is_foreign(request):
        raise ProblemError(HTTPStatus.FORBIDDEN, "csrf", gettext("Another site sent this request: it is not done."))
    services: Services = request.app.state.services
    if not _right(request, services.settings.required_secret_key()):
        detail = gettext("Send the value of the cookie %(cookie)s in the header %(header)s: load the page anew first.")
        detail %= {"cookie": COOKIE, "header": HEADER}
        raise ProblemError(HTTPStatus.FORBIDDEN, "csrf", detail)


def _right(connection: HTTPConnection, secret_key: str) -> bool:
    signer = URLSafeSerializer(secret_key, salt=csrf._CSRF_SALT)
    try:
        given = signer.loads(connection.headers.get(HEADER, ""))
        kept = signer.loads(connection.cookies.get(COOKIE, ""))
    except BadSignature:
        return False
    return isinstance(given, str) and isinstance(kept, str) and hmac.compare_digest(given, kept)
