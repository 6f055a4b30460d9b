"""The queue skips the copies of a text, and a decision for a text can follow an earlier one."""

import sqlalchemy as sa

from migrations.repeatable import add_column, replace_index

revision = "0016"
down_revision = "0015"

NAME = "predictions_to_review"
COLUMNS = ["model_number", "reviewed", "distance", "folded_digest", "comment_number"]


def upgrade() -> None:
    """Store equally uncertain comments with the same text next to each other in the queue's index."""
    replace_index(NAME, "predictions", COLUMNS)
    add_column("group_decisions", sa.Column("follows", sa.BigInteger))
