"""Notices: announcements that administrators publish for a period of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit
from store.admin_tables import notices
from store.audit import JSON, Actor
from store.session import WriteSession

# At most this many notices on the home page.
SHOWN = 50


class NoticeState(StrEnum):
    """The state of a notice: not shown yet, shown, no longer shown, or withdrawn by an administrator."""

    SCHEDULED = "scheduled"
    CURRENT = "current"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class NoticeText:
    """The content of a notice. ``body`` is Markdown; ``starts_at`` is inclusive, ``ends_at`` exclusive or None."""

    title: str
    body: str
    pinned: bool
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A stored notice; ``created_by`` and ``edited_by`` are the names at that time."""

    number: int
    title: str
    body: str
    pinned: bool
    starts_at: datetime
    ends_at: datetime | None
    withdrawn_at: datetime | None
    created_by: str
    created_at: datetime
    edited_by: str | None
    edited_at: datetime | None

    def state(self, now: datetime) -> NoticeState:
        """Return the state at ``now``."""
        if self.withdrawn_at is not None:
            return NoticeState.WITHDRAWN
        if now < self.starts_at:
            return NoticeState.SCHEDULED
        if self.ends_at is not None and self.ends_at <= now:
            return NoticeState.ENDED
        return NoticeState.CURRENT


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Notices, newest first; ``next`` is the value of ``before`` for the next page, None on the last page."""

    items: Sequence[Notice]
    next: int | None


_NOTICES = select(*(notices.c[name] for name in Notice.__dataclass_fields__))


async def current_notices(connection: AsyncConnection, now: datetime) -> list[Notice]:
    """Return the notices shown at ``now``: pinned ones first, then by latest start. Raises StoreError."""
    columns = notices.c
    shown = and_(
        columns.withdrawn_at.is_(None),
        columns.starts_at <= now,
        or_(columns.ends_at.is_(None), columns.ends_at > now),
    )
    order = (columns.pinned.desc(), columns.starts_at.desc(), columns.number.desc())
    return await _read(connection, shown, order, SHOWN)


async def list_notices(connection: AsyncConnection, *, before: int | None = None, limit: int = 50) -> NoticePage:
    """Return a page of all notices, newest first. Raises StoreError."""
    columns = notices.c
    condition = columns.number < before if before is not None else columns.number > 0
    found = await _read(connection, condition, (columns.number.desc(),), limit + 1)
    return NoticePage(found[:limit], found[limit - 1].number if len(found) > limit else None)


async def read_notice(connection: AsyncConnection, number: int) -> Notice | None:
    """Return a notice, or None. Raises StoreError."""
    return await _find(connection, number)


async def add_notice(session: WriteSession, actor: Actor, text: NoticeText) -> Notice:
    """Insert a notice. Raises StoreError."""
    now = _now(session)
    row = {**_columns(text), "created_by": actor.name, "created_at": now}
    number = (await session.connection.execute(insert(notices).values(row))).lastrowid
    await audit.record(session, actor, "notice.add", "notice", str(number), _detail(text))
    return await _read_back(session, number)


async def edit_notice(session: WriteSession, actor: Actor, number: int, text: NoticeText) -> Notice | None:
    """Replace the content of a notice; return None if it does not exist. Raises StoreError."""
    return await _change(session, actor, number, "notice.edit", _columns(text), _detail(text))


async def withdraw_notice(session: WriteSession, actor: Actor, number: int) -> Notice | None:
    """Withdraw a notice, whatever its period; return None if it does not exist. Raises StoreError."""
    known = await _find(session.connection, number, lock=True)
    if known is None or known.withdrawn_at is not None:
        return known
    await _update(session, number, {"withdrawn_at": _now(session)})
    await audit.record(session, actor, "notice.withdraw", "notice", str(number), {})
    return await _read_back(session, number)


async def restore_notice(session: WriteSession, actor: Actor, number: int) -> Notice | None:
    """Undo a withdrawal; return None if the notice does not exist. Raises StoreError."""
    return await _change(session, actor, number, "notice.restore", {"withdrawn_at": None}, {})


async def delete_notice(session: WriteSession, actor: Actor, number: int) -> bool:
    """Delete a notice permanently; return whether it existed. Raises StoreError."""
    done = await session.connection.execute(delete(notices).where(notices.c.number == number))
    if done.rowcount:
        await audit.record(session, actor, "notice.delete", "notice", str(number), {})
    return bool(done.rowcount)


async def _change(
    session: WriteSession,
    actor: Actor,
    number: int,
    action: str,
    values: Mapping[str, object],
    detail: Mapping[str, JSON],
) -> Notice | None:
    if await _find(session.connection, number, lock=True) is None:
        return None
    await _update(session, number, {**values, "edited_by": actor.name, "edited_at": _now(session)})
    await audit.record(session, actor, action, "notice", str(number), detail)
    return await _read_back(session, number)


async def _update(session: WriteSession, number: int, values: Mapping[str, object]) -> None:
    await session.connection.execute(update(notices).where(notices.c.number == number).values(values))


async def _read_back(session: WriteSession, number: int) -> Notice:
    found = await _find(session.connection, number)
    if found is None:
        raise LookupError(f"notice {number} has disappeared within its own transaction")
    return found


async def _find(connection: AsyncConnection, number: int, *, lock: bool = False) -> Notice | None:
    query = _NOTICES.where(notices.c.number == number)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _notice(row)


async def _read(
    connection: AsyncConnection, condition: ColumnElement[bool], order: Sequence[ColumnElement[Any]], limit: int
) -> list[Notice]:
    query = _NOTICES.where(condition).order_by(*order).limit(limit)
    return [_notice(row) for row in await connection.execute(query)]


def _notice(row: Any) -> Notice:
    values = row._asdict()
    return Notice(**{**values, "pinned": bool(values["pinned"])})


def _columns(text: NoticeText) -> dict[str, object]:
    return {name: getattr(text, name) for name in NoticeText.__dataclass_fields__}


def _detail(text: NoticeText) -> dict[str, JSON]:
    return {
        "title": text.title,
        "pinned": text.pinned,
        "starts_at": text.starts_at.isoformat(),
        "ends_at": text.ends_at.isoformat() if text.ends_at else None,
    }


def _now(session: WriteSession) -> datetime:
    return datetime.fromisoformat(session.now).replace(tzinfo=UTC)
