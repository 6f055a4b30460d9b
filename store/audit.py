"""The audit log: who changed what, written in the transaction of the change.

Each record is also a log line once the transaction is committed, so that it can be shipped to another machine.
"""

import getpass
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import structlog
from sqlalchemy import Select, and_, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.terminal import printable
from store.admin_tables import audit_log, stored_keys
from store.comments import Keyset
from store.session import WriteSession

# `anonymous` is somebody who has not signed in.
Via = Literal["session", "token", "command", "anonymous"]
JSON = str | int | float | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]
OBJECT_ID = 200
KEY_NAME = "audit_log"
REQUEST_ID = 64
# The records whose actions are counted for filters.
NEWEST = 10_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: an account, through a session or a token, or a command (which has no number).

    ``token_number`` is the token's. ``by_user`` is whether the account has only the role user.
    """

    user_number: int | None
    name: str
    via: Via
    address: str | None
    token_number: int | None = None
    by_user: bool = False


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
    """One change. ``action`` is for example `review.add`; ``object_id`` identifies the object to people.

    For a comment ``object_id`` is a digest of platform and id. ``request_id`` is the request's, as in log lines.
    """

    number: int
    at: datetime
    user_number: int | None
    user_name: str
    via: Via
    address: str | None
    token_number: int | None
    request_id: str | None
    action: str
    object_kind: str
    object_id: str
    detail: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which changes to list; an ``action`` that ends in a dot matches the whole group (`user.`).

    An ``object_id`` of the form `platform:id` also finds the records of that comment.
    """

    user_number: int | None = None
    user_name: str | None = None
    token_number: int | None = None
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

    ``detail`` must not contain comment texts or ids, passwords, tokens, phone numbers or email addresses. The request
    id is the one that log lines of this request carry.
    """
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    values: dict[str, Any] = {
        "user_number": actor.user_number,
        "user_name": actor.name,
        "via": actor.via,
        "address": actor.address,
        "token_number": actor.token_number,
        "request_id": None if request_id is None else str(request_id)[:REQUEST_ID],
        "action": action,
        "object_kind": object_kind,
        "object_id": object_id[:OBJECT_ID],
    }
    at, written = datetime.fromisoformat(session.now).replace(tzinfo=UTC), json.dumps(detail, ensure_ascii=False)
    done = await session.connection.execute(insert(audit_log).values(at=at, detail=written, **values))
    number = (done.inserted_primary_key or (None,))[0]
    session.on_commit.append(lambda: _write_line(number=number, at=at.isoformat(), detail=detail, **values))


async def record_on_comment(
    session: WriteSession, actor: Actor, action: str, platform: str, id: str, detail: Mapping[str, JSON]
) -> None:
    """Record a change of a comment. Only a digest names the comment, so that its erasure leaves nothing here."""
    digest = comment_digest(await _audit_key(session.connection), platform, id)
    await record(session, actor, action, "comment", digest, detail)


def comment_digest(key: bytes, platform: str, id: str) -> str:
    """Return the digest that replaces a comment in the audit log. ``key`` is the database's own."""
    return hmac.digest(key, f"{platform}:{id}".encode(), hashlib.sha256).hex()


async def author_digest(connection: AsyncConnection, platform: str, author: str) -> str:
    """Return the digest that replaces an author in the audit log and in erasure requests."""
    return comment_digest(await _audit_key(connection), "author", f"{platform}:{author}")


async def _audit_key(connection: AsyncConnection) -> bytes:
    query = select(stored_keys.c.secret).where(stored_keys.c.name == KEY_NAME)
    return bytes.fromhex((await connection.execute(query)).scalar_one())


def _write_line(**fields: object) -> None:
    """Log a record. Commands have no log: they print for people, and only the table records what they do."""
    if structlog.is_configured():
        log.info("audit", **fields)


async def list_records(
    connection: AsyncConnection, filters: AuditFilter, after: Keyset | None, limit: int
) -> AuditPage:
    """Return a page of changes, newest first."""
    object_ids = None if filters.object_id is None else [filters.object_id]
    if filters.object_id is not None and ":" in filters.object_id:
        platform, id = filters.object_id.split(":", 1)
        object_ids = [filters.object_id, comment_digest(await _audit_key(connection), platform, id)]
    query = _filtered(filters, object_ids)
    if after is not None:
        columns = audit_log.c
        older = and_(columns.at == after.created_at, columns.number < after.number)
        query = query.where(or_(columns.at < after.created_at, older))
    query = query.order_by(audit_log.c.at.desc(), audit_log.c.number.desc()).limit(limit + 1)
    records = [_record(row) for row in await connection.execute(query)]
    last = records[limit - 1] if len(records) > limit else None
    return AuditPage(records[:limit], Keyset(last.at, last.number) if last else None)


async def count_newest(connection: AsyncConnection) -> tuple[dict[str, int], dict[str, int]]:
    """Count the newest NEWEST records by action and by object kind. Raises TransientStoreError."""
    columns = audit_log.c
    newest = select(columns.action, columns.object_kind).order_by(columns.number.desc()).limit(NEWEST).subquery()
    query = select(newest.c.action, newest.c.object_kind, func.count()).group_by(newest.c.action, newest.c.object_kind)
    actions: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for action, kind, count in await connection.execute(query):
        actions[action] += count
        kinds[kind] += count
    return dict(actions), dict(kinds)


def _filtered(filters: AuditFilter, object_ids: Sequence[str] | None) -> Select[Any]:
    columns = audit_log.c
    query = select(audit_log)
    for column, value in (
        (columns.user_number, filters.user_number),
        (columns.user_name, filters.user_name),
        (columns.token_number, filters.token_number),
        (columns.object_kind, filters.object_kind),
    ):
        if value is not None:
            query = query.where(column == value)
    if object_ids is not None:
        query = query.where(columns.object_id.in_(object_ids))
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
