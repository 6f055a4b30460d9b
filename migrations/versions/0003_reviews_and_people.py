"""Add review queue, accounts and audit log."""

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import add_column, create_index, create_table
from store.types import Digest, ExactString, RowNumber, UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns and tables for reviews, and the tables for accounts."""
    _comments()
    _reviews()
    _counts()
    _queue()
    _people()
    _doings()


def _on_comment() -> sa.ForeignKey:
    return sa.ForeignKey("comments.number", ondelete="CASCADE")


def _on_user() -> sa.ForeignKey:
    return sa.ForeignKey("users.number", ondelete="CASCADE")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("0"))


def _comments() -> None:
    """Leave existing comments outside the audit sample, because the key that selects it is not available here."""
    add_column("comments", sa.Column("review_label", ExactString(8)))
    add_column("comments", sa.Column("audit_rank", sa.BigInteger))
    create_index("comments_by_author", "comments", ["author", "created_at", "number"])
    create_index("comments_by_thread", "comments", ["thread", "created_at", "number"])
    create_index("comments_by_review", "comments", ["review_label", "created_at", "number"])
    create_index("comments_to_audit", "comments", ["review_label", "audit_rank", "number"])
    add_column("predictions", _flag("reviewed"))
    add_column("predictions", sa.Column("distance", sa.Double, nullable=False, server_default=sa.text("0")))
    op.execute("UPDATE predictions SET distance = abs(probability - 0.5)")
    create_index("predictions_to_review", "predictions", ["model_number", "reviewed", "distance", "comment_number"])


def _reviews() -> None:
    for column in (
        sa.Column("reviewer_number", sa.BigInteger),
        sa.Column("from_label", ExactString(8)),
        sa.Column("from_source", ExactString(16)),
        sa.Column("from_model_number", sa.BigInteger),
        sa.Column("from_model_label", ExactString(8)),
        sa.Column("from_probability", sa.Double),
        sa.Column("replaces", sa.BigInteger),
        sa.Column("withdraws", sa.BigInteger),
    ):
        add_column("reviews", column)


def _counts() -> None:
    create_table(
        "reviewer_counts",
        sa.Column("bucket", ExactString(5), primary_key=True),
        sa.Column("begins", UtcDateTime, primary_key=True),
        sa.Column("reviewer_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("platform", ExactString(32), primary_key=True),
        sa.Column("label", ExactString(8), primary_key=True),
        sa.Column("reviewed_label", ExactString(8), primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
    )


def _queue() -> None:
    create_table(
        "review_claims",
        sa.Column("comment_number", RowNumber, _on_comment(), primary_key=True, autoincrement=False),
        sa.Column("reviewer_number", sa.BigInteger, nullable=False),
        sa.Column("claimed_until", UtcDateTime, nullable=False),
    )
    create_index("review_claims_by_reviewer", "review_claims", ["reviewer_number", "claimed_until"])
    create_table(
        "review_skips",
        sa.Column("comment_number", RowNumber, _on_comment(), primary_key=True, autoincrement=False),
        sa.Column("reviewer_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("until", UtcDateTime, nullable=False),
    )


def _people() -> None:
    create_table(
        "users",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("name", ExactString(64), nullable=False),
        sa.Column("name_folded", ExactString(255), nullable=False, unique=True),
        sa.Column("password_hash", ExactString(255), nullable=False),
        sa.Column("role", ExactString(16), nullable=False),
        sa.Column("state", ExactString(16), nullable=False),
        sa.Column("phone_encrypted", ExactString(1000)),
        sa.Column("email_encrypted", ExactString(1000)),
        sa.Column("language", ExactString(8)),
        _flag("must_change_password"),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("last_sign_in_at", UtcDateTime),
        sa.Column("password_changed_at", UtcDateTime, nullable=False),
    )
    create_table(
        "sessions",
        sa.Column("digest", Digest, primary_key=True),
        sa.Column("user_number", RowNumber, _on_user(), nullable=False, index=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
        sa.Column("address", ExactString(64)),
        sa.Column("user_agent", ExactString(256)),
    )
    create_table(
        "api_tokens",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("digest", Digest, nullable=False, unique=True),
        sa.Column("user_number", RowNumber, _on_user(), nullable=False, index=True),
        sa.Column("name", ExactString(64), nullable=False),
        sa.Column("role", ExactString(16), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("used_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
    )
    create_table(
        "attempts",
        sa.Column("digest", Digest, primary_key=True),
        sa.Column("window_start", UtcDateTime, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
    )


def _doings() -> None:
    create_table(
        "notices",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("title", ExactString(200), nullable=False),
        sa.Column("body", ExactString(), nullable=False),
        _flag("pinned"),
        sa.Column("starts_at", UtcDateTime, nullable=False),
        sa.Column("ends_at", UtcDateTime),
        sa.Column("withdrawn_at", UtcDateTime),
        sa.Column("created_by", ExactString(128), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("edited_by", ExactString(128)),
        sa.Column("edited_at", UtcDateTime),
    )
    create_table(
        "audit_log",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("user_number", sa.BigInteger),
        sa.Column("user_name", ExactString(128), nullable=False),
        sa.Column("via", ExactString(16), nullable=False),
        sa.Column("address", ExactString(64)),
        sa.Column("action", ExactString(64), nullable=False),
        sa.Column("object_kind", ExactString(32), nullable=False),
        sa.Column("object_id", ExactString(200), nullable=False),
        sa.Column("detail", ExactString(), nullable=False),
    )
    create_index("audit_log_by_time", "audit_log", ["at", "number"])
    create_index("audit_log_by_user", "audit_log", ["user_number", "at"])
    create_index("audit_log_by_object", "audit_log", ["object_kind", "object_id", "at"])
