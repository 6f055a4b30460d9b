"""Restore a backup. The stored offsets are part of it, so consumers then catch up from Kafka on their own."""

import asyncio
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import audit_log
from store.backup import COMPLETE, PATIENT, SQLITE_PAGES, database_kind
from store.backup_file import BackupError, BackupHeader, Progress, backup_content, verify_backup
from store.database_clients import CLIENT, find_program, option_file, running
from store.migrate import hold_lock, knows_revision
from store.store import Store
from store.tables import comments, reviews
from store.types import time_text

# A backup contains sessions that have ended and tokens that were revoked since it was made.
END_SESSIONS = "DELETE FROM sessions"
REVOKE_TOKENS = "UPDATE api_tokens SET revoked_at = '{now}' WHERE revoked_at IS NULL"
# Reviews of the replaced database that can be newer than the backup: clocks of different machines differ.
MARGIN = timedelta(days=1)
REVIEW_ACTIONS = frozenset({"review.add", "review.add_many", "review.add_group", "review.undo", "review.undo_group"})


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored.

    ``lost_reviews`` are the reviews of the replaced database that are newer than the backup, None if there was no
    database to replace. ``last_record`` is the number of the newest record in the audit log.
    """

    header: BackupHeader
    comments: int
    reviews: int
    last_record: int
    lost_reviews: int | None


async def restore(
    store: Store, path: Path, checking: Progress, progress: Progress, *, replace: bool, keep_sessions: bool
) -> Restored:
    """Verify the backup at ``path`` and restore it into the database, which must be empty unless ``replace``.

    Ends all sessions and revokes all tokens unless ``keep_sessions``. Nothing is changed before the backup is verified.
    Raises BackupError, StoreError and OSError.
    """
    header = await asyncio.to_thread(verify_backup, path, checking)
    if not knows_revision(header.revision):
        raise BackupError(f"{path} contains tables of a newer version of Liuyan. Upgrade this program.")
    url = store.engine.url
    statements = [] if keep_sessions else _revocation()
    if url.get_backend_name() == "sqlite":
        numbers = await asyncio.to_thread(_restore_sqlite, url, path, header, progress, statements, replace)
    else:
        numbers = await _restore_server(store, path, header, progress, statements, replace)
    return await _result(store, header, numbers)


def lost_actions(path: Path, last_record: int) -> int:
    """Count the changes of reviews among the log lines of a server in ``path`` that are newer than a restored backup.

    Only lines with the event `audit` count (LIUYAN_LOG_FORMAT=json). Raises OSError.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        records = [record for record in map(_audit_line, file) if record is not None]
    return len({n for n, action in records if n > last_record and action in REVIEW_ACTIONS})


def _audit_line(line: str) -> tuple[int, str] | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict) or fields.get("event") != "audit" or not isinstance(fields.get("number"), int):
        return None
    return fields["number"], str(fields.get("action"))


def _revocation() -> list[str]:
    return [END_SESSIONS, REVOKE_TOKENS.format(now=time_text(datetime.now(UTC)))]


async def _result(store: Store, header: BackupHeader, numbers: Iterable[int] | None) -> Restored:
    async with store.reading(patient=True) as connection:
        count = (await connection.execute(select(func.count()).select_from(comments))).scalar_one()
        kept, last = (await connection.execute(select(func.count(), func.max(reviews.c.number)))).one()
        record = (await connection.execute(select(func.max(audit_log.c.number)))).scalar_one()
    lost = None if numbers is None else sum(1 for number in numbers if number > (last or 0))
    return Restored(header, count, kept, record or 0, lost)


async def _restore_server(
    store: Store, path: Path, header: BackupHeader, progress: Progress, statements: list[str], replace: bool
) -> list[int] | None:
    async with store.engine.connect() as connection:
        kind = await database_kind(connection)
        if header.database != kind:
            raise _other_kind(path, header, kind)
        await connection.execute(text(PATIENT))
        await connection.run_sync(hold_lock)
        found = await connection.run_sync(_tables)
        if found and not replace:
            raise _not_empty(f"The database {store.engine.url.database}")
        numbers = await _newer_reviews(connection, header) if "reviews" in found else None
        await connection.run_sync(_drop_all)
        await _load(store.engine.url, kind, path, progress, statements)
        await connection.invalidate()
    return numbers


