"""Replays and shadows: runs that add one model's predictions to stored comments, shared by any number of processes.

A model has at most one unfinished replay and one shadow. Their rows hold the progress, so that a run continues after
all of its processes have ended.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import LiuyanError
from store import audit
from store.audit import JSON, Actor
from store.errors import StoreError
from store.relabel_parts import LogPart, add_log_parts, add_store_parts
from store.relabel_tables import relabel_runs
from store.rows import built
from store.session import WriteSession
from store.store import Store
from store.types import stored_time

Kind = Literal["replay", "shadow"]
LOG, STORE = "log", "store"
RUNNING, FINISHED, CANCELLED = "running", "finished", "cancelled"


class RunEndedError(LiuyanError):
    """The run was cancelled, or its model was retired."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a run covers: the passes over topics (``log``) and stored comments (``store``), and their filters.

    ``since`` (inclusive) and ``until`` (exclusive) are record timestamps in the log pass and ``created_at`` in the
    store pass. Without ``platforms``, all platforms are covered.
    """

    log: bool = True
    store: bool = True
    since: datetime | None = None
    until: datetime | None = None
    topics: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the range as JSON. Equal ranges are equal texts."""
        fields = asdict(self)
        for name in ("since", "until"):
            fields[name] = None if fields[name] is None else fields[name].isoformat()
        return json.dumps({**fields, "topics": sorted(self.topics), "platforms": sorted(self.platforms)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse the output of ``to_json``."""
        fields = json.loads(text)
        for name in ("since", "until"):
            fields[name] = None if fields[name] is None else datetime.fromisoformat(fields[name])
        return cls(**{**fields, "topics": tuple(fields["topics"]), "platforms": tuple(fields["platforms"])})


@dataclass(frozen=True, slots=True)
class RelabelRun:
    """A row of ``relabel_runs``. ``rate`` is in records per second; ``records``, ``added``, ``flipped`` and ``expired``
    count what all processes have done so far."""

    number: int
    kind: Kind
    model_number: int
    compared_with: int | None
    range: Range
    rate: float | None
    current_pass: str
    state: str
    started_by: str
    started_at: datetime
    finished_at: datetime | None
    records: int
    added: int
    flipped: int
    expired: int


async def read_run(connection: AsyncConnection, number: int) -> RelabelRun:
    """Return a run. Raises StoreError if there is none."""
    row = (await connection.execute(select(relabel_runs).where(relabel_runs.c.number == number))).one_or_none()
    if row is None:
        raise StoreError(f"There is no replay or shadow {number}.")
    return _run(row)


async def find_unfinished(connection: AsyncConnection, kind: Kind, model: int) -> RelabelRun | None:
    """Return the model's unfinished replay or shadow, or None. Raises TransientStoreError."""
    query = select(relabel_runs).where(relabel_runs.c.slot == _slot(kind, model))
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _run(row)


async def find_last(connection: AsyncConnection, kind: Kind, model: int) -> RelabelRun | None:
    """Return the model's newest replay or shadow in any state, or None. Raises TransientStoreError."""
    query = select(relabel_runs).where(relabel_runs.c.model_number == model, relabel_runs.c.kind == kind)
    row = (await connection.execute(query.order_by(relabel_runs.c.number.desc()).limit(1))).one_or_none()
    return None if row is None else _run(row)


async def start_run(
    store: Store,
    actor: Actor,
    kind: Kind,
    model: int,
    covered: Range,
    parts: Sequence[LogPart],
    *,
    compared_with: int | None,
) -> RelabelRun:
    """Insert a run with its partitions, and an audit record. Return the existing one if it was just started elsewhere.

    Raises StoreError.
    """
    try:
        number = await store.write(_insert, actor, kind, model, covered, parts, compared_with)
    except StoreError as error:
        existing = await store.read(find_unfinished, kind, model)
        if existing is None or not isinstance(error.__cause__, IntegrityError):
            raise
        return existing
    return await store.read(read_run, number)


async def _insert(
    session: WriteSession,
    actor: Actor,
    kind: Kind,
    model: int,
    covered: Range,
    parts: Sequence[LogPart],
    compared_with: int | None,
) -> int:
    values: dict[str, Any] = {
        "kind": kind,
        "model_number": model,
        "compared_with": compared_with,
        "range": covered.to_json(),
        "current_pass": LOG if covered.log else STORE,
        "state": RUNNING,
        "slot": _slot(kind, model),
        "started_by": actor.name,
        "started_at": stored_time(session.now),
    }
    counts = dict.fromkeys(("records", "added", "flipped", "expired"), 0)
    inserted = await session.connection.execute(insert(relabel_runs).values(**values, **counts))
    number = int(inserted.inserted_primary_key[0]) if inserted.inserted_primary_key else 0
    await add_log_parts(session, number, parts)
    if not covered.log:
        await add_store_parts(session, number)
    detail: dict[str, JSON] = {"range": values["range"]} if kind == "replay" else {}
    await audit.record(session, actor, f"{kind}.start", "model", str(model), detail)
    return number


async def set_rate(session: WriteSession, run: int, rate: float | None) -> None:
    """Limit all processes of a run together to ``rate`` records per second; None removes the limit."""
    await session.connection.execute(update(relabel_runs).where(relabel_runs.c.number == run).values(rate=rate))


async def cancel_run(session: WriteSession, actor: Actor, run: RelabelRun) -> None:
    """End a run for all its processes. Predictions that it has added remain."""
    await finish_run(session, run.number, CANCELLED)
    await audit.record(session, actor, f"{run.kind}.cancel", "model", str(run.model_number), {"added": run.added})


async def finish_run(session: WriteSession, run: int, state: str) -> None:
    """Set the final state of a run that is still running."""
    still_running = (relabel_runs.c.number == run, relabel_runs.c.state == RUNNING)
    values = {"state": state, "slot": None, "finished_at": stored_time(session.now)}
    await session.connection.execute(update(relabel_runs).where(*still_running).values(**values))


def _slot(kind: Kind, model: int) -> str:
    return f"{kind} {model}"


def _run(row: Row[Any]) -> RelabelRun:
    return built(RelabelRun, row, range=Range.from_json(row.range))
