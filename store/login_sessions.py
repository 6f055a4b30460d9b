"""Sessions of people who signed in: known by the digest of what their cookie holds, and gone when they are revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.accounts import COLUMNS, User, user_of
from store.admin_tables import sessions, users
from store.session import WriteSession
from store.types import as_binary

# Writing at every request would make each a transaction that writes.
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LoginSession:
    """One browser that is signed in. It ends at ``expires_at``, and earlier when nobody was seen for too long.

    ``confirmed_at`` is when its password was last given: at sign-in, and whenever it was asked for again.
    """

    digest: bytes
    user_number: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session with the account that it is of."""

    session: LoginSession
    user: User

    @property
    def digest(self) -> bytes:
        """What the session is known by."""
        return self.session.digest


SESSION_COLUMNS = [sessions.c[name] for name in LoginSession.__dataclass_fields__]


async def add_session(session: WriteSession, added: LoginSession) -> None:
    """Insert a session, and forget those whose time is over."""
    values = {name: getattr(added, name) for name in LoginSession.__dataclass_fields__}
    values["digest"] = as_binary(added.digest)
    await session.connection.execute(delete(sessions).where(sessions.c.expires_at <= added.created_at))
    await session.connection.execute(insert(sessions).values(**values))


async def find_session(connection: AsyncConnection, digest: bytes, now: datetime, idle: timedelta) -> SignedIn | None:
    """The session, if its time is not over, somebody was seen within ``idle``, and its account is active."""
    own = [column.label(f"session_{column.name}") for column in SESSION_COLUMNS]
    query = (
        select(*own, *COLUMNS)
        .join_from(sessions, users, sessions.c.user_number == users.c.number)
        .where(sessions.c.digest == as_binary(digest), users.c.state == "active")
        .where(sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    found = LoginSession(**{name: getattr(row, f"session_{name}") for name in LoginSession.__dataclass_fields__})
    return SignedIn(found, user_of(row))


async def touch_session(session: WriteSession, digest: bytes, now: datetime) -> None:
    """Note that somebody was seen."""
    seen = update(sessions).where(sessions.c.digest == as_binary(digest), sessions.c.seen_at < now).values(seen_at=now)
    await session.connection.execute(seen)


async def lock_session(session: WriteSession, user_number: int, digest: bytes) -> bool:
    """Hold a session of an account until the end of the transaction; False if it has ended."""
    ours = and_(sessions.c.digest == as_binary(digest), sessions.c.user_number == user_number)
    held = select(sessions.c.user_number).where(ours).with_for_update()
    return (await session.connection.execute(held)).first() is not None


async def confirm_session(
    session: WriteSession, user_number: int, digest: bytes, new_digest: bytes, now: datetime
) -> bool:
    """Record that the password was given again, under a new digest; False if the session has ended."""
    ours = and_(sessions.c.digest == as_binary(digest), sessions.c.user_number == user_number)
    confirmed = update(sessions).where(ours).values(digest=as_binary(new_digest), confirmed_at=now, seen_at=now)
    return bool((await session.connection.execute(confirmed)).rowcount)


async def list_sessions(
    connection: AsyncConnection, user_number: int, now: datetime, idle: timedelta
) -> Sequence[LoginSession]:
    """The sessions of an account that are not over, the one seen last first."""
    query = (
        select(*SESSION_COLUMNS)
        .where(sessions.c.user_number == user_number)
        .where(sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
        .order_by(sessions.c.seen_at.desc(), sessions.c.digest)
    )
    return [LoginSession(**row._asdict()) for row in await connection.execute(query)]


async def delete_session(session: WriteSession, user_number: int, digest: bytes) -> bool:
    """End one session of an account; False where there is none."""
    ours = and_(sessions.c.digest == as_binary(digest), sessions.c.user_number == user_number)
    return bool((await session.connection.execute(delete(sessions).where(ours))).rowcount)


async def forget_session(session: WriteSession, digest: bytes) -> None:
    """End the session of a browser that signs in anew, whosever it was."""
    await session.connection.execute(delete(sessions).where(sessions.c.digest == as_binary(digest)))


async def delete_sessions(session: WriteSession, user_number: int, *, but: bytes | None = None) -> int:
    """End all sessions of an account, or all ``but`` one, and return how many there were."""
    query = delete(sessions).where(sessions.c.user_number == user_number)
    if but is not None:
        query = query.where(sessions.c.digest != as_binary(but))
    return int((await session.connection.execute(query)).rowcount)
