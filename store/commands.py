"""The command group `liuyan store`."""

import asyncio
from typing import Annotated

import typer

from liuyan.terminal import console, write_line

app = typer.Typer(help="Migrate, check and inspect the database.", no_args_is_help=True)


@app.command(epilog="Example: LIUYAN_DATABASE_URL=mysql+aiomysql://liuyan:secret@127.0.0.1/liuyan liuyan store migrate")
def migrate() -> None:
    """Create or upgrade the tables of the database at LIUYAN_DATABASE_URL.

    The database must exist; for SQLite, the folder of the file must exist.

    Safe to repeat and to run concurrently: one process migrates, the others wait.
    """
    asyncio.run(_migrate())


@app.command(epilog="Example: liuyan store status")
def status() -> None:
    """Show the revision of the tables, the active model and the number of partitions."""
    asyncio.run(_status())


@app.command(epilog="Example: liuyan store check && echo 'counts are correct'")
def check() -> None:
    """Recount all comments and report counters that have drifted.

    Exits with status 1 if a counter differs. Reads all comments; consumers can keep running.
    """
    raise typer.Exit(asyncio.run(_check()))


@app.command("record-backup", epilog="Example: mysqldump ... > liuyan.sql && liuyan store record-backup")
def record_backup(
    by: Annotated[str | None, typer.Option(help="Your name, for the audit log. Default: your login name.")] = None,
) -> None:
    """Record that a backup of the database is complete, for the alert about old backups.

    Run it after a tool of your own, such as a snapshot of a managed database, has succeeded.
    """
    from store.audit import command_actor
    from store.backup_record import record_backup
    from store.ready import with_store

    with_store(lambda store: store.write(record_backup, command_actor(by)))
    write_line("Recorded the backup.")


async def _migrate() -> None:
    from liuyan.settings import load_settings
    from store.migrate import LOCK_SECONDS, migrate
    from store.store import Store

    async with Store.open(load_settings().required_database_url(), lock_wait_seconds=LOCK_SECONDS) as store:
        steps = await migrate(store.engine, lambda step: write_line(f"applied {step}"))
    write_line("The tables are up to date." if steps else "The tables were already up to date.")


async def _status() -> None:
    from liuyan.settings import load_settings
    from store.migrate import newest_revision
    from store.models import read_active
    from store.partitions import count_partitions
    from store.ready import ready_store

    async with ready_store(load_settings()) as store:
        model = await store.read(read_active)
        partitions, paused = await store.read(count_partitions)
        write_line(f"database    {store.engine.url.set(query={}).render_as_string(hide_password=True)}")
        write_line(f"revision    {newest_revision()} (up to date)")
        write_line(f"model       {f'{model.name} {model.sha256}' if model else 'no active model yet'}")
        write_line(f"partitions  {partitions} in total, {paused} paused")


async def _check() -> int:
    from liuyan.settings import load_settings
    from store.check import recount, recount_comments, recount_sums
    from store.ready import ready_store

    async with ready_store(load_settings()) as store:
        with console(error=True).status("counting all comments"):
            async with store.reading(patient=True) as connection:
                differences = await recount(connection)
                sums = await recount_sums(connection)
                stored = await recount_comments(connection)
    for count in differences:
        write_line(
            f"model {count.model_number} {count.platform} {count.hour}:00 {count.label} "
            f"{'uncertain' if count.uncertain else 'certain'}: {count.stored} stored, {count.counted} counted"
        )
    for total in sums:
        write_line(
            f"model {total.model_number} {total.platform or 'all platforms'} {total.bucket} of {total.begins}:00 "
            f"{total.name}: {total.stored} stored, {total.counted} counted"
        )
    for one in stored:
        write_line(
            f"comments {one.platform or 'all platforms'} {one.bucket} of {one.begins}:00: {one.stored} stored, "
            f"{one.counted} counted"
        )
    if not differences and not sums and not stored:
        write_line("The counts are correct.")
        return 0
    if differences:
        write_line(f"{len(differences)} hourly counts differ from the rows.")
    if sums:
        write_line(f"{len(sums)} sums differ from the rows.")
    if stored:
        write_line(f"{len(stored)} comment counts differ from the rows.")
    return 1
