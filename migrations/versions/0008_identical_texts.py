"""Identical texts are found by a digest and decided together."""

import json
from collections.abc import Callable
from typing import cast

import sqlalchemy as sa
from alembic import context, op

from migrations.repeatable import add_column, create_index, create_table, replace_index
from store.folding import folded_digest
from store.types import ExactString, RowNumber, UtcDateTime

revision = "0008"
down_revision = "0007"

AT_ONCE = 1_000
REPORTED = 50_000
COMMENTS = sa.table(
    "comments",
    sa.column("number", sa.BigInteger),
    sa.column("text", ExactString()),
    sa.column("version", sa.BigInteger),
    sa.column("folded_digest", sa.BigInteger),
)
# A comment edited meanwhile has another version; the edit stored its digest.
FILL = """UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (number BIGINT PATH '$[0]', version BIGINT PATH '$[1]',
    digest BIGINT PATH '$[2]')) AS new STRAIGHT_JOIN comments ON comments.number = new.number
    AND comments.version = new.version AND comments.folded_digest IS NULL SET comments.folded_digest = new.digest"""
FILL_PREDICTIONS = """UPDATE predictions SET folded_digest =
    (SELECT comments.folded_digest FROM comments WHERE comments.number = comment_number)
    WHERE comment_number > :behind AND comment_number <= :up_to AND folded_digest IS NULL"""
FILL_SQLITE = """UPDATE comments SET folded_digest = json_extract(value, '$[2]') FROM json_each(:rows)
    WHERE number = json_extract(value, '$[0]')"""


def upgrade() -> None:
    """Add columns, fill the digest of every comment and prediction in bounded steps, then index them.

    A server commits each part separately, so an interrupted upgrade resumes where it stopped.
    """
    for table in ("comments", "predictions", "review_claims", "review_skips"):
        add_column(table, sa.Column("folded_digest", sa.BigInteger))
    if op.get_bind().dialect.name == "sqlite":
        _fill(op.get_bind())
    else:
        with op.get_context().autocommit_block():
            _fill(op.get_bind())
    create_index("comments_by_text", "comments", ["folded_digest", "review_label", "audit_rank", "number"])
    # Add the digest to the index of the review queue.
    columns = ["model_number", "reviewed", "distance", "comment_number", "folded_digest"]
    replace_index("predictions_to_review", "predictions", columns)
    add_column("reviews", sa.Column("group_number", sa.BigInteger))
    create_index("reviews_by_group", "reviews", ["group_number", "number"])
    create_index("review_claims_by_text", "review_claims", ["folded_digest"], unique=True)
    create_index("review_claims_by_time", "review_claims", ["claimed_until"])
    create_index("review_skips_by_reviewer", "review_skips", ["reviewer_number", "until"])
    _group_decisions()


def _fill(connection: sa.Connection) -> None:
    """Store the digest of every comment without one; on a server each step is a separate transaction."""
    report = cast(Callable[[str], None], context.config.attributes["report"])
    of = COMMENTS.c
    behind = done = 0
    while True:
        missing = sa.select(of.number, of.version, of.text).where(of.number > behind, of.folded_digest.is_(None))
        rows = connection.execute(missing.order_by(of.number).limit(AT_ONCE)).all()
        if not rows:
            return
        digests = [[row.number, row.version, folded_digest(row.text)] for row in rows]
        statement = FILL_SQLITE if connection.dialect.name == "sqlite" else FILL
        connection.execute(sa.text(statement), {"rows": json.dumps(digests)})
        places = {"behind": behind, "up_to": rows[-1].number}
        connection.execute(sa.text(FILL_PREDICTIONS), places)
        behind, done = rows[-1].number, done + len(rows)
        if done % REPORTED == 0:
            report(f"{revision}: digests of {done:,} comments are stored")


def _group_decisions() -> None:
    create_table(
        "group_decisions",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("folded_digest", sa.BigInteger, nullable=False),
        sa.Column("folded_sha256", ExactString(64), nullable=False),
        sa.Column("review_number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("label", ExactString(8), nullable=False),
        sa.Column("reason", ExactString(1000)),
        sa.Column("reviewer", ExactString(128), nullable=False),
        sa.Column("reviewer_number", sa.BigInteger),
        sa.Column("decided_at", UtcDateTime, nullable=False),
        sa.Column("state", ExactString(16), nullable=False),
        sa.Column("occurrences", sa.BigInteger, nullable=False),
        sa.Column("more_occurrences", sa.Boolean, nullable=False),
        sa.Column("last_comment", sa.BigInteger, nullable=False),
        sa.Column("done_up_to", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("stored", "skipped", "withdrawn")),
        sa.Column("copies_wait_until", UtcDateTime),
    )
    create_index("group_decisions_by_text", "group_decisions", ["folded_digest", "copies_wait_until"])
    create_index("group_decisions_by_state", "group_decisions", ["state", "number"])
