"""Count starts of a partition without progress."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns, with zero starts."""
    op.add_column("partitions", sa.Column("started_offset", sa.BigInteger))
    op.add_column("partitions", sa.Column("starts", sa.Integer, nullable=False, server_default="0"))
