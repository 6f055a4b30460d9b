"""Connections: how each session is set up, and the one way to run a transaction that never leaves a lock behind."""

import asyncio
import base64
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

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
# Names and addresses; SQLAlchemy removes the brackets of an IPv6 address.
HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")
DATABASE = re.compile(r"[^/?#@:\s]+")
# Set on a connection that will write: SQLite then waits for the one writer's place at the start and not in the middle.
WRITES = "liuyan_writes"


def open_engine(url: str, lock_wait_seconds: int) -> AsyncEngine:
    """An engine for ``url``; it connects when it is used.

    Raises StoreError when the URL is not one that we know. The sentence quotes no part of the URL: where a password
    holds an ``@``, any part may be one of the password.
    """
    try:
        parsed = make_url(url)
        driver = DRIVERS[parsed.drivername]
    except (ArgumentError, KeyError, ValueError):
        raise StoreError(
            "The database's URL is not one of mysql+aiomysql://user:password@host:port/database "
            "or sqlite+aiosqlite:///file: correct LIUYAN_DATABASE_URL, with special characters percent-encoded."
        ) from None
    parsed = parsed.set(drivername=driver)
    if driver.startswith("sqlite"):
        if parsed.query or parsed.host:
            raise StoreError("LIUYAN_DATABASE_URL names more than a file: write sqlite+aiosqlite:///file.")
        return _open_sqlite(parsed, lock_wait_seconds)
    _check_mysql(parsed)
    return _open_mysql(parsed, lock_wait_seconds)


def _check_mysql(url: URL) -> None:
    """Refuse a URL that was split in a place where a password ends only by mistake. Raises StoreError."""
    by_socket = not url.host and "unix_socket" in url.query
    if not (by_socket or HOST.fullmatch(url.host or "")) or not DATABASE.fullmatch(url.database or ""):
        raise StoreError(
            "LIUYAN_DATABASE_URL has no valid host or database: percent-encode special characters of user and password "
            "(@ is %40, / is %2F, : is %3A, ? is %3F, # is %23, % is %25)."
        )
    if not set(url.query) <= set(PARAMETERS) | {"charset", "unix_socket"}:
        raise StoreError(
            f"LIUYAN_DATABASE_URL has a parameter that is not one of charset, unix_socket, {', '.join(PARAMETERS)}."
        )
    if any(isinstance(value, tuple) for value in url.query.values()):
        raise StoreError("LIUYAN_DATABASE_URL gives the same parameter twice.")


def _open_mysql(url: URL, seconds: int) -> AsyncEngine:
    """The server itself gives up a session that stands still: a consumer that was stopped in the middle of a
    transaction would else keep its locks for eight hours."""
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
        hide_parameters=True,  # Comments do not belong into logs.
        pool_pre_ping=True,
        pool_recycle=max(1, seconds // 2),
        pool_reset_on_return=None,  # Each transaction ends by COMMIT or with its session: nothing is left to roll back.
        connect_args={
            "connect_timeout": seconds,
            "init_command": "SET SESSION " + ", ".join(f"{name} = {value}" for name, value in settings.items()),
            **({} if tls is None else {"ssl": tls}),
        },
    )
    if tls is not None:
        event.listen(engine.sync_engine, "connect", refuse_plain)
    return engine


def _open_sqlite(url: URL, seconds: int) -> AsyncEngine:
    engine = create_async_engine(url, connect_args={"timeout": seconds}, hide_parameters=True)
    event.listen(engine.sync_engine, "do_connect", _open_first)
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _open_first(_dialect: object, _record: object, arguments: list[Any], _named: object) -> None:
    """A file that cannot be opened fails here: in aiosqlite's thread the failure would outlive the event loop, and the
    thread would print a traceback behind our sentence."""
    sqlite3.connect(arguments[0]).close()


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # The driver's own BEGIN comes too late, and never for reading.
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
    """One transaction, committed at the end, given up whole on any error, when it is cancelled, and after ``seconds``,
    since a connection that is cut without a word would be waited for for ever.

    Raises TransientStoreError, PermanentStoreError, StoreError; CommitUnknownError once COMMIT was sent. What the block
    raises for a reason of its own passes unchanged, an error of SQLAlchemy that the database has no part in too.
    """
    connection: AsyncConnection | None = None
    committing = False
    try:
        async with asyncio.timeout(seconds):
            connection = await engine.connect()
            if writes:
                connection = await connection.execution_options(**{WRITES: True})
            yield connection
            committing = True
            await connection.commit()
    except (SQLAlchemyError, *FAULTS) as error:
        await _give_up(connection)
        if committing and writes:
            raise CommitUnknownError("The answer to COMMIT was lost: nobody knows whether it was stored.") from error
        if not isinstance(error, FAULTS):
            raise
        raise classify_error(error) from error
    except BaseException:
        await _give_up(connection)
        raise
    else:
        await connection.close()


async def _give_up(connection: AsyncConnection | None) -> None:
    """End the session and not just the transaction: after a cut or a cancellation its protocol is in the middle of
    something, and the server rolls back what a closed session had begun."""
    if connection is not None:
        await asyncio.shield(_end_session(connection))


async def _end_session(connection: AsyncConnection) -> None:
    if not connection.invalidated:
        driver = (await connection.get_raw_connection()).driver_connection
        if driver is not None and connection.dialect.name != "sqlite":
            driver.close()  # At once: a polite goodbye waits until it is sent, on a dead connection for ever.
        await connection.invalidate()
    await connection.close()
