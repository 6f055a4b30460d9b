"""Bind a second factor that is being set up to the session that began it."""

import sqlalchemy as sa

from migrations.repeatable import add_column
from store.types import Digest

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the column. People who are setting up a second factor must start again."""
    add_column("second_factors", sa.Column("session_digest", Digest))
