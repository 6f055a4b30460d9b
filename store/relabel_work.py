"""Share a replay or shadow among processes, and write one labelled batch of it.

Each process is a member of the run and holds parts of it until its membership, a lease, expires. Leases only avoid
double work: a batch moves its parts by compare-and-set, so two processes that read the same part cannot both store it.

Every transaction here locks the run's row before its parts, so that processes cannot deadlock.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.batch import PartitionState
from store.relabel import RelabelOutcome, TextPrediction, add_predictions
from store.relabel_parts import (
    LogPart,
    Part,
    PartAdvance,
    add_log_parts,
    add_store_parts,
    advance,
    read_log_parts,
    restart_part,
    set_ends,
    unfinished,
)
from store.relabel_runs import FINISHED, LOG, RUNNING, STORE, Range, RelabelRun, RunEndedError, finish_run, read_run
from store.relabel_tables import relabel_members, relabel_parts, relabel_runs
from store.rows import built, columns_of
from store.session import WriteSession
from store.tables import comments, models, predictions
from store.types import stored_time

# A killed process keeps its parts for this long.
LEASE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Share:
    """What one process does of a run: the unfinished parts that it holds.

    ``excess`` of them should go to other processes. ``held_by_all`` is the number of parts that all processes hold.
    """

    run: RelabelRun
    parts: Sequence[Part]
    excess: int
    held_by_all: int

    @property
    def rate(self) -> float | None:
        """The process's share of the run's rate, in records per second; None without a limit."""
        return None if self.run.rate is None else self.run.rate * len(self.parts) / max(1, self.held_by_all)


@dataclass(frozen=True, slots=True)
class StoredText:
    """A stored comment's number, identity and current text."""

    number: int
    platform: str
    id: str
    text: str


