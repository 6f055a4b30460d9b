"""Passwords: hashed with Argon2id in a thread, compared in the same time whoever it is, and refused when weak."""

import asyncio
import json
import secrets
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.i18n import gettext
from api.identity import guesses
from api.problems import ProblemError
from store.accounts import fold

# Each hash takes 64 MiB and a core for a while: more at once would only take both from the others.
AT_ONCE = 2
MINIMUM = 10
MAXIMUM = 256
# zxcvbn's scores go from 0 to 4; from 3 on a password holds out 100 million guesses.
STRONG = 3
# zxcvbn's time grows faster than the length: 72 chosen characters take 1.8 s, 32 take 0.3 s.
RATED = 32
RATED_SECONDS = 10
RETRY_SECONDS = 5
NAME_COUNTS = 3
# What is common here and not in zxcvbn's lists, which are English.
COMMON_HERE = ("liuyan", "留言", "woaini", "5201314", "1314520", "201314", "520520", "mima", "密码", "我爱你", "nihao")
T = TypeVar("T")
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password was right, and a hash with today's parameters where the stored one has older ones."""

    right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and compares passwords, without ever blocking the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        # What nobody knows is compared with where there is no account, so that both answers take the same time.
        self._nobody = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """The hash to store. Raises ValueError for a password longer than MAXIMUM."""
        return await self._in_thread(self._hasher.hash, normalise(password))

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Compare a password with a stored hash, or with nobody's, which is never right."""
        if not is_possible(password):
            return Verdict(False)
        return await self._in_thread(self._verify, stored, normalise(password))

    async def check(self, password: str, name: str, field: str = "password") -> None:
        """Raises ProblemError, 422, with the rule that a new password breaks and what to do about it.

        zxcvbn counts the guesses that a password withstands: lists of common ones, words, dates, keyboard rows,
        repetitions. Raises ProblemError, 503, when that takes too long.
        """
        broken = _broken_rule(password, fold(name))
        if broken is None and await self._score(normalise(password), [fold(name), *COMMON_HERE]) < STRONG:
            sentence = gettext(
                "This password is among those that are tried first: take several words that do not belong "
                "together, or a longer sentence."
            )
            broken = "password_common", sentence
        if broken is not None:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, *broken, field=field)

    async def _score(self, password: str, words: Sequence[str]) -> int:
        try:
            return await self._in_thread(_score, password[:RATED], words)
        except subprocess.TimeoutExpired:
            detail = gettext("The password could not be checked in time: try again in %(seconds)s seconds.")
            detail %= {"seconds": RETRY_SECONDS}
            headers = {"Retry-After": str(RETRY_SECONDS)}
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, headers) from None

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _verify(self, stored: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return Verdict(False)
        if stored is None:
            return Verdict(False)
        return Verdict(True, self._hasher.hash(password) if self._hasher.check_needs_rehash(stored) else None)


def _score(password: str, words: Sequence[str]) -> int:
    """zxcvbn's score. In this process it would hold the interpreter's lock, and every other request would wait."""
    done = subprocess.run(
        [sys.executable, "-m", guesses.__name__],
        input=json.dumps([password, list(words)]).encode(),
        stdout=subprocess.PIPE,
        timeout=RATED_SECONDS,
        check=True,
    )
    return int(done.stdout)


def _broken_rule(password: str, name: str) -> tuple[str, str] | None:
    """Code and sentence of the rule that is broken, of those that take no time."""
    if not is_possible(password):
        sentence = gettext("The password is longer than %(maximum)s characters.")
        return "password_too_long", sentence % {"maximum": MAXIMUM}
    password = normalise(password)
    if len(password) < MINIMUM:
        sentence = gettext("The password is too short: take %(minimum)s characters or more, a sentence for example.")
        return "password_too_short", sentence % {"minimum": MINIMUM}
    if len(name) >= NAME_COUNTS and name in password.casefold():
        return "password_holds_name", gettext("The password holds your name: leave it out.")
    return None


def temporary_password() -> str:
    """A password for one use, easy to read out: letters and digits that are not mistaken for each other."""
    parts = ("".join(secrets.choice(READABLE) for _ in range(4)) for _ in range(4))
    return "-".join(parts)


def is_possible(password: str) -> bool:
    """Whether a password can be anybody's: MAXIMUM characters at most, as typed and as normalised."""
    return len(password) <= MAXIMUM and len(normalise(password)) <= MAXIMUM


def normalise(password: str) -> str:
    """The same password however the keyboard composes it.

    Raises ValueError for one longer than MAXIMUM: the time to normalise it would grow with the square of its length.
    """
    if len(password) > MAXIMUM:
        raise ValueError("the password is longer than MAXIMUM")
    return unicodedata.normalize("NFKC", password)
