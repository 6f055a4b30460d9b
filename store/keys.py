"""Check values of the erasure keys, stored so that a missing or changed key is refused.

Digests of erased comments are written with the first key and looked up with all of them. The audit sample is derived
from the last one, the key that the database was created with.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.errors import ErasureKeyError
from store.session import WriteSession
from store.tables import key_checks

# The name of the original key's check value; later keys have names that begin with it.
ERASURE = "erasure"
NAMED_DIGITS = 16


async def check_erasure_keys(session: WriteSession, keys: Sequence[bytes]) -> None:
    """Store the check values of the first and the last key on first use.

    Raises ErasureKeyError if the last key is not the original one, or a key in use is missing.
    """
    await _add(session, ERASURE, keys[-1])
    stored = await _stored(session.connection)
    if not hmac.compare_digest(stored[ERASURE], _check_value(keys[-1])):
        raise ErasureKeyError(
            "LIUYAN_ERASURE_KEY does not end with the key that this database was created with, so erased comments "
            "would not be recognised. Set the original key, after newer ones if there are any."
        )
    _require_all(stored, keys)
    if _check_value(keys[0]) not in stored.values():
        await _add(session, f"{ERASURE} {_check_value(keys[0])[:NAMED_DIGITS]}", keys[0])


async def require_erasure_keys(connection: AsyncConnection, keys: Sequence[bytes]) -> None:
    """Raise ErasureKeyError if erasures may have been recorded with a key that is not among ``keys``."""
    _require_all(await _stored(connection), keys)


def _require_all(stored: Mapping[str, str], keys: Sequence[bytes]) -> None:
    if not set(stored.values()) <= set(map(_check_value, keys)):
        raise ErasureKeyError(
            "LIUYAN_ERASURE_KEY lacks a key that this database uses, so erased comments would not be recognised. List "
            "all keys, newest first, separated by commas."
        )


async def _stored(connection: AsyncConnection) -> dict[str, str]:
    query = select(key_checks.c.name, key_checks.c.check_value).where(key_checks.c.name.startswith(ERASURE))
    return {row.name: row.check_value for row in await connection.execute(query)}


async def _add(session: WriteSession, name: str, key: bytes) -> None:
    await session.run(session.statements.add_key_check, [{"name": name, "check_value": _check_value(key)}])


def _check_value(key: bytes) -> str:
    return hmac.new(key, b"liuyan: check value of the erasure key", hashlib.sha256).hexdigest()
