"""Requests to erase everything that an author wrote.

A request is a row that a consumer works on: it writes tombstones to the outbox, so that they are in Kafka too and erase
the comments again in a database that is restored later. It repeats this until the consumers have stored what was in
Kafka when the request began.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import UsageError
from store import audit
from store.admin_tables import author_erasures
from store.audit import Actor
from store.authors import Author
from store.dead_letters import comment_key
from store.rows import built, columns_of
from store.session import WriteSession
from store.tables import comments, dead_letters, outbox
from store.types import as_binary, stored_time

LEASE = timedelta(seconds=60)
LISTED = 100
# By topic and partition.
Offsets = Mapping[tuple[str, int], int]


class ErasureState(StrEnum):
    """The progress of a request."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class AuthorErasure:
    """A row of ``author_erasures``. ``author`` is None once it is done.

    ``comments`` counts the tombstones ordered, ``dead_letters`` the dead letters deleted.
    """

    number: int
    platform: str
    author: str | None
    ordered_by: str
    ordered_at: datetime
    state: ErasureState
    comments: int
    dead_letters: int
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeasedErasure:
    """A request that the caller works on. ``end_offsets`` is None before the first step."""

    number: int
    author: Author
    end_offsets: Offsets | None
    last_comment: int | None


async def order_erasure(session: WriteSession, actor: Actor, author: Author) -> int:
    """Order the erasure of an author and return the request's number; that of an unfinished one if there is any.

    Raises UsageError for an empty name, and StoreError.
    """
    if not author.platform or not author.name:
        raise UsageError("Specify the platform and the author's name.")
    of = author_erasures.c
    same = select(of.number).where(of.platform == author.platform, of.author == author.name)
    known = (await session.connection.execute(same.limit(1))).scalar_one_or_none()
    if known is not None:
        return int(known)
    digest = await audit.author_digest(session.connection, author.platform, author.name)
    values = {
        "platform": author.platform[:32],
        "author": author.name[:128],
        "author_digest": digest,
        "ordered_by": actor.name,
        "ordered_at": stored_time(session.now),
        "state": ErasureState.REQUESTED,
    }
    done = await session.connection.execute(insert(author_erasures).values(**values))
    number = int(cast(Any, done.inserted_primary_key)[0])
    await audit.record(session, actor, "author.erase", "author", digest, {"request": number})
    return number


async def list_erasures(connection: AsyncConnection, limit: int = LISTED) -> list[AuthorErasure]:
    """Return the newest requests. Raises TransientStoreError."""
    rows = await connection.execute(_selected().order_by(author_erasures.c.number.desc()).limit(limit))
    return [built(AuthorErasure, row, state=ErasureState(row.state)) for row in rows]


async def read_erasure(connection: AsyncConnection, number: int) -> AuthorErasure | None:
    """Return a request, or None. Raises TransientStoreError."""
    row = (await connection.execute(_selected().where(author_erasures.c.number == number))).one_or_none()
    return None if row is None else built(AuthorErasure, row, state=ErasureState(row.state))


async def has_erasures(connection: AsyncConnection) -> bool:
    """Return whether a request is unfinished. Raises TransientStoreError."""
    of = author_erasures.c
    query = select(of.number).where(of.state.in_((ErasureState.REQUESTED, ErasureState.RUNNING))).limit(1)
    return (await connection.execute(query)).first() is not None


async def lease_erasure(session: WriteSession, token: int) -> LeasedErasure | None:
    """Lease the oldest unfinished request to the process ``token``, or return None. Raises TransientStoreError."""
    of, now = author_erasures.c, stored_time(session.now)
    free = or_(of.claimed_until.is_(None), of.claimed_until < now, of.claimed_by == token)
    query = select(author_erasures).where(of.state.in_((ErasureState.REQUESTED, ErasureState.RUNNING)), free)
    row = (
        await session.connection.execute(query.order_by(of.number).limit(1).with_for_update(skip_locked=True))
    ).one_or_none()
    if row is None:
        return None
    leased = {"state": ErasureState.RUNNING, "claimed_by": token, "claimed_until": now + LEASE}
    await session.connection.execute(update(author_erasures).where(of.number == row.number).values(**leased))
    ends = None if row.end_offsets is None else _offsets(row.end_offsets)
    return LeasedErasure(row.number, Author(row.platform, row.author), ends, row.last_comment)


async def save_end_offsets(session: WriteSession, number: int, token: int, ends: Offsets) -> bool:
    """Store the end offsets at the start. Return False if another process has the lease."""
    stored = json.dumps([[topic, partition, offset] for (topic, partition), offset in sorted(ends.items())])
    return await _change(session, number, token, end_offsets=stored)


async def save_last_comment(session: WriteSession, number: int, token: int) -> int | None:
    """Store the highest number of a comment and return it; None if another process has the lease."""
    last = int((await session.connection.execute(select(func.max(comments.c.number)))).scalar() or 0)
    return last if await _change(session, number, token, last_comment=last) else None


async def order_tombstones(
    session: WriteSession, erasure: LeasedErasure, token: int, ids: Sequence[str], topics: Sequence[str]
) -> bool:
    """Write tombstones for comments of the author to the outbox. Return False if another process has the lease."""
    total = author_erasures.c.comments + len(ids)
    if not await _change(session, erasure.number, token, comments=total):
        return False
    ordered = {"headers": "[]", "ordered_by": "erasure", "ordered_at": stored_time(session.now)}
    for topic in topics:
        for id in ids:
            key = as_binary(comment_key(erasure.author.platform, id))
            await session.connection.execute(insert(outbox).values(topic=topic, key=key, **ordered))
    return True


async def delete_letters(session: WriteSession, number: int, token: int, numbers: Sequence[int]) -> bool:
    """Delete dead letters that name the author. Return False if another process has the lease."""
    total = author_erasures.c.dead_letters + len(numbers)
    if not await _change(session, number, token, dead_letters=total):
        return False
    if numbers:
        await session.connection.execute(delete(dead_letters).where(dead_letters.c.number.in_(list(numbers))))
    return True


async def finish_erasure(session: WriteSession, number: int, token: int) -> bool:
    """Mark a request as done and remove the author's name. Return False if another process has the lease."""
    ended = {"state": ErasureState.DONE, "author": None, "finished_at": stored_time(session.now)}
    return await _change(session, number, token, **ended)


def _selected() -> Select[Any]:
    return select(*columns_of(author_erasures, AuthorErasure))


async def _change(session: WriteSession, number: int, token: int, **values: object) -> bool:
    """Change a leased request and renew the lease."""
    of = author_erasures.c
    own = and_(of.number == number, of.claimed_by == token, of.state == ErasureState.RUNNING)
    renewed = {"claimed_until": stored_time(session.now) + LEASE}
    changed = await session.connection.execute(update(author_erasures).where(own).values(**{**renewed, **values}))
    return changed.rowcount == 1


def _offsets(stored: str) -> Offsets:
    return {(topic, partition): offset for topic, partition, offset in json.loads(stored)}
