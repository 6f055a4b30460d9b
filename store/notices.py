"""Notices: what administrators tell everybody who signs in, from when and until when."""

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

# More than anybody reads on a home page.
SHOWN = 50


class NoticeState(StrEnum):
    """Whether a notice is shown: not yet, now, no more, or taken back by an administrator."""

    SCHEDULED = "scheduled"
    CURRENT = "current"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class NoticeText:
    """What an administrator writes: ``body`` is Markdown, ``ends_at`` None is for good. ``starts_at`` is included,
    ``ends_at`` is not."""

    title: str
    body: str
    pinned: bool
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it stands; ``created_by`` and ``edited_by`` are names as they were then."""

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
        """Whether it is shown at ``now``."""
        if self.withdrawn_at is not None:
            return NoticeState.WITHDRAWN
        if now < self.starts_at:
            return NoticeState.SCHEDULED
        if self.ends_at is not None and self.ends_at <= now:
            return NoticeState.ENDED
        return NoticeState.CURRENT


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Notices, the newest first; ``next`` is the number before which the next page begins, None on the last one."""

    items: Sequence[Notice]
    next: int | None


_NOTICES = select(*(notices.c[name] for name in Notice.__dataclass_fields__))


async def current_notices(connection: AsyncConnection, now: datetime) -> list[Notice]:
    """What everybody is shown at ``now``: the pinned ones first, then the latest to begin. Raises StoreError."""
    columns = notices.c
    shown = and_(
        columns.withdrawn_at.is_(None),
        columns.starts_at <= now,
        or_(columns.ends_at.is_(None), columns.ends_at > now),
    )
    order = (columns.pinned.desc(), columns.starts_at.desc(), columns.number.desc())
    return await _read(connection, shown, order, SHOWN)


async def list_notices(connection: AsyncConnection, *, before: int | None = None, limit: int = 50) -> NoticePage:
    """Every notice, the newest first. Raises StoreError."""
    columns = notices.c
    condition = columns.number < before if before is not None else columns.number > 0
    found = await _read(connection, condition, (columns.number.desc(),), limit + 1)
    return NoticePage(found[:limit], found[limit - 1].number if len(found) > limit else None)


async def read_notice(connection: AsyncConnection, number: int) -> Notice | None:
    """One notice. Raises StoreError."""
    return await _one(connection, number)


async def add_notice(session: WriteSession, actor: Actor, text: NoticeText) -> Notice:
    """Write a new notice. Raises StoreError."""
    now = _now(session)
    row = {**_columns(text), "created_by": actor.name, "created_at": now}
    number = (await session.connection.execute(insert(notices).values(row))).lastrowid
    await audit.record(session, actor, "notice.add", "notice", str(number), _detail(text))
    return await _written(session, number)


async def edit_notice(session: WriteSession, actor: Actor, number: int, text: NoticeText) -> Notice | None:
    """Write what a notice says, and when, anew; None when there is none. Raises StoreError."""
    return await _change(session, actor, number, "notice.edit", _columns(text), _detail(text))


async def withdraw_notice(session: WriteSession, actor: Actor, number: int) -> Notice | None:
    """Show a notice no more, whatever its times say; None when there is none. Raises StoreError."""
    known = await _one(session.connection, number, lock=True)
    if known is None or known.withdrawn_at is not None:
        return known
    await _update(session, number, {"withdrawn_at": _now(session)})
    await audit.record(session, actor, "notice.withdraw", "notice", str(number), {})
    return await _written(session, number)


async def restore_notice(session: WriteSession, actor: Actor, number: int) -> Notice | None:
    """Take a withdrawal back; None when there is no such notice. Raises StoreError."""
    return await _change(session, actor, number, "notice.restore", {"withdrawn_at": None}, {})


async def delete_notice(session: WriteSession, actor: Actor, number: int) -> bool:
    """Remove a notice for good; whether there was one. Raises StoreError."""
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
    if await _one(session.connection, number, lock=True) is None:
        return None
    await _update(session, number, {**values, "edited_by": actor.name, "edited_at": _now(session)})
    await audit.record(session, actor, action, "notice", str(number), detail)
    return await _written(session, number)


async def _update(session: WriteSession, number: int, values: Mapping[str, object]) -> None:
    await session.connection.execute(update(notices).where(notices.c.number == number).values(values))


async def _written(session: WriteSession, number: int) -> Notice:
    found = await _one(session.connection, number)
    if found is None:
        raise LookupError(f"notice {number} is gone within its own transaction")
    return found


async def _one(connection: AsyncConnection, number: int, *, lock: bool = False) -> Notice | None:
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
