"""Retention: the horizon of purged comments; their counts are part of the dashboards' view."""

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import create_index, create_table
from store.types import UtcDateTime

revision = "0019"
down_revision = "0018"

# As in 0017; the active model also has the counts of purged comments, which are stored under the number 0.
HOURS = """
SELECT model, version, active, platform, hour, positive + negative AS comments, positive AS predicted_positive,
    negative AS predicted_negative, shown_positive AS positive,
    positive + negative - shown_positive - unclear - spam AS negative, unclear, spam, uncertain, reviewed, corrected
FROM (
    SELECT models.name AS model, SUBSTR(models.sha256, 1, 12) AS version,
        CASE WHEN active_model.id IS NULL THEN 0 ELSE 1 END AS active, sums.platform AS platform,
        sums.begins AS hour, {columns}
    FROM models JOIN count_sums AS sums ON sums.model_number = models.number
        LEFT JOIN active_model ON active_model.model_number = models.number
    WHERE sums.bucket = 'hour' AND sums.platform <> ''
    UNION ALL
    SELECT models.name AS model, SUBSTR(models.sha256, 1, 12) AS version, 1 AS active, sums.platform AS platform,
        sums.begins AS hour, {columns}
    FROM active_model JOIN models ON models.number = active_model.model_number
        JOIN count_sums AS sums ON sums.model_number = 0
    WHERE sums.bucket = 'hour' AND sums.platform <> ''
) AS hours
"""
COLUMNS = ("positive", "negative", "shown_positive", "unclear", "spam", "uncertain", "reviewed", "corrected")


def upgrade() -> None:
    """Add the table and the index, and replace the view. An interrupted upgrade can be repeated."""
    create_table(
        "retention",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("horizon", UtcDateTime),
        sa.Column("claimed_by", sa.BigInteger),
        sa.Column("claimed_until", UtcDateTime),
        sa.Column("purged", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("finished_at", UtcDateTime),
    )
    create_index("comment_versions_by_time", "comment_versions", ["replaced_at"])
    columns = ", ".join(f"sums.{name} AS {name}" for name in COLUMNS)
    op.execute("DROP VIEW IF EXISTS dashboard_hours")
    op.execute(f"CREATE VIEW dashboard_hours AS {HOURS.format(columns=columns)}")
