"""Create the first tables."""

import sqlalchemy as sa

from migrations.repeatable import create_index, create_table
from store.types import Bytes, Digest, ExactString, RowNumber, UtcDateTime

revision = "0001"
down_revision = None


def on_comment() -> sa.ForeignKey:
    """Return a foreign key to a comment that deletes the row with it."""
    return sa.ForeignKey("comments.number", ondelete="CASCADE")


def upgrade() -> None:
    """Create every table."""
    create_table(
        "comments",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("platform", ExactString(32), nullable=False),
        sa.Column("id", ExactString(128), nullable=False),
        sa.Column("text", ExactString(), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("edited_at", UtcDateTime),
        sa.Column("author", ExactString(128)),
        sa.Column("thread", ExactString(256)),
        sa.Column("stored_at", UtcDateTime, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("review_number", sa.BigInteger),
        sa.Column("claimed_by", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("platform", "id", name="comments_identity"),
    )
    create_index("comments_by_time", "comments", ["created_at", "number"])
    create_index("comments_by_platform_and_time", "comments", ["platform", "created_at", "number"])
    create_table(
        "comment_versions",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column(
            "comment_number",
            RowNumber,
            on_comment(),
            nullable=False,
            index=True,
        ),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("text", ExactString(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("edited_at", UtcDateTime),
        sa.Column("replaced_at", UtcDateTime, nullable=False),
    )
    create_table(
        "models",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("sha256", ExactString(64), nullable=False, unique=True),
        sa.Column("name", ExactString(128), nullable=False),
        sa.Column("uncertain_low", sa.Double, nullable=False),
        sa.Column("uncertain_high", sa.Double, nullable=False),
        sa.Column("registered_at", UtcDateTime, nullable=False),
        sa.Column("active", sa.Boolean, unique=True),
    )
    create_table(
        "predictions",
        sa.Column(
            "comment_number",
            RowNumber,
            on_comment(),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("model_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("label", ExactString(8), nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("uncertain", sa.Boolean, nullable=False),
        sa.Column("predicted_at", UtcDateTime, nullable=False),
    )
    create_table(
        "reviews",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column(
            "comment_number",
            RowNumber,
            on_comment(),
            nullable=False,
            index=True,
        ),
        sa.Column("comment_version", sa.BigInteger, nullable=False),
        sa.Column("text", ExactString(), nullable=False),
        sa.Column("label", ExactString(8), nullable=False),
        sa.Column("reviewer", ExactString(128), nullable=False),
        sa.Column("reason", ExactString(1000)),
        sa.Column("reviewed_at", UtcDateTime, nullable=False),
    )
    create_table(
        "dead_letters",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("consumer_group", ExactString(128), nullable=False),
        sa.Column("topic", ExactString(249), nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("key", Bytes),
        sa.Column("key_digest", Digest, index=True),
        sa.Column("value", Bytes),
        sa.Column("value_bytes", sa.BigInteger),
        sa.Column("headers", ExactString(), nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("record_timestamp", sa.BigInteger, nullable=False),
        sa.Column("reason", ExactString(64), nullable=False),
        sa.Column("detail", ExactString(1000), nullable=False),
        sa.Column("stored_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("consumer_group", "topic", "partition", "offset", name="dead_letters_record"),
    )
    create_table(
        "hourly_counts",
        sa.Column("model_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("platform", ExactString(32), primary_key=True),
        sa.Column("hour", UtcDateTime, primary_key=True),
        sa.Column("label", ExactString(8), primary_key=True),
        sa.Column("uncertain", sa.Boolean, primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    create_table(
        "partitions",
        sa.Column("consumer_group", ExactString(128), primary_key=True),
        sa.Column("topic", ExactString(249), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("topic_id", ExactString(64)),
        sa.Column("records_lost", sa.BigInteger, nullable=False),
        sa.Column("paused_reason", ExactString(1000)),
        sa.Column("paused_at", UtcDateTime),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    )
    create_table(
        "erasures",
        sa.Column("digest", Digest, primary_key=True),
        sa.Column("erased_up_to", sa.BigInteger, nullable=False),
        sa.Column("erased_at", UtcDateTime, nullable=False),
    )
    create_table(
        "key_checks",
        sa.Column("name", ExactString(32), primary_key=True),
        sa.Column("check_value", ExactString(64), nullable=False),
        sa.Column("stored_at", UtcDateTime, nullable=False),
    )
