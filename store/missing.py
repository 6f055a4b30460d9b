"""Label the comments that another model stored after the active model was promoted, or that a scan found.

A consumer leases some, labels them and stores the predictions. Leases only avoid double work: a comment leaves the
queue in the transaction that stores its prediction, and only while the model is still the active one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.model_tables import ACTIVE_ROW, active_model, missing_predictions, missing_scans
from store.models import lock_active
from store.relabel import RelabelOutcome, TextPrediction, add_predictions
from store.session import WriteSession
from store.tables import comments, predictions
from store.types import stored_time


@dataclass(frozen=True, slots=True)
class MissingComment:
    """A stored comment in the queue. After a rollback, ``labelled`` ones have the model's prediction already."""

    number: int
    platform: str
    id: str
    text: str
    labelled: bool


@dataclass(frozen=True, slots=True)
class MissingWork:
    """Whether ``comments`` wait for the predictions of the active ``model``, and whether a ``scan`` looks for more."""

    model: int
    comments: bool
    scan: bool


async def read_missing_work(connection: AsyncConnection) -> MissingWork | None:
    """Return what is left to do for the active model; None if no model is active. Raises TransientStoreError."""
    waiting = exists(select(missing_predictions.c.comment_number))
    scanning = exists(select(missing_scans.c.model_number))
    query = select(active_model.c.model_number, waiting, scanning).where(active_model.c.id == ACTIVE_ROW)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else MissingWork(row[0], bool(row[1]), bool(row[2]))


async def oldest_missing(connection: AsyncConnection) -> datetime | None:
    """Return since when the oldest comment has waited, or None. Raises TransientStoreError."""
    query = select(missing_predictions.c.added_at).order_by(missing_predictions.c.added_at).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def lease_missing(session: WriteSession, model: int, limit: int, lease_seconds: float) -> list[MissingComment]:
    """Lease up to ``limit`` comments for ``model``, those that have waited longest first, and return them.

    Raises TransientStoreError and CommitUnknownError.
    """
    now = stored_time(session.now)
    of = missing_predictions.c
    free = (
        select(of.comment_number)
        .where(or_(of.claimed_until.is_(None), of.claimed_until <= now))
        .order_by(of.added_at, of.comment_number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    numbers = list((await session.connection.execute(free)).scalars())
    if not numbers:
        return []
    leased = update(missing_predictions).where(of.comment_number.in_(numbers))
    await session.connection.execute(leased.values(claimed_until=now + timedelta(seconds=lease_seconds)))
    of = predictions.c
    labelled = exists().where(of.comment_number == comments.c.number, of.model_number == model)
    columns = (comments.c.number, comments.c.platform, comments.c.id, comments.c.text, labelled)
    rows = await session.connection.execute(select(*columns).where(comments.c.number.in_(numbers)))
    return [MissingComment(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]


async def settle_missing(
    session: WriteSession, model: int, numbers: Sequence[int], items: Sequence[TextPrediction]
) -> RelabelOutcome:
    """Store ``model``'s predictions ``items`` of the comments ``numbers``, and remove those it has labelled.

    If the text has changed, the comment stays. If another model has become active, all stay.
    Raises TransientStoreError, PermanentStoreError and CommitUnknownError.
    """
    # Comments are locked before their rows in `missing_predictions`, as in a batch, so that the two cannot deadlock.
    outcome = await add_predictions(session, model, items)
    if await lock_active(session) == model:
        of, labelled = missing_predictions.c, predictions.c
        done = exists().where(labelled.comment_number == of.comment_number, labelled.model_number == model)
        await session.connection.execute(delete(missing_predictions).where(of.comment_number.in_(numbers), done))
    return outcome
