"""Random values that let somebody in: handed out once, stored as digests only."""

import hashlib
import secrets

TOKEN_PREFIX = "liuyan_"  # noqa: S105 - what every token begins with, so that a leaked one is found and known
SECRET_BYTES = 32


def new_secret() -> str:
    """256 random bits as text for a cookie."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_token() -> str:
    """256 random bits as a bearer token."""
    return TOKEN_PREFIX + new_secret()


def digest_of(secret: str) -> bytes:
    """SHA-256 of a secret: enough without salt or stretching, since nobody can guess 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()
