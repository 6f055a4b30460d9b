"""Tables of the model registry, of comments that the active model has not labelled, and of model comparisons."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, Table

from store.review_tables import metadata
from store.tables import WRITTEN_AT, on_comment
from store.types import Bytes, ExactString, RowNumber, UtcDateTime

__all__ = [
    "ACTIVE_ROW",
    "active_model",
    "comparison_examples",
    "comparisons",
    "metadata",
    "missing_predictions",
    "missing_scans",
    "model_files",
]

# The only row of `active_model`.
ACTIVE_ROW = 1

# Which model is active. A promotion updates this one row; a batch's transaction locks it with a shared lock, so every
# batch is stored either before a promotion or after it. A fixed row, because a lock on an indexed flag could miss the
# row that a concurrent promotion marks.
active_model = Table(
    "active_model",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("model_number", BigInteger, nullable=False),
    Column("activated_at", UtcDateTime, nullable=False),
    Column("activated_by", ExactString(128), nullable=False),
)

# The files of registered artifacts, in parts below 1 MiB. A model without rows here has no registered artifact.
model_files = Table(
    "model_files",
    metadata,
    Column(
        "model_number",
        RowNumber,
        ForeignKey("models.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("name", ExactString(128), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", Bytes, nullable=False),
)

# Comments stored by a model that was not active at that time. Consumers of the active model lease and label them.
missing_predictions = Table(
    "missing_predictions",
    metadata,
    Column("comment_number", RowNumber, on_comment(), primary_key=True, autoincrement=False),
    Column("added_at", UtcDateTime, nullable=False, info=WRITTEN_AT),
    # Until when no other consumer labels it.
    Column("claimed_until", UtcDateTime),
    Index("missing_predictions_by_time", "added_at"),
)

# After a rollback: comments changed since `changed_from` that lack a prediction of this model are added to
# `missing_predictions` in steps, by number; those up to `done_up_to` are done.
missing_scans = Table(
    "missing_scans",
    metadata,
    Column("model_number", BigInteger, primary_key=True, autoincrement=False),
    Column("changed_from", UtcDateTime, nullable=False),
    Column("done_up_to", BigInteger, nullable=False),
)

# Comparisons of two models' predictions. A process leases one, works through the comments by number in steps and stores
# its progress, so that another process can continue.
comparisons = Table(
    "comparisons",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("old_model_number", BigInteger, nullable=False),
    Column("new_model_number", BigInteger, nullable=False),
    # Which comments are compared; NULL does not filter.
    Column("platform", ExactString(32)),
    Column("created_from", UtcDateTime),
    Column("created_to", UtcDateTime),
    Column("ordered_by", ExactString(128), nullable=False),
    Column("ordered_at", UtcDateTime, nullable=False),
    # requested, running, done or failed
    Column("state", ExactString(16), nullable=False),
    # The random number of the process that holds the lease, and the lease's end.
    Column("claimed_by", BigInteger),
    Column("claimed_until", UtcDateTime),
    # Comments up to this number are compared; those up to `done_up_to` are counted in `tally` (JSON).
    Column("last_comment", BigInteger, nullable=False),
    Column("done_up_to", BigInteger, nullable=False),
    Column("tally", ExactString()),
    # The figures (JSON), or why there are none.
    Column("result", ExactString()),
    Column("failure", ExactString(1000)),
    Column("finished_at", UtcDateTime),
    Index("comparisons_by_state", "state", "number"),
)

# A few comments whose labels differ. The texts are read when the comparison is shown; the words are stored as lengths
# of pieces of the text with their contributions (JSON), NULL if the model's artifact was not available.
comparison_examples = Table(
    "comparison_examples",
    metadata,
    Column(
        "comparison_number",
        RowNumber,
        ForeignKey("comparisons.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("comment_number", RowNumber, on_comment(), primary_key=True, autoincrement=False),
    Column("comment_version", BigInteger, nullable=False),
    Column("old_probability", Double, nullable=False),
    Column("new_probability", Double, nullable=False),
    Column("old_words", ExactString()),
    Column("new_words", ExactString()),
    Index("comparison_examples_by_comment", "comment_number"),
)
