"""A reviewer's own decisions and their effect."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.analytics import CountFilter
from store.corrections import corrections_by_reviewer
from store.review_tables import group_decisions
from store.tables import reviews

# The newest decisions for identical texts whose copies are counted, by all reviewers.
NEWEST_GROUPS = 10_000


@dataclass(frozen=True, slots=True)
class OwnWork:
    """How many decisions, and how many comments they gave another label than the model, identical texts included."""

    decisions: int
    corrected: int


async def own_work(connection: AsyncConnection, reviewer: int, since: datetime) -> OwnWork:
    """Return the work of the account ``reviewer`` since the full hour of ``since``. Raises TransientStoreError."""
    listed = await corrections_by_reviewer(connection, CountFilter(created_from=since))
    done = next((one.done for one in listed if one.reviewer_number == reviewer), None)
    if done is None:
        return OwnWork(0, 0)
    return OwnWork(done.reviews, done.corrections + await _corrected_copies(connection, reviewer, since))


async def _corrected_copies(connection: AsyncConnection, reviewer: int, since: datetime) -> int:
    of = group_decisions.c
    copies = (of.stored - of.withdrawn - 1).label("copies")
    newest = (
        select(of.review_number, of.reviewer_number, of.label, of.decided_at, copies)
        .order_by(of.number.desc())
        .limit(NEWEST_GROUPS)
        .subquery()
    )
    query = (
        select(func.sum(newest.c.copies))
        .join_from(newest, reviews, reviews.c.number == newest.c.review_number)
        .where(
            newest.c.reviewer_number == reviewer,
            newest.c.decided_at >= since,
            newest.c.copies > 0,
            reviews.c.from_model_label.is_not(None),
            reviews.c.from_model_label != newest.c.label,
        )
    )
    return int((await connection.execute(query)).scalar() or 0)
