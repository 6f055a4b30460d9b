"""Find comments that the active model has not labelled after a promotion or a rollback, in bounded steps."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Insert, Row, delete, exists, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.model_tables import ACTIVE_ROW, active_model, missing_predictions, missing_scans
from store.session import WriteSession
from store.tables import comments, predictions
from store.types import UtcDateTime, stored_time

# Comments that one step looks at: some tens of milliseconds.
STEP = 10_000


@dataclass(frozen=True, slots=True)
class ScanStep:
    """One step of a scan: ``queued`` comments lack a prediction; ``ended`` means that no step is left."""

    queued: int
    ended: bool


async def continue_scan(session: WriteSession, step: int = STEP) -> ScanStep:
    """Look at the next ``step`` comments of the scan in progress, and queue those without the active model's label.

    Concurrent calls take turns. Raises TransientStoreError.
    """
    scan = (await session.connection.execute(select(missing_scans).with_for_update())).first()
    if scan is None:
        return ScanStep(0, ended=True)
    of = missing_scans.c.model_number == scan.model_number
    active = select(active_model.c.model_number).where(active_model.c.id == ACTIVE_ROW)
    last = None
    if (await session.connection.execute(active)).scalar_one_or_none() == scan.model_number:
        last = await _last_of_step(session.connection, scan.done_up_to, step)
    if last is None:
        await session.connection.execute(delete(missing_scans).where(of))
        return ScanStep(0, ended=True)
    queued = (await session.connection.execute(_queue(session, scan, last))).rowcount
    await session.connection.execute(update(missing_scans).where(of).values(done_up_to=last))
    return ScanStep(max(0, queued), ended=False)


async def _last_of_step(connection: AsyncConnection, after: int, step: int) -> int | None:
    """Return the number of the last of the next ``step`` comments; None if there are no more."""
    of = comments.c
    numbers = select(of.number).where(of.number > after).order_by(of.number)
    newest = select(of.number).where(of.number > after).order_by(of.number.desc())
    for query in (numbers.offset(step - 1), newest):
        last: int | None = (await connection.execute(query.limit(1))).scalar_one_or_none()
        if last is not None:
            return last
    return None


def _queue(session: WriteSession, scan: Row[Any], last: int) -> Insert:
    """Return the statement that queues the comments of one step. It ignores those that are queued or just erased."""
    of, said = comments.c, predictions.c
    labelled = exists().where(said.comment_number == of.number, said.model_number == scan.model_number)
    now = literal(stored_time(session.now), UtcDateTime())
    within = (of.number > scan.done_up_to, of.number <= last, of.changed_at >= scan.changed_from)
    found = select(of.number, now).where(*within, ~labelled)
    statement = insert(missing_predictions).from_select(["comment_number", "added_at"], found)
    prefix = "OR IGNORE" if session.connection.dialect.name == "sqlite" else "IGNORE"
    return statement.prefix_with(prefix)
