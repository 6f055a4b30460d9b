"""How accounts review, and how many comments nobody has decided although the model is uncertain."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import add_column
from store.types import ExactString, UtcDateTime

revision = "0010"
down_revision = "0009"

# The period whose counts or reviewed comments one statement reads.
CHUNK = timedelta(days=31)
LAST = datetime.max.replace(tzinfo=UTC)
# The number of sums that one statement writes.
ROWS = 1_000
LABELS = ("positive", "negative", "unclear", "spam")
# (bucket, platform, begins) -> the model's label -> number of comments
Sums = dict[tuple[str, str, datetime], dict[str, int]]

hourly = sa.table(
    "hourly_counts",
    *(sa.column(name) for name in ("model_number", "platform", "label", "n")),
    sa.column("uncertain", sa.Boolean),
    sa.column("hour", UtcDateTime),
)
predictions = sa.table(
    "predictions",
    *(sa.column(name) for name in ("comment_number", "model_number", "label")),
    sa.column("uncertain", sa.Boolean),
)
comments = sa.table(
    "comments",
    *(sa.column(name) for name in ("number", "platform", "review_label")),
    sa.column("created_at", UtcDateTime),
)
sums = sa.table(
    "count_sums",
    *(sa.column(name) for name in ("model_number", "bucket", "platform", "uncertain_positive", "uncertain_negative")),
    sa.column("begins", UtcDateTime),
)


def upgrade() -> None:
    """Add missing columns and fill the sums. An interrupted upgrade can be repeated."""
    add_column("users", sa.Column("number_keys", ExactString(8), nullable=False, server_default="save"))
    add_column("users", sa.Column("quick_reasons", ExactString(1000)))
    for name in ("uncertain_positive", "uncertain_negative"):
        add_column("count_sums", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    for model in op.get_bind().execute(sa.select(sums.c.model_number).distinct()).scalars().all():
        for begins in _chunks(model):
            _fill(model, begins, begins + CHUNK if begins < LAST - CHUNK else LAST)


def _chunks(model: int) -> Iterator[datetime]:
    """Yield the first day of each chunk, skipping days without comments."""
    of = sums.c
    hours = sa.select(sa.func.min(of.begins)).where(of.model_number == model, of.bucket == "hour", of.platform == "")
    found = op.get_bind().execute(hours).scalar()
    while found is not None:
        begins = found.replace(hour=0)
        yield begins
        if begins >= LAST - CHUNK:
            return
        found = op.get_bind().execute(hours.where(of.begins >= begins + CHUNK)).scalar()


def _fill(model: int, begins: datetime, ends: datetime) -> None:
    """Count the uncertain comments without a review that were created within [begins, ends)."""
    found: Sums = defaultdict(lambda: dict.fromkeys(LABELS[:2], 0))
    for query, sign in ((_labelled(model, begins, ends), 1), (_reviewed(model, begins, ends), -1)):
        for platform, time, label, n in op.get_bind().execute(query):
            hour = time.replace(minute=0, second=0, microsecond=0)
            for key in (("hour", "", hour), ("hour", platform, hour), ("day", platform, hour.replace(hour=0))):
                found[key][label] += sign * int(n)
    rows = [
        {"of_bucket": bucket, "of_platform": platform, "at": time, **{f"n_{label}": n for label, n in counted.items()}}
        for (bucket, platform, time), counted in sorted(found.items())
    ]
    of = sums.c
    one = (of.model_number == model, of.bucket == sa.bindparam("of_bucket"), of.platform == sa.bindparam("of_platform"))
    change = sa.update(sums).where(*one, of.begins == sa.bindparam("at", type_=UtcDateTime))
    change = change.values({f"uncertain_{label}": sa.bindparam(f"n_{label}") for label in LABELS[:2]})
    for start in range(0, len(rows), ROWS):
        op.get_bind().execute(change, rows[start : start + ROWS])


def _labelled(model: int, begins: datetime, ends: datetime) -> sa.Select[Any]:
    """Return a query for the uncertain comments by hour."""
    of = hourly.c
    within = (of.hour >= begins, of.hour < ends)
    return sa.select(of.platform, of.hour, of.label, of.n).where(of.model_number == model, of.uncertain, *within)


def _reviewed(model: int, begins: datetime, ends: datetime) -> sa.Select[Any]:
    """Return a query for the uncertain comments with a review.

    It reads a short range of the index comments_by_review for each label.
    """
    of, said = comments.c, predictions.c
    joined = (said.comment_number == of.number) & (said.model_number == model) & said.uncertain
    return (
        sa.select(of.platform, of.created_at, said.label, sa.literal(1))
        .join_from(comments, predictions, joined)
        .where(of.review_label.in_(LABELS), of.created_at >= begins, of.created_at < ends)
    )
