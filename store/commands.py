"""The command group `liuyan store`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.terminal import console, write_line
from store.backup_commands import backup, restore
from store.grants_commands import grants, write_new_grants
from store.retention_commands import purge

if TYPE_CHECKING:
    from store.repair import Differences
    from store.store import Store

app = typer.Typer(help="Migrate, check, back up and inspect the database.", no_args_is_help=True)
app.command(epilog="Example: liuyan store backup /var/backups/liuyan-$(date +%F).backup")(backup)
app.command(epilog="Example: liuyan store restore /var/backups/liuyan-2026-01-31.backup")(restore)
app.command(epilog="Example: liuyan store grants consumer")(grants)
app.command(epilog="Examples: liuyan store purge --dry-run; liuyan store purge --yes")(purge)


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


@app.command(epilog="Examples: liuyan store check && echo 'counts are correct'; liuyan store check --repair")
def check(
    repair: Annotated[bool, typer.Option("--repair", help="Correct the counts, one day at a time.")] = False,
) -> None:
    """Recount all comments and report counters that have drifted.

    Exits with status 1 if a counter differs and is not repaired. Reads all comments; consumers can keep running.
    """
    raise typer.Exit(asyncio.run(_check(repair=repair)))


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
        before = await _tables(store)
        steps = await migrate(store.engine, lambda step: write_line(f"applied {step}"))
        new = await _tables(store) - before
    write_line("The tables are up to date." if steps else "The tables were already up to date.")
    if before and new and store.engine.dialect.name != "sqlite":
        write_new_grants(new, str(store.engine.url.database))


async def _tables(store: "Store") -> frozenset[str]:
    """Return the tables and views. Raises DatabaseUnavailableError."""
    from store.errors import StoreError
    from store.faults import unavailable
    from store.grants import granted_tables

    try:
        async with store.reading() as connection:
            return frozenset(await connection.run_sync(granted_tables))
    except StoreError as error:
        raise unavailable(error, store.engine.url) from error


async def _status() -> None:
    from liuyan.settings import load_settings
    from store.migrate import newest_revision, stored_revision
    from store.models import read_active
    from store.partitions import count_partitions
    from store.ready import ready_store

    async with ready_store(load_settings()) as store:
        model = await store.read(read_active)
        partitions, paused = await store.read(count_partitions)
        write_line(f"database    {store.engine.url.set(query={}).render_as_string(hide_password=True)}")
        async with store.reading() as connection:
            revision = await connection.run_sync(stored_revision)
        newer = f"newer than this program, which has {newest_revision()} and works with it"
        write_line(f"revision    {revision} ({'up to date' if revision == newest_revision() else newer})")
        write_line(f"model       {f'{model.name} {model.sha256}' if model else 'no active model yet'}")
        write_line(f"partitions  {partitions} in total, {paused} paused")


async def _check(*, repair: bool) -> int:
    from liuyan.settings import load_settings
    from store.ready import ready_store
    from store.repair import find_differences

    async with ready_store(load_settings()) as store:
        with console(error=True).status("counting all comments"):
            async with store.reading(patient=True) as connection:
                found = await find_differences(connection)
        _report(found)
        if not len(found):
            return 0
        return await _repair(store, found) if repair else 1


def _report(found: "Differences") -> None:
    for count in found.hourly:
        write_line(
            f"model {count.model_number} {count.platform} {count.hour}:00 {count.label} "
            f"{'uncertain' if count.uncertain else 'certain'}: {count.stored} stored, {count.counted} counted"
        )
    for total in found.sums:
        write_line(
            f"model {total.model_number} {total.platform or 'all platforms'} {total.bucket} of {total.begins}:00 "
            f"{total.name}: {total.stored} stored, {total.counted} counted"
        )
    for one in found.comments:
        write_line(
            f"comments {one.platform or 'all platforms'} {one.bucket} of {one.begins}:00: {one.stored} stored, "
            f"{one.counted} counted"
        )
    if not len(found):
        write_line("The counts are correct.")
    counted = {"hourly counts": len(found.hourly), "sums": len(found.sums), "comment counts": len(found.comments)}
    for what, n in counted.items():
        if n:
            write_line(f"{n} {what} differ from the rows.")


async def _repair(store: "Store", found: "Differences") -> int:
    """Repair the days with differences and return the exit status."""
    from liuyan.progress import progress_bar
    from store.repair import repair_day

    repaired = 0
    with progress_bar() as progress:
        for done, day in enumerate(found.days, 1):
            repaired += await repair_day(store, day)
            progress("repairing days", done, len(found.days))
    write_line(f"Repaired {repaired} counts of {len(found.days)} days.")
    return 0
