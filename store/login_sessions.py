"""Login sessions: identified by the digest of their cookie, and deleted when they are revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import and_, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.accounts import COLUMNS, User, user_of
from store.admin_tables import second_factors, sessions, users
from store.session import WriteSession
from store.types import as_binary

# Recording every request would make each one a write transaction.
SEEN_EVERY = timedelta(minutes=1)
OpenedBy = Literal["password", "sso"]


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A signed-in browser. The session ends at ``expires_at``, or earlier after a period of inactivity.

    ``confirmed_at`` is when the person last proved their identity, with the password or at the provider: at sign-in, or
    when asked again.
    """

    digest: bytes
    user_number: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None
    confirmed_at: datetime | None = None
    opened_by: OpenedBy = "password"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session and its account. ``second_factor`` is whether the account has one in use."""

    session: LoginSession
    user: User
    second_factor: bool

    @property
    def digest(self) -> bytes:
        """The digest that identifies the session."""
        return self.session.digest


SESSION_COLUMNS = [sessions.c[name] for name in LoginSession.__dataclass_fields__]


async def add_session(session: WriteSession, added: LoginSession, id_token_encrypted: str | None = None) -> None:
    """Insert a session and delete expired ones."""
    values = {name: getattr(added, name) for name in LoginSession.__dataclass_fields__}
    values["id_token_encrypted"] = id_token_encrypted
    values["digest"] = as_binary(added.digest)
    await session.connection.execute(delete(sessions).where(sessions.c.expires_at <= added.created_at))
    await session.connection.execute(insert(sessions).values(**values))


async def find_session(connection: AsyncConnection, digest: bytes, now: datetime, idle: timedelta) -> SignedIn | None:
    """Return the session if it has not expired, was used within ``idle``, and its account is active; else None."""
    own = [column.label(f"session_{column.name}") for column in SESSION_COLUMNS]
    factor = exists().where(second_factors.c.user_number == users.c.number, second_factors.c.confirmed_at.is_not(None))
    query = (
        select(*own, *COLUMNS, factor.label("second_factor"))
        .join_from(sessions, users, sessions.c.user_number == users.c.number)
        .where(sessions.c.digest == as_binary(digest), users.c.state == "active")
        .where(sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    found = LoginSession(**{name: getattr(row, f"session_{name}") for name in LoginSession.__dataclass_fields__})
    return SignedIn(found, user_of(row), bool(row.second_factor))


async def touch_session(session: WriteSession, digest: bytes, now: datetime) -> None:
    """Record that the session was used."""
    seen = update(sessions).where(sessions.c.digest == as_binary(digest), sessions.c.seen_at < now).values(seen_at=now)
    await session.connection.execute(seen)


async def lock_session(session: WriteSession, user_number: int, digest: bytes) -> bool:
    """Lock an account's session until the transaction ends; return False if it has ended."""
    condition = and_(sessions.c.digest == as_binary(digest), sessions.c.user_number == user_number)
    held = select(sessions.c.user_number).where(condition).with_for_update()
    return (await session.connection.execute(held)).first() is not None


async def confirm_session(
    session: WriteSession, user_number: int, digest: bytes, new_digest: bytes, now: datetime
) -> bool:
    """Record that the person proved their identity again, and change the digest; return False if the session has
    ended. A second factor that the session is setting up stays with it."""
    condition = and_(sessions.c.digest == as_binary(digest), sessions.c.user_number == user_number)
    confirmed = update(sessions).where(condition).values(digest=as_binary(new_digest), confirmed_at=now, seen_at=now)
    if not (await session.connection.execute(confirmed)).rowcount:
        return False
    columns = second_factors.c
    begun = and_(columns.user_number == user_number, columns.session_digest == as_binary(digest))
    moved = update(second_factors).where(begun).values(session_digest=as_binary(new_digest))
    await session.connection.execute(moved)
    return True


async def find_id_token(connection: AsyncConnection, digest: bytes) -> str | None:
    """Return the encrypted ID token of a session, if it has one."""
    query = select(sessions.c.id_token_encrypted).where(sessions.c.digest == as_binary(digest))
    return (await connection.execute(query)).scalar_one_or_none()


async def list_sessions(
    connection: AsyncConnection, user_number: int, now: datetime, idle: timedelta
) -> Sequence[LoginSession]:
    """Return an account's sessions that have not ended, most recently used first."""
    query = (
        select(*SESSION_COLUMNS)
        .where(sessions.c.user_number == user_number)
        .where(sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
        .order_by(sessions.c.seen_at.desc(), sessions.c.digest)
    )
    return [LoginSession(**row._asdict()) for row in await connection.execute(query)]


async def delete_session(session: WriteSession, user_number: int, digest: bytes) -> bool:
    """End a session of an account; return False if there is none."""
    condition = and_(sessions.c.digest == as_binary(digest), sessions.c.user_number == user_number)
    return bool((await session.connection.execute(delete(sessions).where(condition))).rowcount)


async def forget_session(session: WriteSession, digest: bytes) -> None:
    """End the previous session of a browser that signs in again, whichever account it belongs to."""
    await session.connection.execute(delete(sessions).where(sessions.c.digest == as_binary(digest)))


async def delete_password_sessions(session: WriteSession, user_number: int, until: datetime) -> int:
    """End an account's sessions that a password opened and that expire by ``until``; return their number."""
    opened = and_(sessions.c.user_number == user_number, sessions.c.opened_by == "password")
    query = delete(sessions).where(opened, sessions.c.expires_at <= until)
    return int((await session.connection.execute(query)).rowcount)


async def delete_sessions(session: WriteSession, user_number: int, *, but: bytes | None = None) -> int:
    """End all sessions of an account except ``but``, and return their number."""
    query = delete(sessions).where(sessions.c.user_number == user_number)
    if but is not None:
        query = query.where(sessions.c.digest != as_binary(but))
    return int((await session.connection.execute(query)).rowcount)
