"""Progress of replays and shadows, for the metrics of the API."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.relabel_runs import RUNNING
from store.relabel_tables import relabel_parts, relabel_runs
from store.tables import models, partitions


@dataclass(frozen=True, slots=True)
class ReplayFigures:
    """Records (in the store pass: comment numbers) that a replay has read and has still to read, and the comments that
    it has labelled."""

    done: int
    remaining: int
    comments: int


async def replay_figures(connection: AsyncConnection) -> Mapping[str, ReplayFigures]:
    """Return the newest replay of each model that is not retired, by the model's SHA-256.

    Nothing remains of a replay that was cancelled. The store pass is included when it begins.
    Raises TransientStoreError.
    """
    run, part = relabel_runs.c, relabel_parts.c
    newest = (
        select(func.max(run.number))
        .join_from(relabel_runs, models, run.model_number == models.c.number)
        .where(run.kind == "replay", models.c.retired_at.is_(None))
        .group_by(run.model_number)
    )
    left = case((run.state == RUNNING, part.end_position - part.next_position), else_=0)
    query = (
        select(
            models.c.sha256,
            func.coalesce(func.sum(part.next_position - part.first_position), 0),
            func.coalesce(func.sum(left), 0),
            run.added,
        )
        .join_from(relabel_runs, models, run.model_number == models.c.number)
        .outerjoin(relabel_parts, part.run_number == run.number)
        .where(run.number.in_(newest))
        .group_by(models.c.sha256, run.added)
    )
    found = await connection.execute(query)
    return {sha256: ReplayFigures(int(done), int(remaining), added) for sha256, done, remaining, added in found}


async def shadow_lags(connection: AsyncConnection, group: str) -> Mapping[str, int]:
    """Return how many records ``group`` has stored that each unfinished shadow has still to read, by the SHA-256 of the
    shadow's model. Raises TransientStoreError."""
    run, part, live = relabel_runs.c, relabel_parts.c, partitions.c
    behind = case((live.next_offset > part.next_position, live.next_offset - part.next_position), else_=0)
    same = (live.consumer_group == group) & (live.topic == part.topic) & (live.partition == part.partition)
    query = (
        select(models.c.sha256, func.coalesce(func.sum(behind), 0))
        .join_from(relabel_runs, models, run.model_number == models.c.number)
        .outerjoin(relabel_parts, part.run_number == run.number)
        .outerjoin(partitions, same)
        .where(run.kind == "shadow", run.state == RUNNING)
        .group_by(models.c.sha256)
    )
    return {sha256: int(lag) for sha256, lag in await connection.execute(query)}
