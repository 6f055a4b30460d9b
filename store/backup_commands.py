"""`liuyan store backup` and `liuyan store restore`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.terminal import write_line

if TYPE_CHECKING:
    from store.backup_file import BackupHeader, Progress
    from store.errors import StoreError
    from store.restore import Restored
    from store.store import Store

MEBIBYTE = 1 << 20


def backup(
    file: Annotated[Path, typer.Argument(help="File to write, for example liuyan-2026-01-31.backup.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    by: Annotated[str | None, typer.Option(help="Your name, for the audit log. Default: your login name.")] = None,
) -> None:
    """Write the whole database, with the stored offsets, to a file: one consistent snapshot.

    Consumers and servers keep running. For MySQL and MariaDB this needs the server's dump program (mysqldump or
    mariadb-dump). The file is compressed, has a checksum and contains personal data: only you can read it. The audit
    log records the backup, for the alert about old backups.
    """
    from liuyan.progress import progress_bar
    from store.audit import command_actor
    from store.backup import back_up
    from store.backup_record import try_to_record
    from store.ready import with_store

    async def run(store: "Store") -> "tuple[BackupHeader, StoreError | None]":
        header = await back_up(store, file, progress, overwrite=overwrite)
        return header, await try_to_record(store, command_actor(by))

    with progress_bar() as bars:

        def progress(done: int, estimate: int) -> None:
            bars("MiB read", done // MEBIBYTE, max(done, estimate) // MEBIBYTE)

        header, failure = with_store(run)
    size = file.stat().st_size
    write_line(f"Wrote {file}: {size:,} bytes, {_described(header)}.")
    if failure is not None:
        write_line(
            f"The backup is complete but not recorded. {failure} Run `liuyan store record-backup` with an account that "
            "may write to the audit log; otherwise the alert LiuyanBackupOld fires.",
            err=True,
        )


def restore(
    file: Annotated[Path, typer.Argument(help="Backup to restore.", exists=True, dir_okay=False)],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace everything in the database. Without it, it must be empty.")
    ] = False,
    keep_sessions: Annotated[
        bool, typer.Option("--keep-sessions", help="Keep the sessions and API tokens that the backup contains.")
    ] = False,
    audit_lines: Annotated[
        Path | None,
        typer.Option(help="Log of the API (JSON lines), to count the reviews that are lost.", exists=True),
    ] = None,
) -> None:
    """Restore a backup into the database at LIUYAN_DATABASE_URL, after checking that it is complete.

    Stop consumers and servers first. When consumers start again, they continue at the offsets of the backup and catch
    up from Kafka. Reviews made after the backup are lost. All sessions end and all API tokens are revoked, because a
    backup revives those that have ended since.
    """
    import asyncio

    from liuyan.progress import progress_bar
    from liuyan.settings import load_settings
    from store.migrate import LOCK_SECONDS
    from store.restore import lost_actions
    from store.restore import restore as restore_backup
    from store.store import Store

    async def run(checking: "Progress", progress: "Progress") -> "Restored":
        url = load_settings().required_database_url()
        async with Store.open(url, lock_wait_seconds=LOCK_SECONDS) as store:
            return await restore_backup(store, file, checking, progress, replace=replace, keep_sessions=keep_sessions)

    with progress_bar() as bars:

        def mebibytes(what: str) -> "Progress":
            return lambda done, total: bars(f"{what} (MiB)", done // MEBIBYTE, total // MEBIBYTE)

        done = asyncio.run(run(mebibytes("verifying"), mebibytes("restoring")))
    _report(done, keep_sessions=keep_sessions)
    if audit_lines is not None:
        lost = lost_actions(audit_lines, done.last_record)
        write_line(f"{audit_lines} records {lost} changes of reviews since the backup, which are lost.")


def _report(done: "Restored", *, keep_sessions: bool) -> None:
    from store.migrate import newest_revision

    write_line(f"Restored {_described(done.header)}: {done.comments:,} comments, {done.reviews:,} reviews.")
    if done.lost_reviews is None:
        write_line("Reviews made after that time are lost.")
    else:
        write_line(f"{done.lost_reviews:,} reviews in the replaced database were newer and are lost.")
    if not keep_sessions:
        write_line("All sessions are ended and all API tokens are revoked.")
    if done.header.revision != newest_revision():
        write_line("The tables are those of an earlier version. Run `liuyan store migrate`.")


def _described(header: "BackupHeader") -> str:
    return f"the database of {header.time:%Y-%m-%d %H:%M:%S} UTC at revision {header.revision}"
