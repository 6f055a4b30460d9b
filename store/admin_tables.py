"""Tables of the admin app: accounts, how they sign in, sessions, tokens, erasure requests, notices and the audit log.

They share their metadata with the other modules of tables, so ``metadata`` imported from here has
every table.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, text

from store.relabel_tables import metadata
from store.types import Digest, ExactString, RowNumber, UtcDateTime

__all__ = [
    "api_tokens",
    "attempts",
    "audit_log",
    "author_erasures",
    "compatibility",
    "identities",
    "metadata",
    "notices",
    "recovery_codes",
    "second_factors",
    "sessions",
    "stored_keys",
    "used_states",
    "users",
]


def on_user() -> ForeignKey:
    """Return a foreign key to an account; deleting the account deletes the row."""
    return ForeignKey("users.number", ondelete="CASCADE")


users = Table(
    "users",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("name", ExactString(64), nullable=False),
    # The name in NFKC and case-folded, so that names that look alike collide. NFKC can lengthen a name.
    Column("name_folded", ExactString(255), nullable=False, unique=True),
    Column("password_hash", ExactString(255), nullable=False),
    # platform, user, reviewer or admin
    Column("role", ExactString(16), nullable=False),
    # The only platform that an account with the role platform may read; NULL for other roles.
    Column("platform", ExactString(32)),
    # waiting, active or disabled
    Column("state", ExactString(16), nullable=False),
    Column("phone_encrypted", ExactString(1000)),
    Column("email_encrypted", ExactString(1000)),
    Column("language", ExactString(8)),
    Column("must_change_password", Boolean, nullable=False, server_default=text("0")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_sign_in_at", UtcDateTime),
    Column("password_changed_at", UtcDateTime, nullable=False),
    # Whether a number key on the review page saves the label at once (save) or Enter confirms it (confirm).
    Column("number_keys", ExactString(8), nullable=False, server_default="save"),
    # The reasons that the review page offers as buttons, one per line.
    Column("quick_reasons", ExactString(1000)),
    # Until then the password is accepted, even if passwords are disabled; NULL: it is no emergency password.
    # `liuyan api break-glass` sets both.
    Column("passwords_until", UtcDateTime),
)

# The person at an OpenID Connect provider that an account belongs to.
identities = Table(
    "identities",
    metadata,
    Column("issuer", ExactString(255), primary_key=True),
    # The claim `sub`, which only its issuer assigns. Names and e-mail addresses can pass to another person.
    Column("subject", ExactString(255), primary_key=True),
    Column("user_number", RowNumber, on_user(), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

# SHA-256 of the states of finished single sign-ons, so that none is used twice.
used_states = Table(
    "used_states",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_number", RowNumber, on_user(), primary_key=True, autoincrement=False),
    # The shared secret of TOTP (RFC 6238), encrypted with LIUYAN_CONTACT_KEY.
    Column("secret_encrypted", ExactString(1000), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # When the first code was entered; NULL: the second factor is not in use yet.
    Column("confirmed_at", UtcDateTime),
    # The time step of the newest code that was accepted: none is accepted twice.
    Column("last_step", BigInteger, nullable=False, server_default="0"),
    # The session that set it up and may confirm it, until it is in use.
    Column("session_digest", Digest),
)

# Unused recovery codes.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    # SHA-256 of account number and code, which has 79 random bits.
    Column("digest", Digest, primary_key=True),
    Column("user_number", RowNumber, on_user(), nullable=False, index=True),
)

sessions = Table(
    "sessions",
    metadata,
    # SHA-256 of the cookie's random value: reading the database is not enough to sign in.
    Column("digest", Digest, primary_key=True),
    Column("user_number", RowNumber, on_user(), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("address", ExactString(64)),
    Column("user_agent", ExactString(256)),
    # When the person last proved their identity in this session; NULL: not known.
    Column("confirmed_at", UtcDateTime),
    # password or sso
    Column("opened_by", ExactString(16), nullable=False, server_default="password"),
    # The provider's ID token, encrypted with LIUYAN_SECRET_KEY: signing out there requires it.
    Column("id_token_encrypted", ExactString()),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("number", RowNumber, primary_key=True),
    # SHA-256 of the token.
    Column("digest", Digest, nullable=False, unique=True),
    Column("user_number", RowNumber, on_user(), nullable=False, index=True),
    Column("name", ExactString(64), nullable=False),
    Column("role", ExactString(16), nullable=False),
    # As in users.
    Column("platform", ExactString(32)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

# Attempts at throttled actions, counted in time windows.
attempts = Table(
    "attempts",
    metadata,
    Column("digest", Digest, primary_key=True),
    Column("window_start", UtcDateTime, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# Requests to erase everything that an author wrote. Consumers publish the tombstones.
author_erasures = Table(
    "author_erasures",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("platform", ExactString(32), nullable=False),
    # NULL once it is done; the digest, with a key of this database, remains.
    Column("author", ExactString(128)),
    Column("author_digest", ExactString(64), nullable=False),
    Column("ordered_by", ExactString(128), nullable=False),
    Column("ordered_at", UtcDateTime, nullable=False),
    # requested, running or done
    Column("state", ExactString(16), nullable=False),
    # The random number of the consumer that works on it, and the end of its lease.
    Column("claimed_by", BigInteger),
    Column("claimed_until", UtcDateTime),
    # JSON: the end offsets at the start, [[topic, partition, offset], ...]. When they are stored, the highest number of
    # a comment: what is stored later is not part of the request.
    Column("end_offsets", ExactString()),
    Column("last_comment", BigInteger),
    # Tombstones ordered and dead letters deleted so far.
    Column("comments", BigInteger, nullable=False, server_default=text("0")),
    Column("dead_letters", BigInteger, nullable=False, server_default=text("0")),
    Column("finished_at", UtcDateTime),
    Index("author_erasures_by_state", "state", "number"),
)

notices = Table(
    "notices",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("title", ExactString(200), nullable=False),
    # Markdown
    Column("body", ExactString(), nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=text("0")),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("withdrawn_at", UtcDateTime),
    # Names at that time.
    Column("created_by", ExactString(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("edited_by", ExactString(128)),
    Column("edited_at", UtcDateTime),
)

# Random keys of this database. `audit_log` is the key of the digests that stand for comments in the audit log.
stored_keys = Table(
    "stored_keys",
    metadata,
    Column("name", ExactString(32), primary_key=True),
    Column("secret", ExactString(64), nullable=False),
)

# One row, written by migrations: programs from this revision on work with the tables, also if the tables are newer.
compatibility = Table(
    "compatibility",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("oldest_revision", ExactString(32), nullable=False),
)

# Every change that a person made, and refused attempts. It contains no comment texts and no secrets, and it outlives
# accounts and comments.
audit_log = Table(
    "audit_log",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("user_number", BigInteger),
    Column("user_name", ExactString(128), nullable=False),
    # session, token, command, or anonymous for somebody who has not signed in
    Column("via", ExactString(16), nullable=False),
    Column("address", ExactString(64)),
    # The token that was used, and the request.
    Column("token_number", BigInteger),
    Column("request_id", ExactString(64)),
    # For example review.add or user.disable.
    Column("action", ExactString(64), nullable=False),
    Column("object_kind", ExactString(32), nullable=False),
    # A digest in place of a comment, so that nothing of an erased comment remains.
    Column("object_id", ExactString(200), nullable=False),
    # JSON
    Column("detail", ExactString(), nullable=False),
    Index("audit_log_by_time", "at", "number"),
    Index("audit_log_by_user", "user_number", "at"),
    Index("audit_log_by_object", "object_kind", "object_id", "at"),
)
