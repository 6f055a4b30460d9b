"""The rejected records of one platform, as its accounts see them: without content and without the names of people."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dead_letter_admin import DeadLetterState
from store.tables import dead_letters

# The newest records of a platform that are counted and searched for a reason, so that a query's time is bounded.
COUNTED = 10_000
# Details of this reason are the database's error messages, which may name things of other platforms.
WITHOUT_DETAIL = frozenset({"refused_by_database"})


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was rejected. ``key`` is its beginning if the record was too large; ``record_timestamp`` is in
    milliseconds since 1970."""

    number: int
    topic: str
    partition: int
    offset: int
    key: bytes | None
    record_timestamp: int
    reason: str
    detail: str
    stored_at: datetime
    state: DeadLetterState


async def list_rejected(
    connection: AsyncConnection, platform: str, limit: int, *, reason: str | None = None, before: int | None = None
) -> list[Rejected]:
    """Return at most ``limit`` rejected records of a platform with numbers below ``before``, newest first.

    With ``reason``, only the newest COUNTED of them are searched. Raises TransientStoreError.
    """
    of = dead_letters.c
    query = select(*(of[name] for name in Rejected.__dataclass_fields__)).order_by(of.number.desc()).limit(limit)
    if reason is not None:
        newest = _newest(platform, before).subquery()
        query = query.join(newest, newest.c.number == of.number).where(newest.c.reason == reason)
    else:
        query = query.where(of.platform == platform, *([] if before is None else [of.number < before]))
    return [_rejected(Rejected(*row)) for row in await connection.execute(query)]


async def count_rejected(connection: AsyncConnection, platform: str) -> dict[str, int]:
    """Count the newest COUNTED rejected records of a platform by reason, most frequent first."""
    newest = _newest(platform, None).subquery()
    query = select(newest.c.reason, func.count().label("n")).group_by(newest.c.reason)
    counted = [(row.reason, int(row.n)) for row in await connection.execute(query)]
    return dict(sorted(counted, key=lambda one: (-one[1], one[0])))


def _newest(platform: str, before: int | None) -> Select[tuple[int, str]]:
    of = dead_letters.c
    query = select(of.number, of.reason).where(of.platform == platform).order_by(of.number.desc()).limit(COUNTED)
    return query if before is None else query.where(of.number < before)


def _rejected(row: Rejected) -> Rejected:
    detail = "" if row.reason in WITHOUT_DETAIL else row.detail
    values = {name: getattr(row, name) for name in Rejected.__dataclass_fields__}
    return Rejected(**values | {"detail": detail, "state": DeadLetterState(row.state)})
