"""Single sign-on and second factors: identities at a provider, TOTP secrets, recovery codes."""

import sqlalchemy as sa

from migrations.repeatable import add_column, create_table
from store.types import Digest, ExactString, RowNumber, UtcDateTime

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add tables and columns. An interrupted upgrade can be repeated."""
    add_column("users", sa.Column("passwords_until", UtcDateTime))
    add_column("sessions", sa.Column("opened_by", ExactString(16), nullable=False, server_default="password"))
    add_column("sessions", sa.Column("id_token_encrypted", ExactString()))
    create_table(
        "identities",
        sa.Column("issuer", ExactString(255), primary_key=True),
        sa.Column("subject", ExactString(255), primary_key=True),
        sa.Column("user_number", RowNumber, _on_user(), nullable=False, unique=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )
    create_table(
        "used_states",
        sa.Column("digest", Digest, primary_key=True),
        sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
    )
    create_table(
        "second_factors",
        sa.Column("user_number", RowNumber, _on_user(), primary_key=True, autoincrement=False),
        sa.Column("secret_encrypted", ExactString(1000), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("confirmed_at", UtcDateTime),
        sa.Column("last_step", sa.BigInteger, nullable=False, server_default="0"),
    )
    create_table(
        "recovery_codes",
        sa.Column("digest", Digest, primary_key=True),
        sa.Column("user_number", RowNumber, _on_user(), nullable=False, index=True),
    )


def _on_user() -> sa.ForeignKey:
    return sa.ForeignKey("users.number", ondelete="CASCADE")
