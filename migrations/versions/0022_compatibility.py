"""The oldest version of the program that works with the tables, so that it keeps running during an upgrade."""

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import create_table
from store.types import ExactString

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the table with its row. An interrupted upgrade can be repeated."""
    create_table(
        "compatibility",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("oldest_revision", ExactString(32), nullable=False),
    )
    rows = sa.table("compatibility", sa.column("id"), sa.column("oldest_revision"))
    if op.get_bind().execute(sa.select(rows.c.id)).first() is None:
        op.get_bind().execute(sa.insert(rows).values(id=1, oldest_revision=revision))
