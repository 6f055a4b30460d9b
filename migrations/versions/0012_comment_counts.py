"""Count all stored comments, so that a model's coverage is known without reading them."""

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import create_empty_table
from store.types import ExactString, UtcDateTime

revision = "0012"
down_revision = "0011"

# (platform, bucket, begins, n, source): the counts by hour come from the comments, the others from these counts.
SUMS = (
    ("platform", "hour", "{hour}", "COUNT(*)", "comments"),
    ("''", "hour", "begins", "SUM(n)", "comment_counts WHERE bucket = 'hour'"),
    ("platform", "day", "{day}", "SUM(n)", "comment_counts WHERE bucket = 'hour' AND platform <> ''"),
)
COUNT = """
INSERT INTO comment_counts (bucket, platform, begins, n)
SELECT '{bucket}', counted_platform, counted_from, counted FROM (
    SELECT {platform} AS counted_platform, {begins} AS counted_from, {n} AS counted
    FROM {source} GROUP BY counted_platform, counted_from
) AS sums
"""


def upgrade() -> None:
    """Create the table and count the comments. An interrupted upgrade can be repeated."""
    create_empty_table(
        "comment_counts",
        sa.Column("bucket", ExactString(4), primary_key=True),
        sa.Column("platform", ExactString(32), primary_key=True),
        sa.Column("begins", UtcDateTime, primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        hour = "substr(created_at, 1, 14) || '00:00.000000'"
        day = "substr(begins, 1, 10) || ' 00:00:00.000000'"
    else:
        hour = "CAST(DATE_FORMAT(created_at, '%Y-%m-%d %H:00:00') AS DATETIME(6))"
        day = "CAST(DATE(begins) AS DATETIME(6))"
    for platform, bucket, begins, n, source in SUMS:
        start = begins.format(hour=hour, day=day)
        op.execute(COUNT.format(bucket=bucket, platform=platform, begins=start, n=n, source=source))
