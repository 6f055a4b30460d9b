"""Passwords: hashed with Argon2id in a thread, compared in the same time whoever it is, and refused when weak."""

import asyncio
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Each hash takes 64 MiB and a core for a while: more at once would only take both from the others.
AT_ONCE = 2
MINIMUM = 10
MAXIMUM = 256


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


def normalise(password: str) -> str:
    """The same password however the keyboard composes it."""
    return unicodedata.normalize("NFKC", password)
