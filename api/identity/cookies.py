"""Read and write cookies that are HttpOnly and, over TLS, bound to this host."""

from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION = "liuyan_session"
# Browsers accept a cookie with this prefix only from the host itself and over TLS, so no subdomain can set it.
SECURE_PREFIX = "__Host-"


def is_secure(connection: HTTPConnection) -> bool:
    """Return whether the browser uses TLS, to this server or to a trusted proxy."""
    return connection.url.scheme in ("https", "wss")


def read_session(connection: HTTPConnection) -> str | None:
    """Return the session's secret, if the request has one."""
    return read(connection, SESSION)


def write_session(connection: HTTPConnection, response: Response, secret: str, lifetime: timedelta) -> None:
    """Set the session cookie."""
    write(connection, response, SESSION, secret, lifetime)


def read(connection: HTTPConnection, name: str) -> str | None:
    """Return the value of a cookie set with ``write``, if the request has it."""
    return connection.cookies.get(_full_name(connection, name))


def write(connection: HTTPConnection, response: Response, name: str, value: str, lifetime: timedelta) -> None:
    """Set a cookie that scripts cannot read and that other sites cannot send with a form."""
    response.set_cookie(
        _full_name(connection, name),
        value,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=is_secure(connection),
        httponly=True,
        samesite="lax",
    )


def forget_session(connection: HTTPConnection, response: Response) -> None:
    """Delete the session cookie."""
    forget(connection, response, SESSION)


def forget(connection: HTTPConnection, response: Response, name: str) -> None:
    """Delete a cookie that was set with ``write``."""
    full_name = _full_name(connection, name)
    response.delete_cookie(full_name, path="/", secure=is_secure(connection), httponly=True, samesite="lax")


def _full_name(connection: HTTPConnection, name: str) -> str:
    return f"{SECURE_PREFIX}{name}" if is_secure(connection) else name
