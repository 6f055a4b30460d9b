"""Erase an account: its row, sessions and tokens, and its name wherever it was stored with a decision.

Decisions, counts and the audit log remain, under a name that does not identify the person.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Table, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.settings import DETECTION_PLATFORM
from store import audit
from store.accounts import NAME_AT_MOST, User, lock_user, require_another_admin, update_user
from store.admin_tables import api_tokens, audit_log, author_erasures, notices, sessions, users
from store.audit import Actor
from store.author_erasures import order_erasure
from store.authors import Author
from store.model_tables import active_model, comparisons
from store.relabel_tables import relabel_runs
from store.retry import retried
from store.review_tables import blind_decisions, group_decisions
from store.session import WriteSession
from store.store import Store
from store.tables import dead_letters, outbox, pending_reviews, reviews

# Rows that one transaction reads, in the order of their numbers.
STEP = 5_000
# Where names are stored: the column, and the column with the account's number if there is one.
NAMES: Sequence[tuple[Table, str, str | None]] = (
    (reviews, "reviewer", "reviewer_number"),
    (blind_decisions, "reviewer", "reviewer_number"),
    (group_decisions, "reviewer", "reviewer_number"),
    (pending_reviews, "reviewer", "reviewer_number"),
    (notices, "created_by", None),
    (notices, "edited_by", None),
    (dead_letters, "settled_by", None),
    (outbox, "ordered_by", None),
    (comparisons, "ordered_by", None),
    (relabel_runs, "started_by", None),
    (author_erasures, "ordered_by", None),
)


@dataclass(frozen=True, slots=True)
class ErasedAccount:
    """What replaces the name, and the number of the request that erases the account's own texts."""

    pseudonym: str
    request: int


async def erase_account(store: Store, actor: Actor, number: int) -> ErasedAccount:
    """Erase an account. The texts that it stored from text detection are erased by consumers.

    An interrupted erasure can be repeated. Raises NoAccountError, LastAdminError and StoreError.
    """
    user = await store.write(_close, number)
    pseudonym = f"erased account {number}"
    for table, column, account in NAMES:
        await _in_steps(
            store, table, _replacing(table.c[column], table.c[account] if account else None, user, pseudonym)
        )
    await _in_steps(store, audit_log, _replacing_in_audit_log(user, pseudonym))
    return await store.write(_delete, actor, user, pseudonym)


class _Replacing:
    """Replaces a name in a range of rows."""

    def __init__(self, table: Table, condition: ColumnElement[bool], values: dict[str, object]) -> None:
        self._table, self._condition, self._values = table, condition, values

    async def __call__(self, session: WriteSession, rows: ColumnElement[bool]) -> None:
        await session.connection.execute(update(self._table).where(rows, self._condition).values(**self._values))


def _replacing(column: Column[str], account: Column[int] | None, user: User, pseudonym: str) -> _Replacing:
    condition = column == user.name if account is None else account == user.number
    table = column.table
    address = {"address": None} if "address" in table.c else {}
    return _Replacing(table, condition, {column.name: pseudonym, **address})


def _replacing_in_audit_log(user: User, pseudonym: str) -> "_ReplacingInAuditLog":
    return _ReplacingInAuditLog(user, pseudonym)


class _ReplacingInAuditLog:
    """Replaces the name and address of a person in a range of the audit log, and names in the details about it."""

    def __init__(self, user: User, pseudonym: str) -> None:
        self._user, self._pseudonym = user, pseudonym

    async def __call__(self, session: WriteSession, rows: ColumnElement[bool]) -> None:
        of, user = audit_log.c, self._user
        own = or_(of.user_number == user.number, and_(of.user_number.is_(None), of.user_name == user.name))
        values = {"user_name": self._pseudonym, "address": None}
        await session.connection.execute(update(audit_log).where(rows, own).values(**values))
        about = and_(rows, of.object_kind == "user", of.object_id == str(user.number))
        found = (await session.connection.execute(select(of.number, of.detail).where(about))).all()
        for number, detail in found:
            shortened = {name: value for name, value in json.loads(detail).items() if name != "name"}
            written = json.dumps(shortened, ensure_ascii=False)
            if written != detail:
                await session.connection.execute(update(audit_log).where(of.number == number).values(detail=written))


async def _in_steps(store: Store, table: Table, replace: "_Replacing | _ReplacingInAuditLog") -> None:
    """Call ``replace`` with ranges of at most STEP rows."""
    after = 0
    number: Column[int] = table.c.number
    while True:
        last = await store.read(_last_of_step, number, after)
        if last is None:
            return
        rows = and_(number > after, number <= last)
        await retried(lambda: store.write(replace, rows), repeatable=True)  # noqa: B023
        after = last


async def _last_of_step(connection: AsyncConnection, number: Column[int], after: int) -> int | None:
    step = select(number).where(number > after).order_by(number).limit(STEP)
    numbers = list((await connection.execute(step)).scalars())
    return numbers[-1] if numbers else None


async def _close(session: WriteSession, number: int) -> User:
    """Disable the account, so that nothing is recorded under its name any more, and end its sessions."""
    await require_another_admin(session, number)
    user = await lock_user(session, number)
    await update_user(session, number, {"state": "disabled"})
    for table in (sessions, api_tokens):
        await session.connection.execute(delete(table).where(table.c.user_number == number))
    return user


async def _delete(session: WriteSession, actor: Actor, user: User, pseudonym: str) -> ErasedAccount:
    promoted = update(active_model).where(active_model.c.activated_by == user.name).values(activated_by=pseudonym)
    await session.connection.execute(promoted)
    await session.connection.execute(delete(users).where(users.c.number == user.number))
    own = Actor(None, pseudonym, actor.via, None) if actor.user_number == user.number else actor
    await audit.record(session, own, "user.erase", "user", str(user.number), {})
    request = await order_erasure(session, own, Author(DETECTION_PLATFORM, user.name[:NAME_AT_MOST]))
    return ErasedAccount(pseudonym, request)