async def _newer_reviews(connection: AsyncConnection, header: BackupHeader) -> list[int]:
    query = select(reviews.c.number).where(reviews.c.reviewed_at >= header.time - MARGIN)
    return list((await connection.execute(query)).scalars())


async def _load(url: URL, kind: str, path: Path, progress: Progress, statements: list[str]) -> None:
    program = find_program(CLIENT[kind], kind)
    with option_file(url, program) as options:
        command = [program.path, f"--defaults-extra-file={options}", "--default-character-set=utf8mb4"]
        command += ["--max-allowed-packet=1G", str(url.database)]
        failure = "The restore failed and the database is incomplete. Correct the cause and repeat it with --replace"
        async with running(command, failure) as process:
            if process.stdin is None:
                raise BackupError("The client program has no standard input.")
            inserted = "".join(f"{statement};\n" for statement in statements).encode()
            for part in _with_statements(backup_content(path, progress), inserted):
                process.stdin.write(part)
                await process.stdin.drain()
            process.stdin.close()


def _with_statements(content: Iterator[bytes], inserted: bytes) -> Iterator[bytes]:
    """Insert statements before the line COMPLETE, so that no process can use the tables before they were executed."""
    held = b""
    for chunk in content:
        held += chunk
        before, complete, after = held.partition(COMPLETE)
        if complete:
            yield before + inserted
            held = after
            continue
        yield held[: -len(COMPLETE)]
        held = held[-len(COMPLETE) :]
    yield held


def _tables(connection: Connection) -> list[str]:
    found = inspect(connection)
    return [*found.get_table_names(), *found.get_view_names()]


def _drop_all(connection: Connection) -> None:
    quote = connection.dialect.identifier_preparer.quote
    found = inspect(connection)
    tables, views = found.get_table_names(), found.get_view_names()
    # First the table whose absence makes every process refuse the database.
    tables.sort(key=lambda name: name != "alembic_version")
    connection.execute(text("SET SESSION foreign_key_checks = 0"))
    for name in tables:
        connection.execute(text(f"DROP TABLE {quote(name)}"))
    for name in views:
        connection.execute(text(f"DROP VIEW {quote(name)}"))
    connection.commit()


def _restore_sqlite(
    url: URL, path: Path, header: BackupHeader, progress: Progress, statements: list[str], replace: bool
) -> list[int] | None:
    if header.database != "sqlite":
        raise _other_kind(path, header, "sqlite")
    target = Path(str(url.database))
    with tempfile.TemporaryDirectory(prefix=".liuyan-restore-", dir=target.absolute().parent) as folder:
        copy = Path(folder) / "copy.db"
        with open(copy, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            for chunk in backup_content(path, progress):
                file.write(chunk)
        source, database = sqlite3.connect(copy, isolation_level=None), sqlite3.connect(target, isolation_level=None)
        try:
            [(state,)] = source.execute("PRAGMA quick_check(1)").fetchall()
            if state != "ok":
                raise BackupError(f"{path} is damaged ({state}). Use another backup.")
            for statement in statements:
                source.execute(statement)
            found = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if found and not replace:
                raise _not_empty(str(target))
            numbers = _newer_sqlite_reviews(database, header) if "reviews" in found else None
            source.backup(database, pages=SQLITE_PAGES)
        except sqlite3.Error as error:
            raise BackupError(f"The restore failed ({error}). Stop all processes that use {target}.") from error
        finally:
            source.close()
            database.close()
    return numbers


def _newer_sqlite_reviews(database: sqlite3.Connection, header: BackupHeader) -> list[int]:
    since = time_text(header.time - MARGIN)
    return [number for (number,) in database.execute("SELECT number FROM reviews WHERE reviewed_at >= ?", [since])]


def _other_kind(path: Path, header: BackupHeader, kind: str) -> BackupError:
    return BackupError(
        f"{path} is a backup of {header.database} and cannot be restored into {kind}. Correct LIUYAN_DATABASE_URL."
    )


def _not_empty(what: str) -> BackupError:
    return BackupError(f"{what} is not empty. Restore into an empty database, or replace everything with --replace.")
