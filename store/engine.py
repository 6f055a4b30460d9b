"""Database connections: session settings, and transactions that never leave a lock behind."""

import asyncio
import base64
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from store.errors import CommitUnknownError, StoreError
from store.faults import FAULTS, classify_error
from store.tls import PARAMETERS, refuse_plain, take_tls

DRIVERS = {
    "mysql": "mysql+aiomysql",
    "mysql+aiomysql": "mysql+aiomysql",
    "mariadb": "mysql+aiomysql",
    "mariadb+aiomysql": "mysql+aiomysql",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
# Host names and addresses; SQLAlchemy removes the brackets of an IPv6 address.
HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")
DATABASE = re.compile(r"[^/?#@:\s]+")
# Execution option of connections that will write: SQLite then takes its write lock at BEGIN, not in the middle.
WRITES = "liuyan_writes"
# SQLAlchemy's defaults: connections that stay open, and additional ones that are opened when all of those are in use.
POOL_SIZE, POOL_OVERFLOW = 5, 10
# A connection idle for longer than this is pinged before it is used. Session timeouts are longer. It is replaced after
# RECYCLE_SECONDS.
IDLE_SECONDS, RECYCLE_SECONDS = 0.5, 600
USED_AT = "liuyan_used_at"


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """The connections of an engine: ``in_use``, open but ``idle``, and the ``maximum`` of both."""

    in_use: int
    idle: int
    maximum: int = POOL_SIZE + POOL_OVERFLOW


def pool_usage(engine: AsyncEngine) -> PoolUsage:
    """Return the current number of connections."""
    pool = engine.pool
    return PoolUsage(pool.checkedout(), pool.checkedin()) if isinstance(pool, QueuePool) else PoolUsage(0, 0)


def open_engine(url: str, lock_wait_seconds: int) -> AsyncEngine:
    """Create an engine for ``url``; it connects on first use.

    Raises StoreError if the URL is not supported. The message quotes no part of the URL: if the password contains an
    unescaped ``@``, any part may belong to the password.
    """
    try:
        parsed = make_url(url)
        driver = DRIVERS[parsed.drivername]
    except (ArgumentError, KeyError, ValueError):
        raise StoreError(
            "Invalid LIUYAN_DATABASE_URL. Use mysql+aiomysql://user:password@host:port/database or "
            "sqlite+aiosqlite:///file, with special characters percent-encoded."
        ) from None
    parsed = parsed.set(drivername=driver)
    if driver.startswith("sqlite"):
        if parsed.query or parsed.host:
            raise StoreError("LIUYAN_DATABASE_URL must name only a file. Use sqlite+aiosqlite:///file.")
        return _open_sqlite(parsed, lock_wait_seconds)
    _check_mysql(parsed)
    return _open_mysql(parsed, lock_wait_seconds)


def _check_mysql(url: URL) -> None:
    """Check host, database and parameters, to detect a password with unescaped characters. Raises StoreError."""
    by_socket = not url.host and "unix_socket" in url.query
    if not (by_socket or HOST.fullmatch(url.host or "")) or not DATABASE.fullmatch(url.database or ""):
        raise StoreError(
            "LIUYAN_DATABASE_URL has no valid host or database. Percent-encode special characters in user and password "
            "(@ is %40, / is %2F, : is %3A, ? is %3F, # is %23, % is %25)."
        )
    if not set(url.query) <= set(PARAMETERS) | {"charset", "unix_socket"}:
        raise StoreError(
            f"LIUYAN_DATABASE_URL has an unknown parameter. Supported: charset, unix_socket, {', '.join(PARAMETERS)}."
        )
    if any(isinstance(value, tuple) for value in url.query.values()):
        raise StoreError("LIUYAN_DATABASE_URL contains the same parameter twice. Remove one.")


def _open_mysql(url: URL, seconds: int) -> AsyncEngine:
    """The session timeouts make the server end an idle session: a consumer frozen in the middle of a transaction would
    otherwise keep its locks for eight hours, the default."""
    settings = {
        "innodb_lock_wait_timeout": seconds,
        "wait_timeout": seconds,
        "net_read_timeout": seconds,
        "net_write_timeout": seconds,
        "sql_mode": "'TRADITIONAL,ONLY_FULL_GROUP_BY'",
        "time_zone": "'+00:00'",
    }
    url, tls = take_tls(url)
    engine = create_async_engine(
        url.update_query_dict({"charset": "utf8mb4"}),
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # Keep comments out of logs.
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_recycle=RECYCLE_SECONDS,
        pool_reset_on_return=None,  # Every transaction ends with COMMIT or with its session: nothing to roll back.
        connect_args={
            "connect_timeout": seconds,
            "init_command": "SET SESSION " + ", ".join(f"{name} = {value}" for name, value in settings.items()),
            **({} if tls is None else {"ssl": tls}),
        },
    )
    event.listen(engine.sync_engine, "checkin", _note_use)
    event.listen(engine.sync_engine, "checkout", partial(_ping_idle, engine.dialect))
    if tls is not None:
        event.listen(engine.sync_engine, "connect", refuse_plain)
    return engine


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[USED_AT] = time.monotonic()


def _ping_idle(dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Ping a connection that was idle, because the server may have ended its session; the pool replaces a dead one.

    SQLAlchemy's own ping would cost every transaction a round trip.
    """
    used_at = record.info.get(USED_AT)
    if used_at is None or time.monotonic() - used_at < IDLE_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except (dialect.loaded_dbapi.Error, OSError, EOFError) as error:
        raise InvalidatePoolError from error


def _open_sqlite(url: URL, seconds: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        connect_args={"timeout": seconds},
        hide_parameters=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
    )
    event.listen(engine.sync_engine, "do_connect", _probe_sqlite_file)
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _probe_sqlite_file(_dialect: object, _record: object, arguments: list[Any], _named: object) -> None:
    """Fail early if the file cannot be opened: in aiosqlite's thread the error would outlive the event loop and print a
    traceback after our message."""
    sqlite3.connect(arguments[0]).close()


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # The driver's own BEGIN comes too late, and not at all for reads.
    connection.create_function("from_base64", 1, _from_base64, deterministic=True)
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _from_base64(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@asynccontextmanager
async def transaction(engine: AsyncEngine, seconds: float | None, *, writes: bool) -> AsyncIterator[AsyncConnection]:
    """Run one transaction: commit at the end, roll back on any error, on cancellation and after ``seconds``.

    The deadline is needed because a connection that is cut silently never fails. Raises TransientStoreError,
    PermanentStoreError and StoreError; CommitUnknownError if the answer to COMMIT is lost. Other exceptions of the
    block, including SQLAlchemy errors that do not come from the database, pass unchanged.
    """
    connection: AsyncConnection | None = None
    committing = False
    try:
        async with asyncio.timeout(seconds):
            connection = await engine.connect()
            if writes:
                connection = await connection.execution_options(**{WRITES: True})
                # Explicitly, because SQLAlchemy does not see the statements that WriteSession sends together.
                await connection.begin()
            yield connection
            committing = True
            await connection.commit()
    except (SQLAlchemyError, *FAULTS) as error:
        await _discard_connection(connection)
        if committing and writes:
            raise CommitUnknownError("The answer to COMMIT was lost; the transaction may be stored or not.") from error
        if not isinstance(error, FAULTS):
            raise
        raise classify_error(error) from error
    except BaseException:
        await _discard_connection(connection)
        raise
    else:
        await connection.close()


async def _discard_connection(connection: AsyncConnection | None) -> None:
    """End the session, not only the transaction: after a cut or a cancellation the protocol state is undefined, and the
    server rolls back the transaction of a closed session."""
    if connection is not None:
        await asyncio.shield(_end_session(connection))


async def _end_session(connection: AsyncConnection) -> None:
    if not connection.invalidated:
        driver = (await connection.get_raw_connection()).driver_connection
        if driver is not None and connection.dialect.name != "sqlite":
            driver.close()  # Do not send COM_QUIT: on a dead connection it would wait forever.
        await connection.invalidate()
    await connection.close()
