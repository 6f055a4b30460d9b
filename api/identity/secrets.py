"""Secrets of sessions and tokens: returned once, stored only as digests."""

import hashlib
import secrets

TOKEN_PREFIX = "liuyan_"  # noqa: S105 - a prefix by which scanners recognize leaked tokens
SECRET_BYTES = 32


def new_secret() -> str:
    """Return 256 random bits as text for a cookie."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_token() -> str:
    """Return 256 random bits as a bearer token."""
    return TOKEN_PREFIX + new_secret()


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 of a secret. 256 random bits need no salt or key stretching."""
    return hashlib.sha256(secret.encode()).digest()
