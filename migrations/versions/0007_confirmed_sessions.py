"""Record when a session was confirmed, and revoke tokens above their account's role."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from migrations.repeatable import add_column
from store.types import UtcDateTime

revision = "0007"
down_revision = "0006"

users = sa.table("users", sa.column("number"), sa.column("role"), sa.column("state"))
tokens = sa.table("api_tokens", sa.column("user_number"), sa.column("role"), sa.column("revoked_at", UtcDateTime))


def upgrade() -> None:
    """Add the column with NULL, so that open sessions must confirm, and revoke tokens above their account's role."""
    add_column("sessions", sa.Column("confirmed_at", UtcDateTime))
    # Before this revision, an account that was disabled or demoted regained its tokens when it was restored.
    disabled = sa.select(users.c.number).where(users.c.state == "disabled")
    ordinary = sa.select(users.c.number).where(users.c.role == "user")
    reviewers = sa.select(users.c.number).where(users.c.role == "reviewer")
    outlived = sa.or_(
        tokens.c.user_number.in_(disabled),
        sa.and_(tokens.c.user_number.in_(ordinary), tokens.c.role != "user"),
        sa.and_(tokens.c.user_number.in_(reviewers), tokens.c.role == "admin"),
    )
    op.execute(sa.update(tokens).where(tokens.c.revoked_at.is_(None), outlived).values(revoked_at=datetime.now(UTC)))
