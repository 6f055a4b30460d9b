"""Recognize browsers that signed in to an account before ("device cookies").

After a sign-in the browser keeps a signed cookie with the account's number and a random value. Its later attempts for
this account have a separate count, so that wrong guesses from elsewhere do not lock it out. The cookie grants nothing:
the password is still required. It becomes invalid when the password changes, so that someone who knew an old password
cannot collect cookies in advance.
"""

import secrets
from datetime import timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.identity import cookies
from api.services import Services
from liuyan.times import microseconds
from store.accounts import User

COOKIE = "liuyan_browser"
VALID_FOR = timedelta(days=180)
# With 128 random bits no two browsers share a count.
RANDOM_BYTES = 16
_SALT = "liuyan.known-browser"


def remember(services: Services, user: User, connection: HTTPConnection, response: Response) -> None:
    """Set the cookie by which this browser is recognized at its next sign-in to the account."""
    value = _serializer(services).dumps(
        [user.number, microseconds(user.password_changed_at), secrets.token_hex(RANDOM_BYTES)]
    )
    cookies.write(connection, response, COOKIE, value, VALID_FOR)


def recognized(services: Services, cookie: str | None, user: User) -> str | None:
    """Return the random value of the browser's cookie; None if it is not valid for this account."""
    if cookie is None:
        return None
    try:
        parts = _serializer(services).loads(cookie, max_age=int(VALID_FOR.total_seconds()))
    except BadSignature:
        return None
    number, password_since, value = parts
    known = number == user.number and password_since == microseconds(user.password_changed_at)
    return str(value) if known else None


def _serializer(services: Services) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services.settings.required_secret_key(), salt=_SALT)
