"""Secrets of sessions and tokens, which are stored only as digests, and encryption with the keys of the settings."""

import base64
import hashlib
import secrets

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

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


def fernet_of(key: str, purpose: str) -> Fernet:
    """Return encryption with a key that is derived from a secret of any form, separately for each purpose."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"liuyan: {purpose}".encode()).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
