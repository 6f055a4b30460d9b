"""Find what an author wrote: comments, and dead letters whose record names the author."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import comments, dead_letters

# A dead letter can be a megabyte large.
LETTERS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Author:
    """An author's name on a platform, as its events write it."""

    platform: str
    name: str


@dataclass(frozen=True, slots=True)
class AuthoredComment:
    """A comment of an author; ``created_at`` and ``number`` are the position in the order of ``comments_of``."""

    number: int
    id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LettersPage:
    """The numbers of the dead letters among some that name an author; ``read_to`` is None after the last ones."""

    numbers: Sequence[int]
    read_to: int | None


async def comments_of(
    connection: AsyncConnection, author: Author, after: AuthoredComment | None, limit: int, last: int | None = None
) -> list[AuthoredComment]:
    """Return the next comments of an author, oldest first, with numbers up to ``last``. Raises TransientStoreError."""
    of = comments.c
    query = select(of.number, of.id, of.created_at).where(of.author == author.name, of.platform == author.platform)
    if last is not None:
        query = query.where(of.number <= last)
    if after is not None:
        later = and_(of.created_at == after.created_at, of.number > after.number)
        query = query.where(or_(of.created_at > after.created_at, later))
    rows = await connection.execute(query.order_by(of.created_at, of.number).limit(limit))
    return [AuthoredComment(*row) for row in rows]


async def count_comments_of(connection: AsyncConnection, author: Author) -> int:
    """Count the comments of an author. Raises TransientStoreError."""
    of = comments.c
    query = select(func.count()).where(of.author == author.name, of.platform == author.platform)
    return int((await connection.execute(query)).scalar_one())


async def letters_naming(
    connection: AsyncConnection, author: Author, after: int, limit: int = LETTERS_AT_ONCE
) -> LettersPage:
    """Search the next ``limit`` dead letters from the number ``after`` on. Raises TransientStoreError."""
    of = dead_letters.c
    query = select(of.number, of.key, of.value).where(of.number > after).order_by(of.number).limit(limit)
    rows = (await connection.execute(query)).all()
    found = [row.number for row in rows if names_author(author, row.key, row.value)]
    return LettersPage(found, rows[-1].number if len(rows) == limit else None)


def names_author(author: Author, key: bytes | None, value: bytes | None) -> bool:
    """Return whether a record names an author. One that is not JSON does if it contains the field with the name."""
    if value is None:
        return False
    platforms = [key.partition(b":")[0].decode(errors="replace")] if key is not None else []
    try:
        fields = json.loads(value[5:] if value[:1] == b"\0" else value)
    except (ValueError, RecursionError):
        return author.platform in platforms and _names_in_text(author.name, value)
    if not isinstance(fields, dict) or fields.get("author") != author.name:
        return False
    return author.platform in (*platforms, fields.get("platform"))


def _names_in_text(name: str, value: bytes) -> bool:
    written = {json.dumps(name).encode(), json.dumps(name, ensure_ascii=False).encode(errors="replace")}
    return any(re.search(rb'"author"\s*:\s*' + re.escape(one), value, re.IGNORECASE) for one in written)
