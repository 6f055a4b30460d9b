"""Create accounts for tests, each with a token and a session."""

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from pydantic import SecretStr

from api.identity import csrf
from api.identity.cookies import SESSION
from api.identity.passwords import Passwords
from api.identity.roles import Role
from api.identity.secrets import digest_of, new_secret, new_token
from liuyan.settings import Settings
from store import login_sessions, tokens
from store.accounts import NewUser, State, add_user
from store.login_sessions import LoginSession
from store.store import Store

SECRET_KEY = "a secret that signs forms in tests"
PASSWORD = "a-password-for-tests-7731"
# The cheapest parameters of Argon2, because tests hash many passwords.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
QUICK_PASSWORDS = Passwords(QUICK)
HASH = QUICK.hash(PASSWORD)


@dataclass(frozen=True)
class Person:
    """An account with its credentials."""

    number: int
    name: str
    role: Role
    token: str
    session: str

    @property
    def bearer(self) -> dict[str, str]:
        """The request headers with the token."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of a signed-in browser."""
        return {SESSION: self.session, csrf.COOKIE: csrf_token()}


def session_headers(session: str) -> dict[str, str]:
    """Return the headers of a request from a page: session cookie and CSRF token."""
    cookies = {SESSION: session, csrf.COOKIE: csrf_token()}
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {"Cookie": cookie, csrf.HEADER: csrf_token()}


@functools.cache
def csrf_token() -> str:
    """Return a CSRF token, as in the cookie, the forms and the header."""
    return csrf.new_token(SECRET_KEY)


def settings_for_tests(**changes: object) -> Settings:
    """Return settings with a secret key and the host liuyan.test."""
    return _settings().model_copy(update=changes)


@functools.cache
def _settings() -> Settings:
    hosts = ("liuyan.test", "127.0.0.1", "localhost")
    return Settings(secret_key=SecretStr(SECRET_KEY), allowed_hosts=hosts)


async def add_person(
    store: Store,
    name: str,
    role: Role = Role.USER,
    *,
    now: datetime,
    state: State = "active",
    must_change_password: bool = False,
    confirmed: bool = True,
    platform: str | None = None,
) -> Person:
    """Create an account with the password ``PASSWORD``, a token of the same role, and a session.

    A ``confirmed`` session is like one that was just opened by signing in.
    """
    person_token, secret = new_token(), new_secret()
    async with store.writing() as session:
        user = NewUser(name, HASH, role, state, must_change_password=must_change_password, platform=platform)
        number = await add_user(session, user, now)
        await tokens.add_token(session, number, digest_of(person_token), "for tests", role, now, None)
        until, confirmed_at = now + timedelta(days=7), now if confirmed else None
        new_session = LoginSession(digest_of(secret), number, now, now, until, "127.0.0.1", "tests", confirmed_at)
        await login_sessions.add_session(session, new_session)
    return Person(number, name, role, person_token, secret)
