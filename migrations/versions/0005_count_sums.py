"""Add sums of hourly counts."""

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import create_empty_table
from store.types import ExactString, UtcDateTime

revision = "0005"
down_revision = "0004"

NAMES = ("positive", "negative", "uncertain", "shown_positive", "unclear", "spam", "reviewed", "corrected")
# Every labelled comment by the model's label, and the differences that the few reviewed ones make.
KINDS = """
SELECT model_number, platform, hour, CASE WHEN label = 'positive' THEN n ELSE 0 END AS positive,
    CASE WHEN label = 'negative' THEN n ELSE 0 END AS negative, CASE WHEN uncertain THEN n ELSE 0 END AS uncertain,
    CASE WHEN label = 'positive' THEN n ELSE 0 END AS shown_positive, 0 AS unclear, 0 AS spam, 0 AS reviewed,
    0 AS corrected
FROM hourly_counts
UNION ALL
SELECT predictions.model_number, comments.platform, {hour}, 0, 0, 0,
    (CASE WHEN comments.review_label = 'positive' THEN 1 ELSE 0 END)
    - (CASE WHEN predictions.label = 'positive' THEN 1 ELSE 0 END),
    CASE WHEN comments.review_label = 'unclear' THEN 1 ELSE 0 END,
    CASE WHEN comments.review_label = 'spam' THEN 1 ELSE 0 END, 1,
    CASE WHEN comments.review_label <> predictions.label THEN 1 ELSE 0 END
FROM comments JOIN predictions ON predictions.comment_number = comments.number
WHERE comments.review_label IS NOT NULL
"""
SUMS = """
INSERT INTO count_sums (model_number, bucket, platform, begins, {names})
SELECT model_number, '{bucket}', {platform}, {begins}, {sums} FROM ({kinds}) AS kinds
GROUP BY model_number, {platform}, {begins}
"""


def upgrade() -> None:
    """Create the table and fill it from existing comments. An interrupted upgrade starts again."""
    key = ("model_number", sa.BigInteger), ("bucket", ExactString(4)), ("platform", ExactString(32))
    create_empty_table(
        "count_sums",
        *(sa.Column(name, kind, primary_key=True, autoincrement=False) for name, kind in key),
        sa.Column("begins", UtcDateTime, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in NAMES),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    hour = (
        "substr(comments.created_at, 1, 14) || '00:00.000000'"
        if sqlite
        else "CAST(DATE_FORMAT(comments.created_at, '%Y-%m-%d %H:00:00') AS DATETIME(6))"
    )
    day = "substr(hour, 1, 10) || ' 00:00:00.000000'" if sqlite else "CAST(DATE(hour) AS DATETIME(6))"
    shared = {
        "names": ", ".join(NAMES),
        "sums": ", ".join(f"SUM({name})" for name in NAMES),
        "kinds": KINDS.format(hour=hour),
    }
    for platform, bucket, begins in (("''", "hour", "hour"), ("platform", "hour", "hour"), ("platform", "day", day)):
        op.execute(SUMS.format(platform=platform, bucket=bucket, begins=begins, **shared))
