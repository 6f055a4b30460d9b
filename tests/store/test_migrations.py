"""Migrations make the very tables that tables.py describes, once, whoever runs them."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest
from sqlalchemy import Connection, inspect, text

from liuyan.store.errors import ErasureKeyError, MigrationsPendingError
from liuyan.store.migrate import migrate, newest_revision
from liuyan.store.store import Store
from liuyan.store.tables import metadata
from tests.store.feed import ERASURE_KEY


def definitions(connection: Connection) -> dict[str, str]:
    """Each table as the database itself writes it down, without indexes' and constraints' order."""
    found = {}
    for name in inspect(connection).get_table_names():
        if connection.dialect.name == "sqlite":
            query = text("SELECT group_concat(sql, char(10)) FROM sqlite_master WHERE tbl_name = :name")
            written = connection.execute(query, {"name": name}).scalar_one()
        else:
            written = connection.execute(text(f"SHOW CREATE TABLE `{name}`")).one()[1]
        found[name] = "\n".join(sorted(line.strip().rstrip(",") for line in written.splitlines()))
    return found


async def test_migrations_make_the_tables_of_the_program(every_database_url: str) -> None:
    async with Store.open(every_database_url) as store:
        async with store.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            described = await connection.run_sync(definitions)
            await connection.run_sync(metadata.drop_all)
        await migrate(store.engine, lambda step: None)
        async with store.engine.connect() as connection:
            migrated = await connection.run_sync(definitions)
    assert migrated.pop("alembic_version")
    assert migrated == described
    assert len(described) == len(metadata.tables)


async def test_steps_are_reported_once(every_database_url: str) -> None:
    async with Store.open(every_database_url) as store:
        steps: list[str] = []
        assert await migrate(store.engine, steps.append) == len(steps) > 0
        assert steps[0] == "0001: The first tables."
        assert await migrate(store.engine, steps.append) == 0


async def test_processes_that_migrate_at_once_do_it_once(every_database_url: str) -> None:
    program = "from liuyan.cli import main; main()"
    environment = {"LIUYAN_DATABASE_URL": every_database_url, "PATH": "/usr/bin:/bin"}
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, "store", "migrate"), env=environment, stdout=PIPE, stderr=PIPE
        )
        for _ in range(3)
    ]
    outputs = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    said = sorted(standard_output.decode().splitlines()[-1] for standard_output, _ in outputs)
    assert said == ["The tables are up to date."] + ["The tables were up to date already."] * 2


async def test_a_database_without_tables_names_the_command(every_database_url: str) -> None:
    async with Store.open(every_database_url) as store:
        with pytest.raises(MigrationsPendingError, match="run `liuyan store migrate`"):
            await store.check_ready(ERASURE_KEY)


async def test_another_revision_is_refused(store: Store) -> None:
    for revision, sentence in (("9999", "newer Liuyan"), (newest_revision(), None)):
        async with store.engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
        if sentence is None:
            await store.check_ready(ERASURE_KEY)
        else:
            with pytest.raises(MigrationsPendingError, match=sentence):
                await store.check_ready(ERASURE_KEY)


async def test_a_changed_erasure_key_is_refused(store: Store) -> None:
    await store.check_ready(ERASURE_KEY)
    await store.check_ready()
    with pytest.raises(ErasureKeyError, match="LIUYAN_ERASURE_KEY"):
        await store.check_ready(b"another key of some length")
