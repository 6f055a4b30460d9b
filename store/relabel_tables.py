"""Tables of replays and shadows: what each one reads, how far it is, and which process reads which part."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, Table

from store.model_tables import metadata
from store.types import ExactString, RowNumber, UtcDateTime

__all__ = ["metadata", "relabel_members", "relabel_parts", "relabel_runs"]

# One row per replay or shadow.
relabel_runs = Table(
    "relabel_runs",
    metadata,
    Column("number", RowNumber, primary_key=True),
    # replay or shadow
    Column("kind", ExactString(8), nullable=False),
    Column("model_number", BigInteger, nullable=False),
    # The active model at the start: flips are counted against its labels.
    Column("compared_with", BigInteger),
    # JSON: the passes, times, topics and platforms of relabel_runs.Range.
    Column("range", ExactString(), nullable=False),
    # Records per second of all processes together; NULL without a limit.
    Column("rate", Double),
    # log or store: the pass in progress.
    Column("current_pass", ExactString(5), nullable=False),
    # running, finished or cancelled
    Column("state", ExactString(16), nullable=False),
    # Kind and model while it runs, then NULL: a model has at most one unfinished replay and one shadow.
    Column("slot", ExactString(32), unique=True),
    Column("started_by", ExactString(128), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    # Records (or, in the store pass, comments) read, predictions added, those whose label differs from that of
    # `compared_with`, and records that retention removed before they were read.
    Column("records", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("flipped", BigInteger, nullable=False),
    Column("expired", BigInteger, nullable=False),
    Index("relabel_runs_by_model", "model_number", "kind", "number"),
)


def _on_run() -> ForeignKey:
    return ForeignKey("relabel_runs.number", ondelete="CASCADE")


# The partitions of topics and, in the store pass, the ranges of comment numbers that a run reads.
relabel_parts = Table(
    "relabel_parts",
    metadata,
    Column("run_number", RowNumber, _on_run(), primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    # NULL for a range of comment numbers.
    Column("topic", ExactString(249)),
    Column("partition", Integer),
    Column("topic_id", ExactString(64)),
    # Offsets or comment numbers. A shadow's end is NULL until its model is active.
    Column("first_position", BigInteger, nullable=False),
    Column("next_position", BigInteger, nullable=False),
    Column("end_position", BigInteger),
    # The process that reads the part, while it is a member.
    Column("member", BigInteger),
)

# The processes that share a run.
relabel_members = Table(
    "relabel_members",
    metadata,
    Column("run_number", RowNumber, _on_run(), primary_key=True, autoincrement=False),
    Column("member", BigInteger, primary_key=True, autoincrement=False),
    Column("seen_until", UtcDateTime, nullable=False),
)
