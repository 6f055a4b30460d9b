"""The parts of a replay or shadow: partitions of topics, and ranges of comment numbers in the store pass."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.errors import FencedError
from store.relabel_tables import relabel_parts
from store.rows import built, columns_of
from store.session import WriteSession
from store.tables import comments

# Enough ranges that processes finish together, and few enough that each is read with full batches.
STORE_PARTS = 64
SMALLEST_STORE_PART = 2_000


@dataclass(frozen=True, slots=True)
class LogPart:
    """A partition to read from offset ``next_position`` to ``end_position``, which a shadow does not know."""

    topic: str
    partition: int
    topic_id: str | None
    next_position: int
    end_position: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """A row of ``relabel_parts``. ``topic`` and ``partition`` are None for a range of comment numbers."""

    part: int
    topic: str | None
    partition: int | None
    topic_id: str | None
    next_position: int
    end_position: int | None
    member: int | None


@dataclass(frozen=True, slots=True)
class PartAdvance:
    """Move a part from ``expected`` to ``next_position`` (compare-and-set)."""

    part: int
    expected: int
    next_position: int


@dataclass(frozen=True, slots=True)
class Done:
    """Records of the topics, or comment numbers of the store pass: those read, and all."""

    read: int
    all: int


def unfinished(run: int) -> tuple[ColumnElement[bool], ...]:
    """Return the condition for the parts of a run that are not read to their end."""
    of = relabel_parts.c
    return (of.run_number == run, or_(of.end_position.is_(None), of.next_position < of.end_position))


async def read_log_parts(connection: AsyncConnection, run: int) -> dict[tuple[str, int], Part]:
    """Return the partitions of a run, by topic and partition. Raises TransientStoreError."""
    query = select(*columns_of(relabel_parts, Part)).where(
        relabel_parts.c.run_number == run, relabel_parts.c.topic.is_not(None)
    )
    parts = [built(Part, row) for row in await connection.execute(query)]
    return {(part.topic, part.partition): part for part in parts if part.topic and part.partition is not None}


async def read_done(connection: AsyncConnection, run: int) -> tuple[Done, Done]:
    """Return how much of the log pass and of the store pass is done. Raises TransientStoreError."""
    of = relabel_parts.c
    is_log = of.topic.is_not(None)
    sums = (func.sum(of.next_position - of.first_position), func.sum(of.end_position - of.first_position))
    rows = await connection.execute(select(is_log, *sums).where(of.run_number == run).group_by(is_log))
    done = {bool(log): Done(int(read), int(total or 0)) for log, read, total in rows}
    return done.get(True, Done(0, 0)), done.get(False, Done(0, 0))


async def add_log_parts(session: WriteSession, run: int, parts: Iterable[LogPart], first: int = 0) -> None:
    """Add partitions to a run, numbered from ``first``."""
    rows = [
        {"run_number": run, "part": number, "first_position": part.next_position, **asdict(part)}
        for number, part in enumerate(parts, first)
    ]
    if rows:
        await session.connection.execute(insert(relabel_parts), rows)


async def add_store_parts(session: WriteSession, run: int) -> None:
    """Add ranges of comment numbers that cover all comments stored so far."""
    of = relabel_parts.c
    # Two queries, because MySQL reads one end of the primary key for one aggregate and all comments for both.
    oldest = (await session.connection.execute(select(func.min(comments.c.number)))).scalar_one_or_none()
    newest = (await session.connection.execute(select(func.max(comments.c.number)))).scalar_one_or_none()
    first = (await session.connection.execute(select(func.max(of.part)).where(of.run_number == run))).scalar_one()
    if oldest is None or newest is None:
        return
    size = max(SMALLEST_STORE_PART, -(-(newest + 1 - oldest) // STORE_PARTS))
    rows = [
        {
            "run_number": run,
            "part": number,
            "first_position": begin,
            "next_position": begin,
            "end_position": min(begin + size, newest + 1),
        }
        for number, begin in enumerate(range(oldest, newest + 1, size), 0 if first is None else first + 1)
    ]
    await session.connection.execute(insert(relabel_parts), rows)


async def advance(session: WriteSession, run: int, advances: Sequence[PartAdvance]) -> None:
    """Move parts of a run. Raises FencedError unless all are where they are expected."""
    rows = [{"run_number": run, **asdict(one)} for one in sorted(advances, key=lambda one: one.part)]
    if not rows:
        return
    moved = (await session.run(session.statements.advance_parts, rows)).rowcount
    if moved != len(rows):
        raise FencedError(f"Only {moved} of {len(rows)} parts are at the position where this batch began.")


async def set_ends(session: WriteSession, run: int, ends: Mapping[tuple[str, int], int]) -> None:
    """Set the ends, by topic and partition, of a shadow's partitions; others end where they are."""
    of = relabel_parts.c
    for (topic, partition), end in ends.items():
        same = (of.run_number == run, of.topic == topic, of.partition == partition, of.end_position.is_(None))
        await session.connection.execute(update(relabel_parts).where(*same).values(end_position=end))
    rest = (of.run_number == run, of.end_position.is_(None))
    await session.connection.execute(update(relabel_parts).where(*rest).values(end_position=of.next_position))


async def restart_part(session: WriteSession, run: int, part: int, topic_id: str | None, position: int) -> None:
    """Set a partition's topic id and next offset unconditionally."""
    same = (relabel_parts.c.run_number == run, relabel_parts.c.part == part)
    values = {"topic_id": topic_id, "first_position": position, "next_position": position}
    await session.connection.execute(update(relabel_parts).where(*same).values(**values))
