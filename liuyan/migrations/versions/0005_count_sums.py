"""Sums of the hourly counts."""

import sqlalchemy as sa
from alembic import op

from liuyan.store.types import ExactString, UtcDateTime

revision = "0005"
down_revision = "0004"

SUMS = """
INSERT INTO count_sums (model_number, platform, begins, positive, negative, uncertain)
SELECT model_number, {platform}, {begins}, SUM(CASE WHEN label = 'positive' THEN n ELSE 0 END),
    SUM(CASE WHEN label = 'negative' THEN n ELSE 0 END), SUM(CASE WHEN uncertain THEN n ELSE 0 END)
FROM hourly_counts GROUP BY model_number, {platform}, {begins}
"""


def upgrade() -> None:
    """Add the table and fill it from the counts that are there."""
    op.create_table(
        "count_sums",
        sa.Column("model_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("platform", ExactString(32), primary_key=True),
        sa.Column("begins", UtcDateTime, primary_key=True),
        sa.Column("positive", sa.BigInteger, nullable=False),
        sa.Column("negative", sa.BigInteger, nullable=False),
        sa.Column("uncertain", sa.BigInteger, nullable=False),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    day = "substr(hour, 1, 10) || ' 00:00:00.000000'" if sqlite else "CAST(DATE(hour) AS DATETIME(6))"
    op.execute(SUMS.format(platform="''", begins="hour"))
    op.execute(SUMS.format(platform="platform", begins=day))
