"""Accounts and tokens of a platform, the platform that published a rejected record, and indexes for filters."""

import sqlalchemy as sa

from migrations.repeatable import add_column, create_index
from store.types import ExactString

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add columns and indexes. An interrupted upgrade can be repeated.

    Dead letters that are stored already have no platform, so only admins see them.
    """
    for table in ("users", "api_tokens", "dead_letters"):
        add_column(table, sa.Column("platform", ExactString(32)))
    for column in ("platform", "reason", "topic"):
        create_index(f"dead_letters_by_{column}", "dead_letters", [column, "number"])
