"""Add pending reviews."""

import sqlalchemy as sa

from migrations.repeatable import create_index, create_table
from store.types import ExactString, RowNumber, UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table of pending reviews."""
    create_table(
        "pending_reviews",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("platform", ExactString(32), nullable=False),
        sa.Column("id", ExactString(128), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("label", ExactString(8), nullable=False),
        sa.Column("reviewer_number", sa.BigInteger, nullable=False),
        sa.Column("reviewer", ExactString(128), nullable=False),
        sa.Column("via", ExactString(16), nullable=False),
        sa.Column("address", ExactString(64)),
        sa.Column("order_number", sa.BigInteger, nullable=False),
        sa.Column("ordered_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
        sa.UniqueConstraint("platform", "id", name="pending_reviews_comment"),
    )
    create_index("pending_reviews_by_reviewer", "pending_reviews", ["reviewer_number"])
