"""The tables of decisions for a text, of the random audit, and of disputes and agreement; `reviews` is in tables.py."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, text

from store.tables import WRITTEN_AT, metadata, on_comment
from store.types import ExactString, RowNumber, UtcDateTime

__all__ = ["agreement_pairs", "agreement_patterns", "blind_decisions", "disputes", "group_decisions", "metadata"]

# Decisions for all comments with the same text. The first review is stored with the decision, the others in steps.
group_decisions = Table(
    "group_decisions",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("folded_digest", BigInteger, nullable=False),
    Column("folded_sha256", ExactString(64), nullable=False),
    # The first review; it names the decision even after its comment was erased.
    Column("review_number", BigInteger, nullable=False, unique=True),
    Column("label", ExactString(8), nullable=False),
    # That of the first review; its copies get the same mark.
    Column("too_fast", Boolean, nullable=False, server_default=text("0")),
    # NULL once every review is stored.
    Column("reason", ExactString(1000)),
    Column("reviewer", ExactString(128), nullable=False),
    Column("reviewer_number", BigInteger),
    Column("decided_at", UtcDateTime, nullable=False),
    # storing, stored, withdrawing or withdrawn
    Column("state", ExactString(16), nullable=False),
    # How many comments shared the text, the first one included, counted up to a limit.
    Column("occurrences", BigInteger, nullable=False),
    Column("more_occurrences", Boolean, nullable=False),
    # The decision applies to comments up to this number; later copies are not labelled.
    Column("last_comment", BigInteger, nullable=False),
    # How far the current state has come: a comment's number while storing, a review's while withdrawing.
    Column("done_up_to", BigInteger, nullable=False),
    # Reviews beside the first one: stored, left out because something happened to their comments, and withdrawn.
    Column("stored", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("withdrawn", BigInteger, nullable=False),
    # Comments with this text are not offered for review before this time; NULL once the decision is withdrawn.
    Column("copies_wait_until", UtcDateTime),
    Index("group_decisions_by_text", "folded_digest", "copies_wait_until"),
    Index("group_decisions_by_state", "state", "number"),
)

# Decisions of the random audit, made without seeing what a model says. A later review does not replace them; they are
# withdrawn only with the review that they count as. Those that were too fast do not count.
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

# Comments on which reviewers differ. A row is valid while its review is the comment's current one: an edit ends the
# dispute without touching this table, and the next review of the comment removes the row.
disputes = Table(
    "disputes",
    metadata,
    Column("comment_number", RowNumber, on_comment(), primary_key=True, autoincrement=False),
    Column("review_number", BigInteger, nullable=False),
    Index("disputes_by_review", "review_number", "comment_number"),
)

# How often two reviewers gave which labels to the same text, independently. 0 is a reviewer without an account.
agreement_pairs = Table(
    "agreement_pairs",
    metadata,
    Column("first_reviewer", BigInteger, primary_key=True, autoincrement=False),
    Column("second_reviewer", BigInteger, primary_key=True, autoincrement=False),
    Column("first_label", ExactString(8), primary_key=True),
    Column("second_label", ExactString(8), primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# How many texts have so many independent opinions of each label, where there are two or more.
agreement_patterns = Table(
    "agreement_patterns",
    metadata,
    Column("positive", Integer, primary_key=True, autoincrement=False),
    Column("negative", Integer, primary_key=True, autoincrement=False),
    Column("unclear", Integer, primary_key=True, autoincrement=False),
    Column("spam", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
)
