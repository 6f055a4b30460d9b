"""Tables of comments, labels, dead letters and partitions.

review_tables.py has those of group decisions, the audit and agreement, model_tables.py those of the registry,
relabel_tables.py those of replays and shadows, admin_tables.py those of the admin app.

A new column needs one line here and one migration; a test checks that they agree.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from store.types import Bytes, Digest, ExactString, RowNumber, UtcDateTime

metadata = MetaData()

# Columns with one value for all rows of a bulk statement: the time of writing, or the batch's random number.
WRITTEN_AT = {"shared": ":now"}
BATCH_TOKEN = {"shared": ":token"}


def on_comment() -> ForeignKey:
    """Return a foreign key to a comment. The database deletes the row with the comment, so erasure also covers tables
    that are added later."""
    return ForeignKey("comments.number", ondelete="CASCADE")


comments = Table(
    "comments",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("platform", ExactString(32), nullable=False),
    Column("id", ExactString(128), nullable=False),
    Column("text", ExactString(), nullable=False),
    # folding.folded_digest of the text; NULL where a program wrote the row that did not know the column.
    Column("folded_digest", BigInteger),
    Column("version", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("edited_at", UtcDateTime),
    Column("author", ExactString(128)),
    Column("thread", ExactString(256)),
    Column("stored_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    Column("changed_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    # The newest review of the current text and its label; an edit of the text clears both.
    Column("review_number", BigInteger),
    Column("review_label", ExactString(8)),
    # The comment's rank in the random order in which the audit sample is reviewed; NULL outside the sample.
    Column("audit_rank", BigInteger),
    # The label of the valid blind decision on the current text; an edit of the text clears it. A comment of the sample
    # waits for the audit while this is NULL.
    Column("blind_label", ExactString(8)),
    # The random number of the batch that inserted the row, by which it recognises its own rows.
    Column("claimed_by", BigInteger, nullable=False, info=BATCH_TOKEN),
    UniqueConstraint("platform", "id", name="comments_identity"),
    Index("comments_by_time", "created_at", "number"),
    Index("comments_by_platform_and_time", "platform", "created_at", "number"),
    Index("comments_by_author", "author", "created_at", "number"),
    Index("comments_by_thread", "thread", "created_at", "number"),
    Index("comments_by_review", "review_label", "created_at", "number"),
    Index("comments_to_audit", "blind_label", "audit_rank", "number"),
    # The comments of one text that a decision for the text applies to, in the order of their numbers.
    Index("comments_by_text", "folded_digest", "review_label", "audit_rank", "number"),
)

comment_versions = Table(
    "comment_versions",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("comment_number", RowNumber, on_comment(), nullable=False, index=True),
    Column("version", BigInteger, nullable=False),
    Column("text", ExactString(), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("edited_at", UtcDateTime),
    Column("replaced_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    Index("comment_versions_by_time", "replaced_at"),
)

models = Table(
    "models",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("sha256", ExactString(64), nullable=False, unique=True),
    Column("name", ExactString(128), nullable=False),
    Column("uncertain_low", Double, nullable=False),
    Column("uncertain_high", Double, nullable=False),
    Column("registered_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    # True for the active model, otherwise NULL. Only programs older than `active_model` read it.
    Column("active", Boolean, unique=True),
    # The model that was active before this one was promoted: `rollback` returns to it.
    Column("predecessor", BigInteger),
    # When the model was retired. A retired model cannot be promoted or replayed.
    Column("retired_at", UtcDateTime),
    # none, database or file: reviews that it was trained on; NULL if it was registered by an earlier version.
    Column("trained_on", ExactString(16)),
)

predictions = Table(
    "predictions",
    metadata,
    Column("comment_number", RowNumber, on_comment(), primary_key=True, autoincrement=False),
    Column("model_number", BigInteger, primary_key=True, autoincrement=False),
    Column("label", ExactString(8), nullable=False),
    Column("probability", Double, nullable=False),
    Column("uncertain", Boolean, nullable=False),
    Column("predicted_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    # Whether the text has a review, and the rounded distance of the probability from 0.5. They order the review queue.
    Column("reviewed", Boolean, nullable=False, server_default=text("0")),
    Column("distance", Double, nullable=False, server_default=text("0")),
    # The digest of the comment's text. The index stores equally uncertain copies next to each other, so that a search
    # can skip them.
    Column("folded_digest", BigInteger),
    Index("predictions_to_review", "model_number", "reviewed", "distance", "folded_digest", "comment_number"),
)

# Append only: a review is never changed, and withdrawing one adds a row.
reviews = Table(
    "reviews",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("comment_number", RowNumber, on_comment(), nullable=False, index=True),
    Column("comment_version", BigInteger, nullable=False),
    Column("text", ExactString(), nullable=False),
    # positive, negative, unclear or spam
    Column("label", ExactString(8), nullable=False),
    # The reviewer's name at that time, and the account's number; a command has none.
    Column("reviewer", ExactString(128), nullable=False),
    Column("reviewer_number", BigInteger),
    Column("reason", ExactString(1000)),
    Column("reviewed_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    # What was shown to the reviewer.
    Column("from_label", ExactString(8)),
    Column("from_source", ExactString(16)),
    Column("from_model_number", BigInteger),
    Column("from_model_label", ExactString(8)),
    Column("from_probability", Double),
    # The previous review of the same text, and the review that this row withdraws.
    Column("replaces", BigInteger),
    Column("withdraws", BigInteger),
    # How long the text was shown, where that is known, and whether that is too short to have read it.
    Column("shown_milliseconds", BigInteger),
    Column("too_fast", Boolean, nullable=False, server_default=text("0")),
    # The decision for a text that this review is part of.
    Column("group_number", BigInteger),
    # Whether the reviewer had only the role user, which labels texts in text detection. Exports leave these out.
    Column("by_user", Boolean, nullable=False, server_default=text("0")),
    Index("reviews_by_group", "group_number", "number"),
)

# Reviews without withdrawn ones, by the hour, day and month (UTC) in which they were made. Days and months also have
# rows for all platforms together, with an empty platform. `model_number` and `label` are the shown prediction's; 0
# means no account or no model, an empty label no prediction.
reviewer_counts = Table(
    "reviewer_counts",
    metadata,
    # hour, day or month
    Column("bucket", ExactString(5), primary_key=True),
    Column("begins", UtcDateTime, primary_key=True),
    Column("reviewer_number", BigInteger, primary_key=True, autoincrement=False),
    Column("model_number", BigInteger, primary_key=True, autoincrement=False),
    Column("platform", ExactString(32), primary_key=True),
    Column("label", ExactString(8), primary_key=True),
    Column("reviewed_label", ExactString(8), primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# Who has which comment before them, and until when nobody else gets it. A claim with a digest holds the text: nobody
# gets another comment with it.
review_claims = Table(
    "review_claims",
    metadata,
    Column("comment_number", RowNumber, on_comment(), primary_key=True, autoincrement=False),
    Column("reviewer_number", BigInteger, nullable=False),
    Column("claimed_until", UtcDateTime, nullable=False),
    Column("folded_digest", BigInteger),
    # Since when this reviewer holds it, and whether it was given without what a model says.
    Column("given_at", UtcDateTime),
    Column("blind", Boolean, nullable=False, server_default=text("0")),
    Index("review_claims_by_reviewer", "reviewer_number", "claimed_until"),
    Index("review_claims_by_text", "folded_digest", unique=True),
    Index("review_claims_by_time", "claimed_until"),
)

# Which comments, and which texts, a reviewer does not want to see again before `until`.
review_skips = Table(
    "review_skips",
    metadata,
    Column("comment_number", RowNumber, on_comment(), primary_key=True, autoincrement=False),
    Column("reviewer_number", BigInteger, primary_key=True, autoincrement=False),
    Column("until", UtcDateTime, nullable=False),
    Column("folded_digest", BigInteger),
    Index("review_skips_by_reviewer", "reviewer_number", "until"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("consumer_group", ExactString(128), nullable=False),
    Column("topic", ExactString(249), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", Bytes),
    # SHA-256 of the whole key, by which a tombstone finds the dead letters of its key.
    Column("key_digest", Digest, index=True),
    # SHA-256 of `platform:id` as the value names it, which a tombstone also finds: the key may contradict the value.
    Column("comment_digest", Digest, index=True),
    Column("value", Bytes),
    Column("value_bytes", BigInteger),
    # JSON: [[name, base64 of the value or null], ...]
    Column("headers", ExactString(), nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("record_timestamp", BigInteger, nullable=False),
    Column("reason", ExactString(64), nullable=False),
    Column("detail", ExactString(1000), nullable=False),
    Column("stored_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    # open, requeued, resolved or discarded
    Column("state", ExactString(16), nullable=False, server_default="open"),
    # How often it was requeued, and the record of its latest copy; partition and offset above are the original's.
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("latest_partition", Integer),
    Column("latest_offset", BigInteger),
    Column("settled_by", ExactString(128)),
    Column("settled_at", UtcDateTime),
    # The platform that may see it; NULL: only admins.
    Column("platform", ExactString(32)),
    UniqueConstraint("consumer_group", "topic", "partition", "offset", name="dead_letters_record"),
    Index("dead_letters_by_state", "state", "number"),
    Index("dead_letters_by_time", "stored_at"),
    Index("dead_letters_by_platform", "platform", "number"),
    Index("dead_letters_by_reason", "reason", "number"),
    Index("dead_letters_by_topic", "topic", "number"),
)

# The columns that requeueing, resolving and discarding set; the others describe the record.
DEAD_LETTER_RESOLUTION = ("state", "attempts", "latest_partition", "latest_offset", "settled_by", "settled_at")

# Records for consumers to publish. Erasing a dead letter deletes its messages.
outbox = Table(
    "outbox",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("topic", ExactString(249), nullable=False),
    # Key, value and headers are cleared once the message is done.
    Column("key", Bytes),
    Column("value", Bytes),
    Column("headers", ExactString(), nullable=False),
    Column("dead_letter_number", RowNumber, ForeignKey("dead_letters.number", ondelete="CASCADE"), index=True),
    Column("ordered_by", ExactString(128), nullable=False),
    Column("ordered_at", UtcDateTime, nullable=False),
    # The random number of the lease, and its end.
    Column("claimed_by", BigInteger),
    Column("claimed_until", UtcDateTime),
    Column("done_at", UtcDateTime),
    Column("published_partition", Integer),
    Column("published_offset", BigInteger),
    # Why it was refused permanently or cancelled.
    Column("refused", ExactString(1000)),
    Index("outbox_to_do", "done_at", "number"),
)

# Reviews of texts from the detection page that wait for their comment, which is published through the outbox. They
# contain no text.
pending_reviews = Table(
    "pending_reviews",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("platform", ExactString(32), nullable=False),
    Column("id", ExactString(128), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("label", ExactString(8), nullable=False),
    Column("reviewer_number", BigInteger, nullable=False),
    Column("reviewer", ExactString(128), nullable=False),
    # session or token, the client's address, and the token
    Column("via", ExactString(16), nullable=False),
    Column("address", ExactString(64)),
    Column("token_number", BigInteger),
    # Whether the person had only the role user.
    Column("by_user", Boolean, nullable=False, server_default=text("0")),
    Column("order_number", BigInteger, nullable=False),
    Column("ordered_at", UtcDateTime, nullable=False),
    # When it is abandoned.
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    UniqueConstraint("platform", "id", name="pending_reviews_comment"),
    Index("pending_reviews_by_reviewer", "reviewer_number"),
)

hourly_counts = Table(
    "hourly_counts",
    metadata,
    Column("model_number", BigInteger, primary_key=True, autoincrement=False),
    Column("platform", ExactString(32), primary_key=True),
    Column("hour", UtcDateTime, primary_key=True),
    Column("label", ExactString(8), primary_key=True),
    Column("uncertain", Boolean, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# Sums of hourly counts, so that years are read as quickly as days: by hour and by day (UTC) for each platform, and by
# hour for all platforms together, with an empty platform.
count_sums = Table(
    "count_sums",
    metadata,
    Column("model_number", BigInteger, primary_key=True, autoincrement=False),
    # hour or day
    Column("bucket", ExactString(4), primary_key=True),
    Column("platform", ExactString(32), primary_key=True),
    Column("begins", UtcDateTime, primary_key=True),
    # By the model's prediction.
    Column("positive", BigInteger, nullable=False),
    Column("negative", BigInteger, nullable=False),
    Column("uncertain", BigInteger, nullable=False),
    # By the shown label, the review's if there is one; all others are shown as negative.
    Column("shown_positive", BigInteger, nullable=False),
    Column("unclear", BigInteger, nullable=False),
    Column("spam", BigInteger, nullable=False),
    # Reviewed comments, and those among them whose review differs from the model's label.
    Column("reviewed", BigInteger, nullable=False),
    Column("corrected", BigInteger, nullable=False),
    # Uncertain comments without a review, by the model's label.
    Column("uncertain_positive", BigInteger, nullable=False, server_default="0"),
    Column("uncertain_negative", BigInteger, nullable=False, server_default="0"),
)

# All stored comments, with or without predictions, by hour of created_at and in the same sums as count_sums: the
# difference is the number of comments that a model has not labelled.
comment_counts = Table(
    "comment_counts",
    metadata,
    # hour or day
    Column("bucket", ExactString(4), primary_key=True),
    Column("platform", ExactString(32), primary_key=True),
    Column("begins", UtcDateTime, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

partitions = Table(
    "partitions",
    metadata,
    Column("consumer_group", ExactString(128), primary_key=True),
    Column("topic", ExactString(249), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("topic_id", ExactString(64)),
    Column("records_lost", BigInteger, nullable=False),
    Column("paused_reason", ExactString(1000)),
    Column("paused_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    # Consumers that began to read at `started_offset` and did not stop cleanly: a high number means crashes there.
    Column("started_offset", BigInteger),
    Column("starts", Integer, nullable=False, server_default="0"),
)

erasures = Table(
    "erasures",
    metadata,
    # HMAC-SHA256 of `platform:id` with the erasure key, which reveals nothing about the erased comment.
    Column("digest", Digest, primary_key=True),
    Column("erased_up_to", BigInteger, nullable=False),
    Column("erased_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
)

# One row: comments created before `horizon`, a whole hour, are purged and do not return. It only moves forward.
retention = Table(
    "retention",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("horizon", UtcDateTime),
    # The random number of the process that purges, and until when no other process does.
    Column("claimed_by", BigInteger),
    Column("claimed_until", UtcDateTime),
    # Comments purged so far, and when a purge was last complete.
    Column("purged", BigInteger, nullable=False, server_default=text("0")),
    Column("finished_at", UtcDateTime),
)
RETENTION_ROW = 1

key_checks = Table(
    "key_checks",
    metadata,
    Column("name", ExactString(32), primary_key=True),
    Column("check_value", ExactString(64), nullable=False),
    Column("stored_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
)
