"""Persons at an OpenID Connect provider, and the account that belongs to each of them."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import LiuyanError
from store.accounts import COLUMNS, User, user_of
from store.admin_tables import identities, used_states, users
from store.session import WriteSession
from store.types import as_binary


class IdentityTakenError(LiuyanError):
    """The person already has an account, or the account already belongs to a person."""

    def __init__(self) -> None:
        super().__init__("The person has another account, or the account belongs to another person.")


async def find_account(connection: AsyncConnection, issuer: str, subject: str) -> User | None:
    """Return the account of a person, or None."""
    query = select(*COLUMNS).join_from(identities, users, identities.c.user_number == users.c.number)
    query = query.where(identities.c.issuer == issuer, identities.c.subject == subject)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else user_of(row)


async def find_subject(connection: AsyncConnection, user_number: int) -> tuple[str, str] | None:
    """Return the issuer and the subject of the person that an account belongs to, or None."""
    query = select(identities.c.issuer, identities.c.subject).where(identities.c.user_number == user_number)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (row.issuer, row.subject)


async def add_identity(session: WriteSession, issuer: str, subject: str, user_number: int, now: datetime) -> None:
    """Link an account to a person. Raises IdentityTakenError."""
    values = {"issuer": issuer, "subject": subject, "user_number": user_number, "created_at": now}
    try:
        await session.connection.execute(insert(identities).values(**values))
    except IntegrityError as error:
        raise IdentityTakenError from error


async def delete_identity(session: WriteSession, user_number: int) -> bool:
    """Unlink an account from its person; return False if it was not linked."""
    done = await session.connection.execute(delete(identities).where(identities.c.user_number == user_number))
    return bool(done.rowcount)


async def use_state(session: WriteSession, digest: bytes, now: datetime, expires_at: datetime) -> bool:
    """Record that a state was used; return False if it was used before. Deletes expired ones."""
    await session.connection.execute(delete(used_states).where(used_states.c.expires_at <= now))
    try:
        await session.connection.execute(insert(used_states).values(digest=as_binary(digest), expires_at=expires_at))
    except IntegrityError:
        return False
    return True
