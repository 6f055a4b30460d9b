"""Requests to erase what an author wrote."""

import sqlalchemy as sa

from migrations.repeatable import create_table
from store.types import ExactString, RowNumber, UtcDateTime

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the table. An interrupted upgrade can be repeated."""
    create_table(
        "author_erasures",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("platform", ExactString(32), nullable=False),
        sa.Column("author", ExactString(128)),
        sa.Column("author_digest", ExactString(64), nullable=False),
        sa.Column("ordered_by", ExactString(128), nullable=False),
        sa.Column("ordered_at", UtcDateTime, nullable=False),
        sa.Column("state", ExactString(16), nullable=False),
        sa.Column("claimed_by", sa.BigInteger),
        sa.Column("claimed_until", UtcDateTime),
        sa.Column("end_offsets", ExactString()),
        sa.Column("last_comment", sa.BigInteger),
        sa.Column("comments", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("dead_letters", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("finished_at", UtcDateTime),
        sa.Index("author_erasures_by_state", "state", "number"),
    )
