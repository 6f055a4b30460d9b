"""Dead letters are also found by the comment that their value names; the audit log keeps digests of comments."""

import base64
import secrets
from collections.abc import Callable
from typing import Any, cast

import sqlalchemy as sa
from alembic import context, op

from migrations.repeatable import add_column, create_index, create_table
from store.audit import comment_digest as audited_comment
from store.dead_letters import comment_digest
from store.types import Bytes, Digest, ExactString

revision = "0015"
down_revision = "0014"

# Dead letters can be a megabyte large.
LETTERS = 50
RECORDS = 1_000
REPORTED = 50_000
KEY_NAME = "audit_log"
LETTER = sa.table(
    "dead_letters", sa.column("number", sa.BigInteger), sa.column("key", Bytes), sa.column("value", Bytes)
)
RECORD = sa.table(
    "audit_log", sa.column("number", sa.BigInteger), sa.column("object_kind"), sa.column("object_id", ExactString(200))
)
FILL_LETTER = "UPDATE dead_letters SET comment_digest = from_base64(:digest) WHERE number = :number"
REVIEW = sa.table("reviews", *(sa.column(name) for name in ("number", "comment_number", "reviewer_number")))
COMMENT = sa.table("comments", sa.column("number"), sa.column("platform", ExactString(32)))
USER = sa.table("users", sa.column("number"), sa.column("role", ExactString(16)))
MARK_REVIEW = "UPDATE reviews SET by_user = TRUE WHERE number = :number"
MARKED = "{:,} reviews by users are marked"
FILL_RECORD = "UPDATE audit_log SET object_id = :digest WHERE number = :number"


def upgrade() -> None:
    """Add columns, then fill them in bounded steps. A server commits each step, and an interrupted upgrade resumes."""
    add_column("dead_letters", sa.Column("comment_digest", Digest))
    create_index("ix_dead_letters_comment_digest", "dead_letters", ["comment_digest"])
    create_index("dead_letters_by_time", "dead_letters", ["stored_at"])
    for table in ("audit_log", "pending_reviews"):
        add_column(table, sa.Column("token_number", sa.BigInteger))
    add_column("audit_log", sa.Column("request_id", ExactString(64)))
    for table in ("reviews", "pending_reviews"):
        add_column(table, sa.Column("by_user", sa.Boolean, nullable=False, server_default=sa.text("0")))
    create_table(
        "stored_keys",
        sa.Column("name", ExactString(32), primary_key=True),
        sa.Column("secret", ExactString(64), nullable=False),
    )
    key = _audit_key()
    if op.get_bind().dialect.name == "sqlite":
        _fill(op.get_bind(), key)
    else:
        with op.get_context().autocommit_block():
            _fill(op.get_bind(), key)


def _audit_key() -> bytes:
    found = op.get_bind().execute(sa.text("SELECT secret FROM stored_keys WHERE name = :name"), {"name": KEY_NAME})
    secret = found.scalar()
    if secret is None:
        secret = secrets.token_hex(32)
        keys = sa.table("stored_keys", sa.column("name"), sa.column("secret"))
        op.execute(sa.insert(keys).values(name=KEY_NAME, secret=secret))
    return bytes.fromhex(secret)


def _fill(connection: sa.Connection, key: bytes) -> None:
    of = LETTER.c
    _in_steps(
        connection,
        sa.select(of.number, of.key, of.value).where(sa.or_(of.value.is_not(None), of.key.is_not(None))),
        of.number,
        LETTERS,
        lambda row: _base64(comment_digest(row.key, row.value)),
        FILL_LETTER,
        "digests of {:,} dead letters are stored",
    )
    _in_steps(connection, _labelled_by_users(), REVIEW.c.number, RECORDS, lambda row: "", MARK_REVIEW, MARKED)
    of = RECORD.c
    _in_steps(
        connection,
        sa.select(of.number, of.object_id).where(of.object_kind == "comment", of.object_id.contains(":")),
        of.number,
        RECORDS,
        lambda row: audited_comment(key, *row.object_id.split(":", 1)),
        FILL_RECORD,
        "{:,} audit records name their comment by a digest",
    )


def _labelled_by_users() -> sa.Select[Any]:
    """Return a query for the reviews of texts from text detection by accounts that have the role user now. Only there
    could such an account label anything."""
    of = REVIEW.c
    return (
        sa.select(of.number)
        .join_from(REVIEW, COMMENT, COMMENT.c.number == of.comment_number)
        .join(USER, USER.c.number == of.reviewer_number)
        .where(COMMENT.c.platform == "detect", USER.c.role == "user")
    )


def _in_steps(
    connection: sa.Connection,
    query: sa.Select[Any],
    number: sa.ColumnElement[int],
    at_once: int,
    digest: Callable[[Any], str | None],
    update: str,
    progress: str,
) -> None:
    report = cast(Callable[[str], None], context.config.attributes["report"])
    statement = sa.text(update)
    parameters = list(statement.compile().params)
    behind = done = 0
    while True:
        rows = connection.execute(query.where(number > behind).order_by(number).limit(at_once)).all()
        if not rows:
            return
        digests = [{"number": row.number, "digest": digest(row)} for row in rows]
        filled = [{name: row[name] for name in parameters} for row in digests if row["digest"] is not None]
        if filled:
            connection.execute(statement, filled)
        behind, done = rows[-1].number, done + len(rows)
        if done % REPORTED == 0:
            report(f"{revision}: {progress.format(done)}")


def _base64(digest: bytes | None) -> str | None:
    return None if digest is None else base64.b64encode(digest).decode()
