"""The second step of a sign-in: the code of the second factor, after name and password.

Between the steps the browser keeps a signed cookie with the account's number. It says that the password was right, and
is valid for some minutes and until the password changes. It grants nothing without a code.
"""

from datetime import timedelta
from http import HTTPStatus

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.i18n import gettext
from api.identity import cookies
from api.identity.observations import anonymous
from api.identity.second_factor import code_throttled, use_code, wrong_code
from api.identity.sign_in import Browser, Opened, open_with_password, require_active
from api.problems import ProblemError
from api.services import Services
from liuyan.times import microseconds
from store import accounts
from store.accounts import User

COOKIE = "liuyan_code_step"
VALID_FOR = timedelta(minutes=5)
_SALT = "liuyan.code-step"


def remember(services: Services, user: User, connection: HTTPConnection, response: Response) -> None:
    """Set the cookie of a browser in which the account's password was entered."""
    value = _serializer(services).dumps([user.number, microseconds(user.password_changed_at)])
    cookies.write(connection, response, COOKIE, value, VALID_FOR)


async def sign_in_with_code(
    services: Services, browser: Browser, cookie: str | None, code: str, old_secret: str | None = None
) -> Opened:
    """Open a session with the code of the second factor, or with a recovery code.

    Raises ProblemError: 401 if the password must be entered again, 422 for a wrong code, 429 after too many attempts,
    403 for an account that is not active any more, 409 if the second factor cannot be checked.
    """
    with services.metrics.count_sign_in():
        user, password_hash = await _read(services, cookie)
        require_active(user)
        async with code_throttled(services, anonymous(browser.address), user.number):
            used = await use_code(services, user, code)
            if used is None:
                raise wrong_code()
        return await open_with_password(services, browser, user, password_hash, old_secret, {"second_factor": used})


async def _read(services: Services, cookie: str | None) -> tuple[User, str]:
    """Return account and password hash of the cookie's first step. Raises ProblemError, 401, without a valid one."""
    first = _first_step(services, cookie)
    if first is None:
        raise password_needed()
    number, password_since = first
    async with services.store.reading() as connection:
        user = await accounts.find_user(connection, number)
        password_hash = await accounts.find_password_hash(connection, number)
    if user is None or password_hash is None or microseconds(user.password_changed_at) != password_since:
        raise password_needed()
    return user, password_hash


def is_begun(services: Services, cookie: str | None) -> bool:
    """Return whether the password was entered some minutes ago."""
    return _first_step(services, cookie) is not None


def _first_step(services: Services, cookie: str | None) -> tuple[int, int] | None:
    """Return the account's number and the time of its password, in microseconds; None without a valid cookie."""
    try:
        number, password_since = _serializer(services).loads(cookie or "", max_age=int(VALID_FOR.total_seconds()))
    except BadSignature:
        return None
    return number, password_since


def password_needed() -> ProblemError:
    """Return the problem of a second step without the first one."""
    detail = gettext("Too much time has passed: enter name and password again.")
    return ProblemError(HTTPStatus.UNAUTHORIZED, "code_step_expired", detail)


def _serializer(services: Services) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services.settings.required_secret_key(), salt=_SALT)
