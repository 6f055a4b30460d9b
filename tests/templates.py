"""Migrated databases for tests: one of each kind is migrated on first use, and copied for each test.

Migrating an empty database takes a server seconds, because it creates and changes the tables of every release. A copy
has their last state at once.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
from sqlalchemy import URL, make_url

from store.migrate import migrate
from store.store import Store


class Templates:
    """Copies migrated databases. ``create`` returns the URL of a new, empty database of a kind."""

    def __init__(self, create: Callable[[str], str]) -> None:
        self._create = create
        self._urls: dict[str, URL] = {}
        self._statements: dict[str, Sequence[str]] = {}

    def copy(self, kind: str, to: str) -> None:
        """Create the tables, views and rows of a migrated database in the empty one at the URL ``to``."""
        if kind not in self._urls:
            url = self._create(kind)
            asyncio.run(_migrate(url))
            self._urls[kind] = make_url(url)
        template, target = self._urls[kind], make_url(to)
        if kind == "sqlite":
            shutil.copy(Path(str(template.database)), Path(str(target.database)))
            return
        if kind not in self._statements:
            self._statements[kind] = _statements(template)
        with closing(connect(target)) as connection, connection.cursor() as cursor:
            for statement in self._statements[kind]:
                cursor.execute(statement)


def connect(url: URL, **options: Any) -> "pymysql.connections.Connection[Any]":
    """Open a connection to a server, and to its database if the URL names one, that commits each statement."""
    return pymysql.connect(
        host=url.host or "127.0.0.1",
        port=url.port or 3306,
        user=url.username,
        password=url.password or "",
        database=url.database,
        charset="utf8mb4",
        autocommit=True,
        **options,
    )


async def _migrate(url: str) -> None:
    async with Store.open(url) as store:
        await migrate(store.engine, lambda step: None)


def _statements(template: URL) -> Sequence[str]:
    """Return the statements that copy a migrated database, with the rows that migrations have written."""
    qualifier = f"`{template.database}`."
    with closing(connect(template)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW FULL TABLES")
        kinds = dict(cursor.fetchall())
        tables = [name for name, kind in kinds.items() if kind == "BASE TABLE"]
        views = [name for name, kind in kinds.items() if kind == "VIEW"]
        # A table may refer to one that is created later.
        found = ["SET FOREIGN_KEY_CHECKS = 0"]
        for table in tables:
            cursor.execute(f"SHOW CREATE TABLE `{table}`")
            found.append(_second_column(cursor))
        for table in tables:
            if cursor.execute(f"SELECT 1 FROM `{table}` LIMIT 1"):
                found.append(f"INSERT INTO `{table}` SELECT * FROM {qualifier}`{table}`")
        for view in views:
            cursor.execute(f"SHOW CREATE VIEW `{view}`")
            found.append(_second_column(cursor).replace(qualifier, ""))
    return found


def _second_column(cursor: "pymysql.cursors.Cursor") -> str:
    row = cursor.fetchone()
    assert row is not None
    return str(row[1])
