"""Hash and verify passwords with Argon2id, without revealing which accounts exist, and reject weak ones."""

import asyncio
import json
import secrets
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.i18n import gettext
from api.identity import guesses
from api.identity.guessable import WORDS, pieces
from api.problems import ProblemError
from store.accounts import fold

# Each hash needs 64 MiB and a core, so more threads would only slow down other requests.
AT_ONCE = 2
MINIMUM = 12
MAXIMUM = 256
# zxcvbn's scores range from 0 to 4; 3 means at least 100 million guesses.
STRONG = 3
# zxcvbn's time grows faster than linearly: 72 adversarial characters take 1.8 s, 32 take 0.3 s.
RATED = 32
RATED_SECONDS = 10
RETRY_SECONDS = 5
NAME_COUNTS = 3
# Fewer pieces are guessed quickly: six pinyin syllables are far fewer than six random characters.
PIECES = 7
# Shorter words also occur within other ones.
WORD_COUNTS = 4
COMMON_HERE = tuple(sorted(word for word in WORDS if len(word) >= WORD_COUNTS or not word.isascii()))
# A temporary password is passed on by message or on paper.
TEMPORARY_FOR = timedelta(hours=72)
T = TypeVar("T")
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password is right, and a new hash if the stored one uses outdated parameters."""

    right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and verifies passwords without blocking the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        # Verified in place of an unknown account's hash, so that both cases take the same time.
        self._nobody = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """Return the hash to store. Raises ValueError for a password longer than MAXIMUM."""
        return await self._in_thread(self._hasher.hash, normalise(password))

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Verify a password against a stored hash. Without one the result is always False, in the same time."""
        if not is_possible(password):
            return Verdict(False)
        return await self._in_thread(self._verify, stored, normalise(password))

    async def check(self, password: str, name: str, field: str = "password") -> None:
        """Check a new password. Raises ProblemError, 422, with the rule that it breaks and how to fix it.

        zxcvbn estimates the number of guesses from common passwords, words, dates, keyboard patterns and repetitions;
        ``guessable`` knows what is common in China.
        Raises ProblemError, 503, if that takes too long.
        """
        broken = _broken_rule(password, fold(name))
        if broken is None and await self._is_guessable(normalise(password), fold(name)):
            sentence = gettext("This password is too common: use several unrelated words, or a longer sentence.")
            broken = "password_common", sentence
        if broken is not None:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, *broken, field=field)

    async def _is_guessable(self, password: str, name: str) -> bool:
        return pieces(password.casefold()) < PIECES or await self._score(password, [name, *COMMON_HERE]) < STRONG

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
    """Return zxcvbn's score, computed in another process, because here it would hold the GIL and block requests."""
    done = subprocess.run(
        [sys.executable, "-m", guesses.__name__],
        input=json.dumps([password, list(words)]).encode(),
        stdout=subprocess.PIPE,
        timeout=RATED_SECONDS,
        check=True,
    )
    return int(done.stdout)


def _broken_rule(password: str, name: str) -> tuple[str, str] | None:
    """Return code and sentence of the broken rule, for the rules that are fast to check."""
    if not is_possible(password):
        sentence = gettext("The password is longer than %(maximum)s characters.")
        return "password_too_long", sentence % {"maximum": MAXIMUM}
    password = normalise(password)
    if len(password) < MINIMUM:
        sentence = gettext("The password is too short: use at least %(minimum)s characters, a sentence for example.")
        return "password_too_short", sentence % {"minimum": MINIMUM}
    if len(name) >= NAME_COUNTS and name in password.casefold():
        return "password_holds_name", gettext("The password contains your name: remove it.")
    return None


def temporary_password() -> str:
    """Return a temporary password that is easy to read out: its characters cannot be confused with each other."""
    parts = ("".join(secrets.choice(READABLE) for _ in range(4)) for _ in range(4))
    return "-".join(parts)


def is_possible(password: str) -> bool:
    """Return whether a password has at most MAXIMUM characters, as typed and normalized."""
    return len(password) <= MAXIMUM and len(normalise(password)) <= MAXIMUM


def normalise(password: str) -> str:
    """Normalize a password to NFKC, so that it does not depend on how a keyboard composes characters.

    Raises ValueError for a password longer than MAXIMUM, because normalization takes quadratic time.
    """
    if len(password) > MAXIMUM:
        raise ValueError("the password is longer than MAXIMUM")
    return unicodedata.normalize("NFKC", password)
