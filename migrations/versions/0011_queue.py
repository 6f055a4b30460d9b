"""The queue skips the copies of a text."""

import sqlalchemy as sa
from alembic import op

revision = "0011_queue"
down_revision = "0010"

NAME = "predictions_to_review"
COLUMNS = ["model_number", "reviewed", "distance", "folded_digest", "comment_number"]


def upgrade() -> None:
    """Store equally uncertain comments with the same text next to each other in the queue's index.

    An interrupted upgrade can be repeated. A server replaces the index in one statement, while comments are stored and
    reviewed: running programs name the index in queries and would fail without it.
    """
    found = {index["name"]: index["column_names"] for index in sa.inspect(op.get_bind()).get_indexes("predictions")}
    if found.get(NAME) == COLUMNS:
        return
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index(NAME, "predictions")
        op.create_index(NAME, "predictions", COLUMNS)
        return
    drop = f"DROP INDEX {NAME}, " if NAME in found else ""
    op.execute(f"ALTER TABLE predictions {drop}ADD INDEX {NAME} ({', '.join(COLUMNS)})")
