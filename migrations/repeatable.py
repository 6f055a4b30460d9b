"""Operations that leave out what an interrupted upgrade has done: a server commits each of them separately."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op


def create_table(name: str, *parts: sa.schema.SchemaItem) -> None:
    """Create a table and its indexes, unless they exist."""
    if not sa.inspect(op.get_bind()).has_table(name):
        op.create_table(name, *parts)
        return
    there = _indexes(name)
    for index in sa.Table(name, sa.MetaData(), *parts).indexes:
        if index.name not in there:
            op.get_bind().execute(sa.schema.CreateIndex(index))


def create_empty_table(name: str, *parts: sa.schema.SchemaItem) -> None:
    """Create a table; drop an existing one, which an interrupted upgrade has filled in part."""
    if sa.inspect(op.get_bind()).has_table(name):
        op.drop_table(name)
    op.create_table(name, *parts)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column, unless it exists."""
    if column.name not in {found["name"] for found in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def create_index(name: str, table: str, columns: Sequence[str], *, unique: bool = False) -> None:
    """Create an index, unless it exists."""
    if name not in _indexes(table):
        op.create_index(name, table, list(columns), unique=unique)


def replace_index(name: str, table: str, columns: Sequence[str]) -> None:
    """Give an index other columns, unless it has them.

    A server does it in one statement, while rows are written: running programs name the index in queries, which would
    fail without it.
    """
    there = _indexes(table)
    if there.get(name) == list(columns):
        return
    if name not in there:  # Earlier versions of this program dropped it first.
        op.create_index(name, table, list(columns))
    elif op.get_bind().dialect.name == "sqlite":
        op.drop_index(name, table)
        op.create_index(name, table, list(columns))
    else:
        op.execute(f"ALTER TABLE {table} DROP INDEX {name}, ADD INDEX {name} ({', '.join(columns)})")


def require_programs_from(revision: str) -> None:
    """Refuse programs whose newest migration is older than ``revision`` from now on.

    Only for a migration that they cannot work with: all others leave running and restarted programs in use.
    """
    rows = sa.table("compatibility", sa.column("oldest_revision"))
    op.get_bind().execute(sa.update(rows).values(oldest_revision=revision))


def _indexes(table: str) -> dict[str | None, list[str | None]]:
    """Return the columns of each index, by its name."""
    return {found["name"]: found["column_names"] for found in sa.inspect(op.get_bind()).get_indexes(table)}
