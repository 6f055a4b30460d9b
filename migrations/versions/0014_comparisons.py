"""Comparisons of two models are rows that any process can continue, and models know what they were trained on."""

import sqlalchemy as sa

from migrations.repeatable import add_column, create_table
from store.types import ExactString, RowNumber, UtcDateTime

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the tables and the column that are missing. An interrupted upgrade can be repeated."""
    add_column("models", sa.Column("trained_on", ExactString(16)))
    create_table(
        "comparisons",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("old_model_number", sa.BigInteger, nullable=False),
        sa.Column("new_model_number", sa.BigInteger, nullable=False),
        sa.Column("platform", ExactString(32)),
        sa.Column("created_from", UtcDateTime),
        sa.Column("created_to", UtcDateTime),
        sa.Column("ordered_by", ExactString(128), nullable=False),
        sa.Column("ordered_at", UtcDateTime, nullable=False),
        sa.Column("state", ExactString(16), nullable=False),
        sa.Column("claimed_by", sa.BigInteger),
        sa.Column("claimed_until", UtcDateTime),
        sa.Column("last_comment", sa.BigInteger, nullable=False),
        sa.Column("done_up_to", sa.BigInteger, nullable=False),
        sa.Column("tally", ExactString()),
        sa.Column("result", ExactString()),
        sa.Column("failure", ExactString(1000)),
        sa.Column("finished_at", UtcDateTime),
        sa.Index("comparisons_by_state", "state", "number"),
    )
    create_table(
        "comparison_examples",
        sa.Column(
            "comparison_number",
            RowNumber,
            sa.ForeignKey("comparisons.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column(
            "comment_number",
            RowNumber,
            sa.ForeignKey("comments.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("comment_version", sa.BigInteger, nullable=False),
        sa.Column("old_probability", sa.Double, nullable=False),
        sa.Column("new_probability", sa.Double, nullable=False),
        sa.Column("old_words", ExactString()),
        sa.Column("new_words", ExactString()),
        sa.Index("comparison_examples_by_comment", "comment_number"),
    )