async def renew_share(session: WriteSession, number: int, member: int) -> Share:
    """Renew the lease of ``member``, take free parts up to a fair share, and begin the next pass when one is done.

    Raises TransientStoreError.
    """
    now = stored_time(session.now)
    await _lock_run(session, number)
    members = await _renew_member(session, number, member, now)
    parts = await _unfinished_parts(session, number)
    run = await read_run(session.connection, number)
    if not parts and run.state == RUNNING:
        if run.current_pass == LOG and run.range.store:
            await add_store_parts(session, number)
            await session.connection.execute(
                update(relabel_runs).where(relabel_runs.c.number == number).values(current_pass=STORE)
            )
            parts = await _unfinished_parts(session, number)
        if not parts:
            await finish_run(session, number, FINISHED)
        run = await read_run(session.connection, number)
    held = [part for part in parts if part.member == member]
    others = [part for part in parts if part.member != member]
    free = [part for part in others if part.member not in members]
    fair = -(-len(parts) // len(members))
    held += free[: max(0, fair - len(held))]
    if held:
        chosen = (relabel_parts.c.run_number == number, relabel_parts.c.part.in_([part.part for part in held]))
        await session.connection.execute(update(relabel_parts).where(*chosen).values(member=member))
    return Share(run, held, max(0, len(held) - fair), len(held) + len(others) - len(free))


async def _lock_run(session: WriteSession, number: int) -> None:
    query = select(relabel_runs.c.number).where(relabel_runs.c.number == number)
    await session.connection.execute(query.with_for_update())


async def _renew_member(session: WriteSession, number: int, member: int, now: datetime) -> set[int]:
    """Renew ``member``, delete the expired ones, and return the members."""
    of = relabel_members.c
    await session.connection.execute(delete(relabel_members).where(of.run_number == number, of.seen_until <= now))
    own = (of.run_number == number, of.member == member)
    renewed = await session.connection.execute(update(relabel_members).where(*own).values(seen_until=now + LEASE))
    if not renewed.rowcount:
        row = {"run_number": number, "member": member, "seen_until": now + LEASE}
        await session.connection.execute(insert(relabel_members).values(**row))
    return set((await session.connection.execute(select(of.member).where(of.run_number == number))).scalars())


async def _unfinished_parts(session: WriteSession, number: int) -> list[Part]:
    query = select(*columns_of(relabel_parts, Part)).where(*unfinished(number)).order_by(relabel_parts.c.part)
    return [built(Part, row) for row in await session.connection.execute(query)]


async def follow_live(
    session: WriteSession, number: int, live: Mapping[tuple[str, int], PartitionState], *, ends: bool
) -> None:
    """Adapt a shadow to the live group's partitions: add new ones, restart those whose topic was recreated.

    ``ends`` ends the shadow at the live group's stored offsets. Repeatable. Raises TransientStoreError.
    """
    await _lock_run(session, number)
    parts = await read_log_parts(session.connection, number)
    first = 1 + max((part.part for part in parts.values()), default=-1)
    # From the beginning of the log, like the live group.
    new = [LogPart(*key, state.topic_id, 0, None) for key, state in sorted(live.items()) if key not in parts]
    await add_log_parts(session, number, new, first)
    for key, state in live.items():
        if key in parts and parts[key].topic_id is None:
            await restart_part(session, number, parts[key].part, state.topic_id, parts[key].next_position)
        elif key in parts and parts[key].topic_id != state.topic_id:
            await restart_part(session, number, parts[key].part, state.topic_id, 0)
    if ends:
        await set_ends(session, number, {key: state.next_offset for key, state in live.items()})


async def release_parts(session: WriteSession, number: int, member: int, parts: Sequence[int] | None = None) -> None:
    """Release these parts of ``member``; without ``parts``, release all and leave the run.

    Raises TransientStoreError.
    """
    of = relabel_parts.c
    chosen = (of.run_number == number, of.member == member, *([] if parts is None else [of.part.in_(parts)]))
    await _lock_run(session, number)
    await session.connection.execute(update(relabel_parts).where(*chosen).values(member=None))
    if parts is None:
        left = (relabel_members.c.run_number == number, relabel_members.c.member == member)
        await session.connection.execute(delete(relabel_members).where(*left))


async def find_unlabelled(session: WriteSession, model: int, texts: Sequence[tuple[str, str, str]]) -> list[int]:
    """Return the indexes of those (platform, id, text) that are stored with this text and lack ``model``'s prediction.

    Nothing is locked. Raises TransientStoreError and PermanentStoreError.
    """
    rows = ({"platform": platform, "id": id, "text": text} for platform, id, text in texts)
    found = (await session.run(session.statements.read_unlabelled, rows, model=model)).scalar_one()
    return sorted(position - 1 for position in json.loads(found or "[]"))


async def read_unlabelled_range(
    connection: AsyncConnection, model: int, first: int, end: int, covered: Range, limit: int
) -> list[StoredText]:
    """Return up to ``limit`` comments with numbers from ``first`` to ``end`` (exclusive) that lack ``model``'s
    prediction, in the order of their numbers. Raises TransientStoreError."""
    of = comments.c
    query = (
        select(of.number, of.platform, of.id, of.text)
        .where(of.number >= first, of.number < end, *_lacks(model, covered))
        .order_by(of.number)
        .limit(limit)
    )
    return [StoredText(*row) for row in await connection.execute(query)]


async def count_unlabelled(connection: AsyncConnection, model: int, covered: Range) -> int:
    """Return the number of comments without ``model``'s prediction: a scan of all comments.

    Raises TransientStoreError.
    """
    query = select(func.count()).select_from(comments).where(*_lacks(model, covered))
    return int((await connection.execute(query)).scalar_one())


async def any_stored(connection: AsyncConnection, covered: Range) -> bool:
    """Return whether the range has a stored comment. Raises TransientStoreError."""
    query = select(comments.c.number).where(*_within(covered)).limit(1)
    return (await connection.execute(query)).first() is not None


def _lacks(model: int, covered: Range) -> list[ColumnElement[bool]]:
    labelled = select(predictions.c.comment_number).where(
        predictions.c.comment_number == comments.c.number, predictions.c.model_number == model
    )
    return [~labelled.exists(), *_within(covered)]


def _within(covered: Range) -> list[ColumnElement[bool]]:
    of = comments.c
    conditions: list[ColumnElement[bool]] = []
    if covered.platforms:
        conditions.append(of.platform.in_(covered.platforms))
    if covered.since is not None:
        conditions.append(of.created_at >= covered.since)
    if covered.until is not None:
        conditions.append(of.created_at < covered.until)
    return conditions


async def write_relabelled(
    session: WriteSession,
    run: RelabelRun,
    advances: Sequence[PartAdvance],
    items: Sequence[TextPrediction],
    *,
    records: int = 0,
    expired: int = 0,
) -> RelabelOutcome:
    """Store one batch of a run: predictions, progress and positions.

    Raises FencedError if another process has moved a part, RunEndedError if the run was cancelled or its model was
    retired, TransientStoreError and PermanentStoreError.
    """
    # A shared lock, so that no prediction is added after a model has been retired and its predictions are deleted.
    model = select(models.c.retired_at).where(models.c.number == run.model_number).with_for_update(read=True)
    if (await session.connection.execute(model)).scalar_one() is not None:
        raise RunEndedError(f"Model {run.model_number} was retired. The {run.kind} has ended.")
    outcome = await add_predictions(session, run.model_number, items, run.compared_with)
    of = relabel_runs.c
    counts = {
        "records": of.records + records,
        "added": of.added + outcome.added,
        "flipped": of.flipped + outcome.flipped,
        "expired": of.expired + expired,
    }
    running = (of.number == run.number, of.state == RUNNING)
    counted = await session.connection.execute(update(relabel_runs).where(*running).values(**counts))
    if not counted.rowcount:
        raise RunEndedError(f"The {run.kind} of model {run.model_number} was cancelled.")
    await advance(session, run.number, advances)
    return outcome
