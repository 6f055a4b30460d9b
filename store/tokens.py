"""Bearer tokens of the REST API. Only their digests are stored; revoked tokens are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.accounts import COLUMNS, User, user_of
from store.admin_tables import api_tokens, users
from store.session import WriteSession
from store.types import as_binary

USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """An API token; ``role`` limits its permissions. ``platform`` is the one that the role platform may read."""

    number: int
    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """A valid token and its account."""

    token: Token
    user: User


TOKEN_COLUMNS = [api_tokens.c[name] for name in Token.__dataclass_fields__]


async def add_token(
    session: WriteSession,
    user_number: int,
    digest: bytes,
    name: str,
    role: str,
    now: datetime,
    expires: datetime | None,
    *,
    platform: str | None = None,
) -> int:
    """Insert a token and return its number."""
    values = {"user_number": user_number, "digest": as_binary(digest), "name": name, "role": role}
    values |= {"platform": platform, "created_at": now, "expires_at": expires}
    done = await session.connection.execute(insert(api_tokens).values(**values))
    number: int = done.inserted_primary_key[0]  # type: ignore[index] # a single-row INSERT has one
    return number


async def find_token(connection: AsyncConnection, digest: bytes, now: datetime) -> TokenOwner | None:
    """Return the token if it is neither revoked nor expired and its account is active; else None."""
    own = [column.label(f"token_{column.name}") for column in TOKEN_COLUMNS]
    query = (
        select(*own, *COLUMNS)
        .join_from(api_tokens, users, api_tokens.c.user_number == users.c.number)
        .where(api_tokens.c.digest == as_binary(digest), api_tokens.c.revoked_at.is_(None), users.c.state == "active")
        .where(or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > now))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    token = Token(**{name: getattr(row, f"token_{name}") for name in Token.__dataclass_fields__})
    return TokenOwner(token, user_of(row))


async def touch_token(session: WriteSession, number: int, now: datetime) -> None:
    """Record that a token was used."""
    await session.connection.execute(update(api_tokens).where(api_tokens.c.number == number).values(used_at=now))


async def list_tokens(connection: AsyncConnection, user_number: int) -> Sequence[Token]:
    """Return an account's tokens that are not revoked, newest first."""
    query = select(*TOKEN_COLUMNS).where(api_tokens.c.user_number == user_number, api_tokens.c.revoked_at.is_(None))
    return [Token(**row._asdict()) for row in await connection.execute(query.order_by(api_tokens.c.number.desc()))]


async def revoke_token(session: WriteSession, user_number: int, number: int, now: datetime) -> Token | None:
    """Revoke an account's token and return it as it was before; None if there is none."""
    conditions = (
        api_tokens.c.number == number,
        api_tokens.c.user_number == user_number,
        api_tokens.c.revoked_at.is_(None),
    )
    row = (await session.connection.execute(select(*TOKEN_COLUMNS).where(*conditions))).one_or_none()
    if row is None:
        return None
    await session.connection.execute(update(api_tokens).where(*conditions).values(revoked_at=now))
    return Token(**row._asdict())


async def revoke_tokens(session: WriteSession, user_number: int, now: datetime) -> int:
    """Revoke all tokens of an account and return their number."""
    conditions = (api_tokens.c.user_number == user_number, api_tokens.c.revoked_at.is_(None))
    return int(
        (await session.connection.execute(update(api_tokens).where(*conditions).values(revoked_at=now))).rowcount
    )
