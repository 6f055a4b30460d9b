"""Back up the whole database, with the stored offsets, in one consistent snapshot."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from store.backup_file import CHUNK, BackupError, BackupHeader, BackupWriter, Progress, writing_backup
from store.database_clients import (
    DUMP,
    DUMP_OPTIONS,
    MARIADB,
    MYSQL,
    ONLY_MYSQL,
    find_program,
    option_file,
    running,
    without_definer,
)
from store.migrate import hold_lock, stored_revision
from store.store import Store
from store.types import is_mariadb

# In the content of a server's backup: what follows makes the tables usable. A restore that ends before this line
# leaves a database that every process refuses.
COMPLETE = b"-- liuyan: all tables are restored\n"
REVISION = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);\n"
    "INSERT INTO alembic_version VALUES ('{revision}');\n"
)
SQLITE_PAGES = 2_000
# A session that is idle while the dump runs must not be ended by the short timeout of our connections.
PATIENT = "SET SESSION wait_timeout = 604800"


async def back_up(store: Store, path: Path, progress: Progress, *, overwrite: bool = False) -> BackupHeader:
    """Write a backup of the whole database to ``path``. Consumers and servers keep running.

    No migration can run meanwhile. Raises BackupError, TransientStoreError and OSError.
    """
    kind = await store.read(database_kind)
    revision = await store.read(_read_revision)
    header = BackupHeader(kind, revision, datetime.now(UTC).isoformat(timespec="seconds"))
    with writing_backup(path, header, overwrite=overwrite) as writer:
        if kind == "sqlite":
            await asyncio.to_thread(_copy_sqlite, Path(str(store.engine.url.database)), path.parent, writer, progress)
            return header
        async with store.engine.connect() as connection:
            await connection.execute(text(PATIENT))
            await connection.run_sync(hold_lock)
            if await _read_revision(connection) != revision:
                raise BackupError("A migration has just changed the tables. Back up again.")
            estimate = await _data_bytes(connection)
            await _dump(store.engine.url, kind, writer, lambda done: progress(done, estimate))
            await connection.invalidate()
        writer.write(COMPLETE + REVISION.format(revision=header.revision).encode())
    return header


async def _read_revision(connection: AsyncConnection) -> str:
    """Return the revision of the tables, which may be newer than this program."""
    return str(await connection.run_sync(stored_revision))


async def database_kind(connection: AsyncConnection) -> str:
    """Return mysql, mariadb or sqlite."""
    if connection.dialect.name == "sqlite":
        return "sqlite"
    return MARIADB if is_mariadb(connection.dialect) else MYSQL


async def _data_bytes(connection: AsyncConnection) -> int:
    query = "SELECT COALESCE(SUM(data_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()"
    return int((await connection.execute(text(query))).scalar_one())


async def _dump(url: URL, kind: str, writer: BackupWriter, progress: Callable[[int], None]) -> None:
    program = find_program(DUMP[kind], kind)
    with option_file(url, program) as options:
        command = [
            program.path,
            f"--defaults-extra-file={options}",
            *DUMP_OPTIONS,
            *(ONLY_MYSQL if program.kind == MYSQL else ()),
            f"--ignore-table={url.database}.alembic_version",
            str(url.database),
        ]
        async with running(command, "The backup failed") as process:
            if process.stdin is None or process.stdout is None:
                raise BackupError("The dump program has no standard output.")
            process.stdin.close()
            reported = 0
            async for line in process.stdout:
                writer.write(without_definer(line))
                if writer.written - reported > CHUNK:
                    reported = writer.written
                    progress(reported)


def _copy_sqlite(source: Path, folder: Path, writer: BackupWriter, progress: Progress) -> None:
    """Copy the file with SQLite's backup API, from the snapshot of one read transaction."""
    with tempfile.TemporaryDirectory(prefix=".liuyan-backup-", dir=folder) as temporary:
        copy = Path(temporary) / "copy.db"
        reading, writing = sqlite3.connect(source, isolation_level=None), sqlite3.connect(copy)
        try:
            reading.execute("BEGIN")
            reading.execute("SELECT COUNT(*) FROM alembic_version").fetchone()
            reading.backup(
                writing, pages=SQLITE_PAGES, progress=lambda _, left, pages: progress(pages - left, 2 * pages)
            )
            writing.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise BackupError(f"The backup failed ({error}).") from error
        finally:
            reading.close()
            writing.close()
        with copy.open("rb") as file:
            while chunk := file.read(CHUNK):
                writer.write(chunk)
