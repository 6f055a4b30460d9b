"""Accounts as rows: find, list, lock and change them. The rules are in api/identity."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import LiuyanError
from store.admin_tables import users
from store.session import WriteSession

State = Literal["waiting", "active", "disabled"]
ADMIN = "admin"


class NameTakenError(LiuyanError):
    """Another account has this name, or one that looks the same."""


class NoAccountError(LiuyanError):
    """No account has this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no account {number}.")
        self.number = number


class LastAdminError(LiuyanError):
    """The account is the last admin that can sign in."""

    def __init__(self) -> None:
        super().__init__("This is the last administrator: appoint another one first.")


@dataclass(frozen=True, slots=True)
class User:
    """An account without its password hash. ``role`` is platform, user, reviewer or admin; contacts are encrypted.

    ``platform`` is the only one that the role platform may read.
    """

    number: int
    name: str
    role: str
    state: State
    phone_encrypted: str | None
    email_encrypted: str | None
    language: str | None
    must_change_password: bool
    created_at: datetime
    last_sign_in_at: datetime | None
    password_changed_at: datetime
    number_keys: str
    quick_reasons: str | None
    passwords_until: datetime | None = None
    platform: str | None = None

    @property
    def has_contacts(self) -> bool:
        """Whether a phone number or an e-mail address is stored."""
        return self.phone_encrypted is not None or self.email_encrypted is not None


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to insert."""

    name: str
    password_hash: str
    role: str
    state: State
    phone_encrypted: str | None = None
    email_encrypted: str | None = None
    language: str | None = None
    must_change_password: bool = False
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which accounts to list; ``search`` matches a part of the name."""

    search: str | None = None
    role: str | None = None
    state: State | None = None


# In code points, as typed.
NAME_AT_MOST = 64
COLUMNS = [users.c[name] for name in User.__dataclass_fields__]


def fold(name: str) -> str:
    """Return the form in which names are compared: NFKC, case-folded, without surrounding spaces.

    Raises ValueError if the name is longer than NAME_AT_MOST, because normalisation takes time quadratic in the length.
    """
    if len(name) > NAME_AT_MOST:
        raise ValueError("the name is longer than NAME_AT_MOST")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


async def find_user(connection: AsyncConnection, number: int) -> User | None:
    """Return the account with this number, or None."""
    row = (await connection.execute(select(*COLUMNS).where(users.c.number == number))).one_or_none()
    return None if row is None else user_of(row)


async def find_credentials(connection: AsyncConnection, name: str) -> tuple[User, str] | None:
    """Return the account with this name and its password hash, or None."""
    if len(name) > NAME_AT_MOST:
        return None
    query = select(*COLUMNS, users.c.password_hash).where(users.c.name_folded == fold(name))
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (user_of(row), row.password_hash)


async def find_password_hash(connection: AsyncConnection, number: int) -> str | None:
    """Return an account's password hash, or None if there is no such account."""
    query = select(users.c.password_hash).where(users.c.number == number)
    return (await connection.execute(query)).scalar_one_or_none()


async def list_users(
    connection: AsyncConnection, filters: UserFilter, after: int | None, limit: int
) -> tuple[list[User], int | None]:
    """Return a page of accounts, newest first, and the ``after`` of the next page (None: there is none)."""
    query = _filtered(select(*COLUMNS), filters).order_by(users.c.number.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(users.c.number < after)
    found = [user_of(row) for row in await connection.execute(query)]
    return found[:limit], found[limit - 1].number if len(found) > limit else None


def _filtered(query: Select[Any], filters: UserFilter) -> Select[Any]:
    if filters.search:
        query = query.where(users.c.name_folded.contains(fold(filters.search), autoescape=True))
    if filters.role:
        query = query.where(users.c.role == filters.role)
    if filters.state:
        query = query.where(users.c.state == filters.state)
    return query


async def count_users(connection: AsyncConnection, filters: UserFilter) -> int:
    """Count the accounts that match."""
    return int((await connection.execute(_filtered(select(func.count()).select_from(users), filters))).scalar_one())


async def add_user(session: WriteSession, user: NewUser, now: datetime) -> int:
    """Insert an account and return its number. Raises NameTakenError."""
    values = {name: getattr(user, name) for name in NewUser.__dataclass_fields__}
    added = {"name_folded": fold(user.name), "created_at": now, "password_changed_at": now}
    try:
        done = await session.connection.execute(insert(users).values(**values, **added))
    except IntegrityError as error:
        raise NameTakenError(f"An account named {user.name!r} already exists. Choose another name.") from error
    added_number: int = done.inserted_primary_key[0]  # type: ignore[index] # a single-row INSERT has one
    return added_number


async def lock_user(session: WriteSession, number: int) -> User:
    """Lock an account until the transaction ends, and return it. Raises NoAccountError."""
    row = (await session.connection.execute(select(*COLUMNS).where(users.c.number == number).with_for_update())).first()
    if row is None:
        raise NoAccountError(number)
    return user_of(row)


async def lock_password(session: WriteSession, number: int, password_hash: str) -> User | None:
    """Lock an account until the transaction ends, and return it; None if its password hash has changed.

    Passwords are verified before the transaction, because that is slow; a reset may happen in between.
    """
    query = select(*COLUMNS).where(users.c.number == number, users.c.password_hash == password_hash).with_for_update()
    row = (await session.connection.execute(query)).first()
    return None if row is None else user_of(row)


async def lock_contacts(session: WriteSession, after: int, limit: int) -> list[User]:
    """Lock accounts that have contacts, in the order of their numbers from the first one after ``after``."""
    some = or_(users.c.phone_encrypted.is_not(None), users.c.email_encrypted.is_not(None))
    query = select(*COLUMNS).where(users.c.number > after, some).order_by(users.c.number).limit(limit)
    return [user_of(row) for row in await session.connection.execute(query.with_for_update())]


async def lock_admins(session: WriteSession) -> set[int]:
    """Lock all admins that can sign in, and return their numbers, so that concurrent changes cannot remove the last."""
    query = select(users.c.number).where(users.c.role == ADMIN, users.c.state == "active").with_for_update()
    return set((await session.connection.execute(query.order_by(users.c.number))).scalars())


async def require_another_admin(session: WriteSession, number: int) -> None:
    """Raise LastAdminError if the account is the last admin.

    The caller's transaction must also make the change, and lock nothing before: the order in which it locks admins is
    the same everywhere.
    """
    if await lock_admins(session) == {number}:
        raise LastAdminError


async def update_user(session: WriteSession, number: int, changes: Mapping[str, object]) -> None:
    """Update columns of an account. Raises NameTakenError."""
    if not changes:
        return
    values = dict(changes)
    if isinstance(name := values.get("name"), str):
        values["name_folded"] = fold(name)
    try:
        await session.connection.execute(update(users).where(users.c.number == number).values(**values))
    except IntegrityError as error:
        raise NameTakenError(f"An account named {name!r} already exists. Choose another name.") from error


def user_of(row: Any) -> User:
    """Build an account from a row that has ``COLUMNS``."""
    return User(**{name: getattr(row, name) for name in User.__dataclass_fields__})
