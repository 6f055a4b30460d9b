"""Define the tables for group decisions, the random audit, disputes and agreement; `reviews` is in tables.py."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, text

from store.tables import WRITTEN_AT, metadata, on_comment
from store.types import ExactString, RowNumber, UtcDateTime

__all__ = ["agreement_pairs", "agreement_patterns", "blind_decisions", "disputes", "group_decisions", "metadata"]

# Decisions on all comments with the same text. The first review is stored with the decision, the others in steps.
group_decisions = Table(
    "group_decisions",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("folded_digest", BigInteger, nullable=False),
    Column("folded_sha256", ExactString(64), nullable=False),
    # The first review. It identifies the decision even after the erasure of its comment.
    Column("review_number", BigInteger, nullable=False, unique=True),
    Column("label", ExactString(8), nullable=False),
    # The first review's value; copies get the same.
    Column("too_fast", Boolean, nullable=False, server_default=text("0")),
    # NULL once every review is stored.
    Column("reason", ExactString(1000)),
    Column("reviewer", ExactString(128), nullable=False),
    Column("reviewer_number", BigInteger),
    Column("decided_at", UtcDateTime, nullable=False),
    # storing, stored, withdrawing or withdrawn
    Column("state", ExactString(16), nullable=False),
    # The decision whose copies this one replaces.
    Column("follows", BigInteger),
    # How many comments shared the text, including the first one, counted up to a limit.
    Column("occurrences", BigInteger, nullable=False),
    Column("more_occurrences", Boolean, nullable=False),
    # The decision applies to comments up to this number; later copies are not labelled.
    Column("last_comment", BigInteger, nullable=False),
    # Progress in the current state: a comment's number while storing, a review's number while withdrawing.
    Column("done_up_to", BigInteger, nullable=False),
    # Copies of the first review: stored, withdrawn, or skipped because their comments had been edited, erased or
    # reviewed separately.
    Column("stored", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("withdrawn", BigInteger, nullable=False),
    # Comments with this text are not offered for review before this time; NULL once the decision is withdrawn.
    Column("copies_wait_until", UtcDateTime),
    Index("group_decisions_by_text", "folded_digest", "copies_wait_until"),
    Index("group_decisions_by_state", "state", "number"),
)

# Decisions of the random audit, made without seeing predictions. A later review does not replace them; they are
# withdrawn only with the review that they also count as. Decisions that were too fast do not count.
blind_decisions = Table(
    "blind_decisions",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("comment_number", RowNumber, on_comment(), nullable=False, index=True),
    Column("comment_version", BigInteger, nullable=False),
    # comments.text_digest of the text that was seen
    Column("text_digest", ExactString(16), nullable=False),
    Column("label", ExactString(8), nullable=False),
    # The review that the decision also counts as.
    Column("review_number", BigInteger, nullable=False, unique=True),
    Column("reviewer", ExactString(128), nullable=False),
    Column("reviewer_number", BigInteger),
    Column("decided_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    Column("shown_milliseconds", BigInteger),
    Column("too_fast", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
)

# Disputed comments. A row is valid while its review is the comment's current one: an edit ends the dispute without
# changing this table, and the next review of the comment deletes the row.
disputes = Table(
    "disputes",
    metadata,
    Column("comment_number", RowNumber, on_comment(), primary_key=True, autoincrement=False),
    Column("review_number", BigInteger, nullable=False),
    Index("disputes_by_review", "review_number", "comment_number"),
)

# How often two reviewers independently gave a pair of labels to the same text. 0 is a reviewer without an account.
agreement_pairs = Table(
    "agreement_pairs",
    metadata,
    Column("first_reviewer", BigInteger, primary_key=True, autoincrement=False),
    Column("second_reviewer", BigInteger, primary_key=True, autoincrement=False),
    Column("first_label", ExactString(8), primary_key=True),
    Column("second_label", ExactString(8), primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# How many texts have these numbers of independent opinions by label. Only texts with two or more opinions count.
agreement_patterns = Table(
    "agreement_patterns",
    metadata,
    Column("positive", Integer, primary_key=True, autoincrement=False),
    Column("negative", Integer, primary_key=True, autoincrement=False),
    Column("unclear", Integer, primary_key=True, autoincrement=False),
    Column("spam", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
)
