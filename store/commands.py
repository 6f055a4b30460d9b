"""`liuyan store`."""

import asyncio

import typer

from liuyan.terminal import console, write_line
from store.models_commands import app as models

app = typer.Typer(help="Make, check and describe the database.", no_args_is_help=True)
app.add_typer(models, name="models")


@app.command(epilog="Example: LIUYAN_DATABASE_URL=mysql+aiomysql://liuyan:secret@127.0.0.1/liuyan liuyan store migrate")
def migrate() -> None:
    """Make the tables of the database that LIUYAN_DATABASE_URL names, or bring them up to date.

    The database itself must exist, or the folder of an SQLite file.

    Safe to run again and from several places: one works, the others wait.
    """
    asyncio.run(_migrate())


@app.command(epilog="Example: liuyan store status")
def status() -> None:
    """Say at which revision the tables are, which model is active and how many partitions are followed."""
    asyncio.run(_status())


@app.command(epilog="Example: liuyan store check && echo the counts are right")
def check() -> None:
    """Count every labelled comment anew and compare with the hourly counts; the exit status is 1 if any differs.

    It reads all comments; consumers may go on meanwhile.
    """
    raise typer.Exit(asyncio.run(_check()))


async def _migrate() -> None:
    from liuyan.settings import load_settings
    from store.migrate import LOCK_SECONDS, migrate
    from store.store import Store

    async with Store.open(load_settings().required_database_url(), lock_wait_seconds=LOCK_SECONDS) as store:
        steps = await migrate(store.engine, lambda step: write_line(f"applied {step}"))
    write_line("The tables are up to date." if steps else "The tables were up to date already.")


async def _status() -> None:
    from liuyan.settings import load_settings
    from store.migrate import newest_revision
    from store.models import read_active
    from store.partitions import count_partitions
    from store.ready import ready_store

    async with ready_store(load_settings()) as store:
        model = await store.read(read_active)
        followed, paused = await store.read(count_partitions)
        write_line(f"database    {store.engine.url.set(query={}).render_as_string(hide_password=True)}")
        write_line(f"revision    {newest_revision()} (up to date)")
        write_line(f"model       {f'{model.name} {model.sha256}' if model else 'none is active yet'}")
        write_line(f"partitions  {followed} followed, {paused} paused")


async def _check() -> int:
    from liuyan.settings import load_settings
    from store.check import recount, recount_sums
    from store.ready import ready_store

    async with ready_store(load_settings()) as store:
        with console(error=True).status("counting every labelled comment"):
            async with store.reading(patient=True) as connection:
                differences = await recount(connection)
                sums = await recount_sums(connection)
    for found in differences:
        write_line(
            f"model {found.model_number} {found.platform} {found.hour}:00 {found.label} "
            f"{'uncertain' if found.uncertain else 'certain'}: {found.stored} stored, {found.counted} counted"
        )
    for one in sums:
        write_line(
            f"model {one.model_number} {one.platform or 'all platforms'} {one.bucket} of {one.begins}:00 {one.name}: "
            f"{one.stored} stored, {one.counted} counted"
        )
    if not differences and not sums:
        write_line("The counts are right.")
        return 0
    if differences:
        write_line(f"{len(differences)} hourly counts differ from the rows.")
    if sums:
        write_line(f"{len(sums)} sums differ from the rows.")
    return 1
