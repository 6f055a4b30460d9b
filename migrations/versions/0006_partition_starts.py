"""Count starts of a partition without progress."""

import sqlalchemy as sa

from migrations.repeatable import add_column

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns, with zero starts."""
    add_column("partitions", sa.Column("started_offset", sa.BigInteger))
    add_column("partitions", sa.Column("starts", sa.Integer, nullable=False, server_default="0"))
