"""Replays and shadows share their work and their progress through rows."""

import sqlalchemy as sa

from migrations.repeatable import create_table
from store.types import ExactString, RowNumber, UtcDateTime

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the tables that are missing. An interrupted upgrade can be repeated."""
    create_table(
        "relabel_runs",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("kind", ExactString(8), nullable=False),
        sa.Column("model_number", sa.BigInteger, nullable=False),
        sa.Column("compared_with", sa.BigInteger),
        sa.Column("range", ExactString(), nullable=False),
        sa.Column("rate", sa.Double),
        sa.Column("current_pass", ExactString(5), nullable=False),
        sa.Column("state", ExactString(16), nullable=False),
        sa.Column("slot", ExactString(32), unique=True),
        sa.Column("started_by", ExactString(128), nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("flipped", sa.BigInteger, nullable=False),
        sa.Column("expired", sa.BigInteger, nullable=False),
        sa.Index("relabel_runs_by_model", "model_number", "kind", "number"),
    )
    create_table(
        "relabel_parts",
        sa.Column("run_number", RowNumber, _on_run(), primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("topic", ExactString(249)),
        sa.Column("partition", sa.Integer),
        sa.Column("topic_id", ExactString(64)),
        sa.Column("first_position", sa.BigInteger, nullable=False),
        sa.Column("next_position", sa.BigInteger, nullable=False),
        sa.Column("end_position", sa.BigInteger),
        sa.Column("member", sa.BigInteger),
    )
    create_table(
        "relabel_members",
        sa.Column("run_number", RowNumber, _on_run(), primary_key=True, autoincrement=False),
        sa.Column("member", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seen_until", UtcDateTime, nullable=False),
    )


def _on_run() -> sa.ForeignKey:
    return sa.ForeignKey("relabel_runs.number", ondelete="CASCADE")
