"""Attempts at throttled actions, counted in time windows that all processes share and that survive restarts."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import attempts
from store.session import WriteSession
from store.types import as_binary


@dataclass(frozen=True, slots=True)
class Count:
    """``n`` attempts in the window that ends at ``expires_at``."""

    n: int
    expires_at: datetime


async def add_attempts(
    session: WriteSession, digest: bytes, window_start: datetime, expires_at: datetime, amount: int
) -> int:
    """Add to a window's count and return the new count; delete windows that are over."""
    await session.connection.execute(delete(attempts).where(attempts.c.expires_at <= window_start))
    # as_binary() is an expression, which only a single-row INSERT accepts.
    row = {"digest": as_binary(digest), "window_start": window_start, "n": amount, "expires_at": expires_at}
    more = {"n": attempts.c.n + amount}
    if session.connection.dialect.name == "sqlite":
        upsert = sqlite.insert(attempts).values(**row)
        keys = [attempts.c.digest, attempts.c.window_start]
        await session.connection.execute(upsert.on_conflict_do_update(index_elements=keys, set_=more))
    else:
        await session.connection.execute(mysql.insert(attempts).values(**row).on_duplicate_key_update(**more))
    this = (attempts.c.digest == as_binary(digest), attempts.c.window_start == window_start)
    return int((await session.connection.execute(select(attempts.c.n).where(*this))).scalar_one())


async def read_attempts(connection: AsyncConnection, digest: bytes, now: datetime) -> Count | None:
    """Return the count of the current window, or None."""
    query = (
        select(attempts.c.n, attempts.c.expires_at)
        .where(attempts.c.digest == as_binary(digest), attempts.c.expires_at > now)
        .order_by(attempts.c.window_start.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Count(row.n, row.expires_at)


async def clear_attempts(session: WriteSession, digest: bytes | None = None) -> int:
    """Delete the windows of one digest, or all windows, and return their number."""
    query = delete(attempts)
    if digest is not None:
        query = query.where(attempts.c.digest == as_binary(digest))
    return int((await session.connection.execute(query)).rowcount)
