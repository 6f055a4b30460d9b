"""Passwords: hashed with Argon2id in a thread, compared in the same time whoever it is, and refused when weak."""

import asyncio
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette_admin.i18n import gettext

from liuyan.api.problems import ProblemError
from liuyan.store.accounts import fold

# Each hash takes 64 MiB and a core for a while: more at once would only take both from the others.
AT_ONCE = 2
MINIMUM = 10
MAXIMUM = 256
# zxcvbn's scores go from 0 to 4; from 3 on a password holds out 100 million guesses.
STRONG = 3
RATED = 72
NAME_COUNTS = 3
# What is common here and not in zxcvbn's lists, which are English.
COMMON_HERE = ("liuyan", "留言", "woaini", "5201314", "1314520", "201314", "520520", "mima", "密码", "我爱你", "nihao")
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
        """The hash to store."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, normalise(password))

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Compare a password with a stored hash, or with nobody's, which is never right."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._verify, stored, normalise(password))

    def _verify(self, stored: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return Verdict(False)
        if stored is None:
            return Verdict(False)
        return Verdict(True, self._hasher.hash(password) if self._hasher.check_needs_rehash(stored) else None)


def check_password(password: str, name: str, field: str = "password") -> None:
    """Raises ProblemError, 422, with the rule that a new password breaks and what to do about it.

    zxcvbn counts the guesses that a password holds out: lists of common ones, words, dates, keyboard rows, repetitions.
    """
    broken = _broken_rule(normalise(password), fold(name))
    if broken is not None:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, *broken, field=field)


def _broken_rule(password: str, name: str) -> tuple[str, str] | None:
    if len(password) < MINIMUM:
        sentence = gettext("The password is too short: take %(minimum)s characters or more, a sentence for example.")
        return "password_too_short", sentence % {"minimum": MINIMUM}
    if len(password) > MAXIMUM:
        return "password_too_long", gettext("The password is longer than %(maximum)s characters.") % {
            "maximum": MAXIMUM
        }
    if len(name) >= NAME_COUNTS and name in password.casefold():
        return "password_holds_name", gettext("The password holds your name: leave it out.")
    from zxcvbn import zxcvbn

    if zxcvbn(password[:RATED], user_inputs=[name, *COMMON_HERE])["score"] < STRONG:
        sentence = gettext(
            "This password is among those that are tried first: take several words that do not belong "
            "together, or a longer sentence."
        )
        return "password_common", sentence
    return None


def temporary_password() -> str:
    """A password for one use, easy to read out: letters and digits that are not mistaken for each other."""
    parts = ("".join(secrets.choice(READABLE) for _ in range(4)) for _ in range(4))
    return "-".join(parts)


def normalise(password: str) -> str:
    """The same password however the keyboard composes it."""
    return unicodedata.normalize("NFKC", password)
