"""The cookie of a session: of this host alone where there is TLS, never to be read by a script."""

from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION = "liuyan_session"
# A browser takes a cookie of this name only from this very host and over TLS, so no subdomain can plant one.
SECURE_SESSION = f"__Host-{SESSION}"


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the browser speaks TLS, to us or to a trusted proxy that says so."""
    return connection.url.scheme in ("https", "wss")


def read_session(connection: HTTPConnection) -> str | None:
    """The session's secret, if the request brings one."""
    return connection.cookies.get(_name(connection))


def write_session(connection: HTTPConnection, response: Response, secret: str, lifetime: timedelta) -> None:
    """Hand the session's secret to the browser."""
    response.set_cookie(
        _name(connection),
        secret,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=is_secure(connection),
        httponly=True,
        samesite="lax",
    )


def forget_session(connection: HTTPConnection, response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(_name(connection), path="/", secure=is_secure(connection), httponly=True, samesite="lax")


def _name(connection: HTTPConnection) -> str:
    return SECURE_SESSION if is_secure(connection) else SESSION
