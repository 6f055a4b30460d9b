"""Read and write the session cookie, which is HttpOnly and, over TLS, bound to this host."""

from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION = "liuyan_session"
# Browsers accept a cookie with this prefix only from the host itself and over TLS, so no subdomain can set it.
SECURE_SESSION = f"__Host-{SESSION}"


def is_secure(connection: HTTPConnection) -> bool:
    """Return whether the browser uses TLS, to this server or to a trusted proxy."""
    return connection.url.scheme in ("https", "wss")


def read_session(connection: HTTPConnection) -> str | None:
    """Return the session's secret, if the request has one."""
    return connection.cookies.get(_name(connection))


def write_session(connection: HTTPConnection, response: Response, secret: str, lifetime: timedelta) -> None:
    """Set the session cookie."""
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
    """Delete the session cookie."""
    response.delete_cookie(_name(connection), path="/", secure=is_secure(connection), httponly=True, samesite="lax")


def _name(connection: HTTPConnection) -> str:
    return SECURE_SESSION if is_secure(connection) else SESSION
