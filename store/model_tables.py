"""Tables of the model registry and of comments that the active model has not labelled."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table

from store.review_tables import metadata
from store.tables import WRITTEN_AT, on_comment
from store.types import Bytes, ExactString, RowNumber, UtcDateTime

__all__ = ["ACTIVE_ROW", "active_model", "metadata", "missing_predictions", "missing_scans", "model_files"]

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
