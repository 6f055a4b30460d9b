"""Add states of dead letters, and the outbox."""

import sqlalchemy as sa

from migrations.repeatable import add_column, create_index, create_table
from store.types import Bytes, ExactString, RowNumber, UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the state of dead letters and the outbox."""
    add_column("dead_letters", sa.Column("state", ExactString(16), nullable=False, server_default="open"))
    add_column("dead_letters", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    add_column("dead_letters", sa.Column("latest_partition", sa.Integer))
    add_column("dead_letters", sa.Column("latest_offset", sa.BigInteger))
    add_column("dead_letters", sa.Column("settled_by", ExactString(128)))
    add_column("dead_letters", sa.Column("settled_at", UtcDateTime))
    create_index("dead_letters_by_state", "dead_letters", ["state", "number"])
    create_table(
        "outbox",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("topic", ExactString(249), nullable=False),
        sa.Column("key", Bytes),
        sa.Column("value", Bytes),
        sa.Column("headers", ExactString(), nullable=False),
        sa.Column(
            "dead_letter_number", RowNumber, sa.ForeignKey("dead_letters.number", ondelete="CASCADE"), index=True
        ),
        sa.Column("ordered_by", ExactString(128), nullable=False),
        sa.Column("ordered_at", UtcDateTime, nullable=False),
        sa.Column("claimed_by", sa.BigInteger),
        sa.Column("claimed_until", UtcDateTime),
        sa.Column("done_at", UtcDateTime),
        sa.Column("published_partition", sa.Integer),
        sa.Column("published_offset", sa.BigInteger),
        sa.Column("refused", ExactString(1000)),
    )
    create_index("outbox_to_do", "outbox", ["done_at", "number"])
