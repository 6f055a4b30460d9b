"""Artifacts are stored in the database, and one row names the active model."""

import sqlalchemy as sa
from alembic import op

from store.types import Bytes, ExactString, RowNumber, UtcDateTime

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the tables and columns that are missing. An interrupted upgrade can be repeated."""
    for column in (sa.Column("predecessor", sa.BigInteger), sa.Column("retired_at", UtcDateTime)):
        if column.name not in {found["name"] for found in sa.inspect(op.get_bind()).get_columns("models")}:
            op.add_column("models", column)
    _create(
        "active_model",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("model_number", sa.BigInteger, nullable=False),
        sa.Column("activated_at", UtcDateTime, nullable=False),
        sa.Column("activated_by", ExactString(128), nullable=False),
    )
    _create(
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
    _create(
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
    _create(
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


def _create(table: str, *parts: sa.schema.SchemaItem) -> None:
    if not sa.inspect(op.get_bind()).has_table(table):
        op.create_table(table, *parts)
