"""Artifacts are stored in the database, and one row names the active model."""

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import add_column, create_table
from store.types import Bytes, ExactString, RowNumber, UtcDateTime

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the tables and columns that are missing. An interrupted upgrade can be repeated."""
    add_column("models", sa.Column("predecessor", sa.BigInteger))
    add_column("models", sa.Column("retired_at", UtcDateTime))
    create_table(
        "active_model",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("model_number", sa.BigInteger, nullable=False),
        sa.Column("activated_at", UtcDateTime, nullable=False),
        sa.Column("activated_by", ExactString(128), nullable=False),
    )
    create_table(
        "model_files",
        sa.Column(
            "model_number",
            RowNumber,
            sa.ForeignKey("models.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("name", ExactString(128), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", Bytes, nullable=False),
    )
    create_table(
        "missing_predictions",
        sa.Column(
            "comment_number",
            RowNumber,
            sa.ForeignKey("comments.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.Column("claimed_until", UtcDateTime),
        sa.Index("missing_predictions_by_time", "added_at"),
    )
    create_table(
        "missing_scans",
        sa.Column("model_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("changed_from", UtcDateTime, nullable=False),
        sa.Column("done_up_to", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO active_model (id, model_number, activated_at, activated_by) "
        "SELECT 1, number, registered_at, 'migration' FROM models WHERE active IS TRUE "
        "AND NOT EXISTS (SELECT 1 FROM active_model)"
    )
