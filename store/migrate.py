"""Migrate the tables, one process at a time, and check their revision."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from store.admin_tables import compatibility
from store.engine import WRITES
from store.errors import MigrationsPendingError, StoreError
from store.faults import unavailable

# How long a second `liuyan store migrate` waits for the first one.
LOCK_SECONDS = 60

Report = Callable[[str], None]


def _configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return config


@functools.cache
def newest_revision() -> str:
    """Return the revision that this program needs."""
    head = ScriptDirectory.from_config(_configuration()).get_current_head()
    if head is None:
        raise StoreError("The package contains no migrations. Install it again.")
    return head


def knows_revision(revision: str) -> bool:
    """Return whether this program has the migration ``revision``."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_configuration()).walk_revisions()}


def stored_revision(connection: Connection) -> str | None:
    """Return the database's revision, or None if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def check_revision(connection: Connection) -> None:
    """Raise MigrationsPendingError unless this program works with the tables.

    They may be newer than the program, as they are during an upgrade, if no migration excluded it.
    """
    stored, needed = stored_revision(connection), newest_revision()
    if stored == needed:
        return
    if stored is None:
        raise MigrationsPendingError("The database has no tables yet. Run `liuyan store migrate`.")
    if not knows_revision(stored):
        oldest = connection.execute(select(compatibility.c.oldest_revision)).scalar_one()
        if knows_revision(oldest):
            return
        raise MigrationsPendingError(
            f"The tables were created by a newer version of Liuyan (revision {stored}), which needs programs from "
            f"revision {oldest} on. Upgrade this program."
        )
    raise MigrationsPendingError(
        f"The tables are at revision {stored}, but {needed} is needed. Run `liuyan store migrate`."
    )


async def migrate(engine: AsyncEngine, report: Report, to: str = "head") -> int:
    """Apply the pending migrations up to revision ``to`` and return their number; 0 if the tables are newer.

    ``report`` receives a sentence for each migration, and for the progress of a long one.

    Raises DatabaseUnavailableError, MigrationsPendingError if the tables are too new for this program, and StoreError
    if another process holds the lock for too long.
    """
    try:
        async with engine.connect() as connection:
            writer = await connection.execution_options(**{WRITES: True})
            steps = await writer.run_sync(_migrate, report, to)
            await writer.commit()
    except (SQLAlchemyError, OSError) as error:
        raise unavailable(error, engine.url) from error
    return steps


def _migrate(connection: Connection, report: Report, to: str) -> int:
    """Upgrade while holding a lock: on SQLite the write lock of one transaction, on servers, where each DDL statement
    commits, a named lock of the session."""
    server = connection.dialect.name != "sqlite"
    if server:
        hold_lock(connection)
    else:
        connection.begin()
    steps = 0

    def applied(step: Any, **_: object) -> None:
        nonlocal steps
        steps += 1
        script = step.up_revision
        report(f"{script.revision}: {script.doc}")

    config = _configuration()
    config.attributes["connection"] = connection
    config.attributes["on_version_apply"] = applied
    config.attributes["report"] = report
    if not _is_newer(connection):
        command.upgrade(config, to)
    if server:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _lock_name(connection)})
    return steps


def _is_newer(connection: Connection) -> bool:
    """Return whether the tables are newer than this program. Raises MigrationsPendingError if they exclude it."""
    stored = stored_revision(connection)
    newer = stored is not None and not knows_revision(stored)
    if newer:
        check_revision(connection)
    if connection.dialect.name != "sqlite":
        connection.commit()  # Alembic manages its own transactions.
    return newer


def hold_lock(connection: Connection) -> None:
    """Acquire the lock of migrations on a server, for the session. Raises StoreError if another process keeps it."""
    acquired = connection.execute(
        text("SELECT GET_LOCK(:name, :seconds)"), {"name": _lock_name(connection), "seconds": LOCK_SECONDS}
    ).scalar()
    connection.commit()
    if acquired != 1:
        raise StoreError(
            "Another process is migrating, backing up or restoring this database. Try again when it has finished."
        )


def _lock_name(connection: Connection) -> str:
    return f"liuyan {connection.engine.url.database}"[:64]
