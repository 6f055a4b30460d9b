"""Blind decisions of the audit, disputed comments, how reviewers agree, and how long texts were shown."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import add_column, create_empty_table, create_index, replace_index
from store.opinions import Decision, by_text, pairs, pattern, weigh
from store.types import ExactString, RowNumber, UtcDateTime

revision = "0009"
down_revision = "0008"

COMMENTS_AT_ONCE = 1_000
LABELS = ("positive", "negative", "unclear", "spam")
PAIR_KEY = ("first_reviewer", "second_reviewer", "first_label", "second_label")

comments = sa.table("comments", sa.column("number"), sa.column("review_number"))
reviews = sa.table(
    "reviews", *map(sa.column, ("number", "comment_number", "label", "reviewer_number", "replaces", "withdraws"))
)
disputes = sa.table("disputes", sa.column("comment_number"), sa.column("review_number"))
agreement_pairs = sa.table("agreement_pairs", *map(sa.column, (*PAIR_KEY, "n")))
agreement_patterns = sa.table("agreement_patterns", *map(sa.column, (*LABELS, "n")))


def upgrade() -> None:
    """Add the tables and columns, and count disputes and agreement of the stored reviews.

    The audit starts again, because no earlier decision was blind. An interrupted upgrade can be repeated: a server
    commits each table and column separately, and the revision last.
    """
    _add_tables()
    _add_columns()
    _fill()


def _add_tables() -> None:
    comment = sa.ForeignKey("comments.number", ondelete="CASCADE")
    create_empty_table(
        "blind_decisions",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("comment_number", RowNumber, comment, nullable=False, index=True),
        sa.Column("comment_version", sa.BigInteger, nullable=False),
        sa.Column("text_digest", ExactString(16), nullable=False),
        sa.Column("label", ExactString(8), nullable=False),
        sa.Column("review_number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("reviewer", ExactString(128), nullable=False),
        sa.Column("reviewer_number", sa.BigInteger),
        sa.Column("decided_at", UtcDateTime, nullable=False),
        sa.Column("shown_milliseconds", sa.BigInteger),
        sa.Column("too_fast", sa.Boolean, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
    )
    create_empty_table(
        "disputes",
        sa.Column(
            "comment_number",
            RowNumber,
            sa.ForeignKey("comments.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("review_number", sa.BigInteger, nullable=False),
    )
    create_index("disputes_by_review", "disputes", ["review_number", "comment_number"])
    create_empty_table(
        "agreement_pairs",
        *(sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False) for name in PAIR_KEY[:2]),
        *(sa.Column(name, ExactString(8), primary_key=True) for name in PAIR_KEY[2:]),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    create_empty_table(
        "agreement_patterns",
        *(sa.Column(name, sa.Integer, primary_key=True, autoincrement=False) for name in LABELS),
        sa.Column("n", sa.BigInteger, nullable=False),
    )


def _add_columns() -> None:
    add_column("comments", sa.Column("blind_label", ExactString(8)))
    # Put the blind label first in the index of the audit queue.
    replace_index("comments_to_audit", "comments", ["blind_label", "audit_rank", "number"])
    add_column("reviews", sa.Column("shown_milliseconds", sa.BigInteger))
    add_column("reviews", sa.Column("too_fast", sa.Boolean, nullable=False, server_default=sa.text("0")))
    add_column("group_decisions", sa.Column("too_fast", sa.Boolean, nullable=False, server_default=sa.text("0")))
    add_column("review_claims", sa.Column("given_at", UtcDateTime))
    add_column("review_claims", sa.Column("blind", sa.Boolean, nullable=False, server_default=sa.text("0")))


def _fill() -> None:
    """Fill the agreement counts and disputes from the comments with several reviews."""
    connection = op.get_bind()
    paired: Counter[tuple[int, int, str, str]] = Counter()
    patterns: Counter[tuple[int, ...]] = Counter()
    for standing, decisions in _reviewed_again(connection):
        for one_text in by_text(decisions):
            weighed = weigh(one_text)
            paired.update(pairs(weighed))
            patterns.update(pattern(weighed, LABELS))
            if weighed.disputed and one_text[-1].number == standing[1]:
                connection.execute(sa.insert(disputes).values(comment_number=standing[0], review_number=standing[1]))
    for key, n in paired.items():
        connection.execute(sa.insert(agreement_pairs).values(dict(zip(PAIR_KEY, key, strict=True)) | {"n": n}))
    for counts, n in patterns.items():
        connection.execute(sa.insert(agreement_patterns).values(dict(zip(LABELS, counts, strict=True)) | {"n": n}))


def _reviewed_again(connection: sa.Connection) -> Iterator[tuple[tuple[int, int | None], list[Decision]]]:
    """Yield ((comment number, current review), decisions) of each comment with more than one row in ``reviews``."""
    of, behind = reviews.c, 0
    while True:
        several = sa.select(of.comment_number).where(of.comment_number > behind).group_by(of.comment_number)
        several = several.having(sa.func.count() > 1).order_by(of.comment_number).limit(COMMENTS_AT_ONCE)
        numbers = connection.execute(several).scalars().all()
        if numbers:
            for key, rows in groupby(_rows(connection, numbers), lambda row: (row[0], row[1])):
                yield key, [Decision(*row[2:]) for row in rows]
        if len(numbers) < COMMENTS_AT_ONCE:
            return
        behind = numbers[-1]


def _rows(connection: sa.Connection, numbers: Sequence[int]) -> Sequence[Any]:
    of = reviews.c
    query = (
        sa.select(
            of.comment_number,
            comments.c.review_number,
            *(of.number, of.label, of.reviewer_number, of.replaces, of.withdraws),
        )
        .join_from(reviews, comments, comments.c.number == of.comment_number)
        .where(of.comment_number.in_(numbers))
        .order_by(of.comment_number, of.number)
    )
    return connection.execute(query).all()
