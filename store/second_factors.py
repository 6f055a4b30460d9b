"""Second factors of accounts as rows: TOTP secrets and recovery codes. The rules are in api/identity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import recovery_codes, second_factors
from store.session import WriteSession
from store.types import as_binary


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The TOTP secret of an account. It is in use from ``confirmed_at``; codes up to ``last_step`` are used up.

    ``session_digest`` is the session that set it up; None once it is in use.
    """

    user_number: int
    secret_encrypted: str
    created_at: datetime
    confirmed_at: datetime | None
    last_step: int
    session_digest: bytes | None = None


COLUMNS = [second_factors.c[name] for name in SecondFactor.__dataclass_fields__]


async def find_second_factor(connection: AsyncConnection, user_number: int) -> SecondFactor | None:
    """Return the second factor of an account, even if it is not in use yet."""
    row = (await connection.execute(select(*COLUMNS).where(second_factors.c.user_number == user_number))).one_or_none()
    return None if row is None else SecondFactor(**row._asdict())


async def replace_second_factor(
    session: WriteSession, user_number: int, secret_encrypted: str, now: datetime, session_digest: bytes | None = None
) -> None:
    """Store a new secret that is not in use yet, in place of what the account has. The account's row must be locked.

    ``session_digest`` is the session that may confirm it.
    """
    await delete_second_factor(session, user_number)
    values = {"user_number": user_number, "secret_encrypted": secret_encrypted, "created_at": now}
    begun_in = None if session_digest is None else as_binary(session_digest)
    await session.connection.execute(insert(second_factors).values(session_digest=begun_in, **values))


async def confirm_second_factor(session: WriteSession, user_number: int, now: datetime) -> None:
    """Take the second factor of an account into use."""
    taken = update(second_factors).where(second_factors.c.user_number == user_number)
    await session.connection.execute(taken.values(confirmed_at=now, session_digest=None))


async def use_step(session: WriteSession, user_number: int, secret_encrypted: str, step: int) -> bool:
    """Use up the code of a time step; return False if it or a later one is used up, or the secret was replaced."""
    columns = second_factors.c
    used = (
        update(second_factors)
        .where(columns.user_number == user_number, columns.secret_encrypted == secret_encrypted)
        .where(columns.last_step < step)
        .values(last_step=step)
    )
    return bool((await session.connection.execute(used)).rowcount)


async def delete_second_factor(session: WriteSession, user_number: int) -> bool:
    """Delete secret and recovery codes of an account; return False if it has no second factor."""
    await session.connection.execute(delete(recovery_codes).where(recovery_codes.c.user_number == user_number))
    done = await session.connection.execute(delete(second_factors).where(second_factors.c.user_number == user_number))
    return bool(done.rowcount)


async def replace_recovery_codes(session: WriteSession, user_number: int, digests: Sequence[bytes]) -> None:
    """Store the digests of new recovery codes in place of the account's earlier ones."""
    await session.connection.execute(delete(recovery_codes).where(recovery_codes.c.user_number == user_number))
    for digest in digests:  # as_binary() is an expression, which only a single-row INSERT accepts.
        row = {"digest": as_binary(digest), "user_number": user_number}
        await session.connection.execute(insert(recovery_codes).values(**row))


async def use_recovery_code(session: WriteSession, user_number: int, digest: bytes) -> bool:
    """Use up a recovery code; return False if the account has no such code."""
    columns = recovery_codes.c
    used = delete(recovery_codes).where(columns.digest == as_binary(digest), columns.user_number == user_number)
    return bool((await session.connection.execute(used)).rowcount)


async def count_recovery_codes(connection: AsyncConnection, user_number: int) -> int:
    """Return the number of an account's unused recovery codes."""
    query = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.user_number == user_number)
    return int((await connection.execute(query)).scalar_one())


async def lock_second_factors(session: WriteSession, after: int, limit: int) -> list[SecondFactor]:
    """Lock second factors, in the order of their accounts from the first one after ``after``."""
    query = select(*COLUMNS).where(second_factors.c.user_number > after).order_by(second_factors.c.user_number)
    rows = await session.connection.execute(query.limit(limit).with_for_update())
    return [SecondFactor(**row._asdict()) for row in rows]


async def store_secret(session: WriteSession, user_number: int, secret_encrypted: str) -> None:
    """Store the same secret, encrypted again."""
    changed = update(second_factors).where(second_factors.c.user_number == user_number)
    await session.connection.execute(changed.values(secret_encrypted=secret_encrypted))
