"""The audit log: who changed what, written in the transaction of the change."""

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Select, and_, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.terminal import printable
from store.admin_tables import audit_log
from store.comments import Keyset
from store.session import WriteSession

Via = Literal["session", "token", "command"]
JSON = str | int | float | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]
OBJECT_ID = 200


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: an account, through a session or a token, or a command (which has no number)."""

    user_number: int | None
    name: str
    via: Via
    address: str | None


def command_actor(name: str | None) -> Actor:
    """Return the actor of a command: ``name``, or the operating system's user name."""
    if name is None:
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # The user of a container may have no name.
            name = "unknown"
    return Actor(None, printable(name)[:128], "command", None)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change. ``action`` is for example `review.add`; ``object_id`` identifies the object to people."""

    number: int
    at: datetime
    user_number: int | None
    user_name: str
    via: Via
    address: str | None
    action: str
    object_kind: str
    object_id: str
    detail: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which changes to list; an ``action`` that ends in a dot matches the whole group (`user.`)."""

    user_number: int | None = None
    user_name: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    at_from: datetime | None = None
    at_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Changes, newest first; ``next`` is None on the last page."""

    items: Sequence[AuditRecord]
    next: Keyset | None


async def record(
    session: WriteSession, actor: Actor, action: str, object_kind: str, object_id: str, detail: Mapping[str, JSON]
) -> None:
    """Record a change in its own transaction.

    ``detail`` must not contain comment texts, passwords, tokens, phone numbers or email addresses.
    """
    await session.connection.execute(
        insert(audit_log).values(
            at=datetime.fromisoformat(session.now).replace(tzinfo=UTC),
            user_number=actor.user_number,
            user_name=actor.name,
            via=actor.via,
            address=actor.address,
            action=action,
            object_kind=object_kind,
            object_id=object_id[:OBJECT_ID],
            detail=json.dumps(detail, ensure_ascii=False),
        )
    )


async def list_records(
    connection: AsyncConnection, filters: AuditFilter, after: Keyset | None, limit: int
) -> AuditPage:
    """Return a page of changes, newest first."""
    query = _filtered(filters)
    if after is not None:
        columns = audit_log.c
        older = and_(columns.at == after.created_at, columns.number < after.number)
        query = query.where(or_(columns.at < after.created_at, older))
    query = query.order_by(audit_log.c.at.desc(), audit_log.c.number.desc()).limit(limit + 1)
    records = [_record(row) for row in await connection.execute(query)]
    last = records[limit - 1] if len(records) > limit else None
    return AuditPage(records[:limit], Keyset(last.at, last.number) if last else None)


def _filtered(filters: AuditFilter) -> Select[Any]:
    columns = audit_log.c
    query = select(audit_log)
    for column, value in (
        (columns.user_number, filters.user_number),
        (columns.user_name, filters.user_name),
        (columns.object_kind, filters.object_kind),
        (columns.object_id, filters.object_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if filters.action is not None:
        group = filters.action.endswith(".")
        named = (
            columns.action.startswith(filters.action, autoescape=True) if group else columns.action == filters.action
        )
        query = query.where(named)
    if filters.at_from is not None:
        query = query.where(columns.at >= filters.at_from)
    if filters.at_to is not None:
        query = query.where(columns.at < filters.at_to)
    return query


def _record(row: Any) -> AuditRecord:
    values = row._asdict()
    return AuditRecord(**{**values, "detail": json.loads(values["detail"])})
