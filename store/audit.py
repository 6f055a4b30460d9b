"""The audit log: everything that was changed, by whom, written in the transaction of the change itself."""

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
    """Who changes something: a person, by a page or a token, or a command (which has no number)."""

    user_number: int | None
    name: str
    via: Via
    address: str | None


def command_actor(name: str | None) -> Actor:
    """Whoever gives a command: the name that they say, else that of their account on this machine."""
    if name is None:
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # A container's user may have no name.
            name = "unknown"
    return Actor(None, printable(name)[:128], "command", None)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change. ``action`` is such as `review.add`; the object's id is what people know it by."""

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
    """Which changes to show; ``action`` is a whole one, or the part before its dot with it (`user.`)."""

    user_number: int | None = None
    user_name: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    at_from: datetime | None = None
    at_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Changes, newest first, and where the next page begins; None on the last one."""

    items: Sequence[AuditRecord]
    next: Keyset | None


async def record(
    session: WriteSession, actor: Actor, action: str, object_kind: str, object_id: str, detail: Mapping[str, JSON]
) -> None:
    """Write down a change within its own transaction.

    ``detail`` never holds a comment's text, a password, a token, a phone number or an e-mail address.
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


async def list_records(connection: AsyncConnection, wanted: AuditFilter, after: Keyset | None, limit: int) -> AuditPage:
    """A page of what was changed, newest first."""
    query = _filtered(wanted)
    if after is not None:
        columns = audit_log.c
        older = and_(columns.at == after.created_at, columns.number < after.number)
        query = query.where(or_(columns.at < after.created_at, older))
    query = query.order_by(audit_log.c.at.desc(), audit_log.c.number.desc()).limit(limit + 1)
    records = [_record(row) for row in await connection.execute(query)]
    last = records[limit - 1] if len(records) > limit else None
    return AuditPage(records[:limit], Keyset(last.at, last.number) if last else None)


def _filtered(wanted: AuditFilter) -> Select[Any]:
    columns = audit_log.c
    query = select(audit_log)
    for column, value in (
        (columns.user_number, wanted.user_number),
        (columns.user_name, wanted.user_name),
        (columns.object_kind, wanted.object_kind),
        (columns.object_id, wanted.object_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.action is not None:
        group = wanted.action.endswith(".")
        named = columns.action.startswith(wanted.action, autoescape=True) if group else columns.action == wanted.action
        query = query.where(named)
    if wanted.at_from is not None:
        query = query.where(columns.at >= wanted.at_from)
    if wanted.at_to is not None:
        query = query.where(columns.at < wanted.at_to)
    return query


def _record(row: Any) -> AuditRecord:
    values = row._asdict()
    return AuditRecord(**{**values, "detail": json.loads(values["detail"])})
