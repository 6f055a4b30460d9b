"""Check values of secrets, stored so that a changed secret is refused."""

import hashlib
import hmac

from sqlalchemy import select

from store.errors import ErasureKeyError
from store.session import WriteSession
from store.tables import key_checks

ERASURE = "erasure"


async def check_erasure_key(session: WriteSession, key: bytes) -> None:
    """Store the key's check value on first use. Raises ErasureKeyError if the stored one belongs to another key."""
    value = hmac.new(key, b"liuyan: check value of the erasure key", hashlib.sha256).hexdigest()
    await session.run(session.statements.add_key_check, [{"name": ERASURE, "check_value": value}])
    query = select(key_checks.c.check_value).where(key_checks.c.name == ERASURE)
    stored = (await session.connection.execute(query)).scalar_one()
    if not hmac.compare_digest(stored, value):
        raise ErasureKeyError(
            "LIUYAN_ERASURE_KEY is not the key that this database was created with, so erased comments would not be "
            "recognised. Set the original key."
        )
