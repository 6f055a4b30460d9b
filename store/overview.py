"""The state of the consumers according to the database, for the administrators' home page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import partitions


@dataclass(frozen=True, slots=True)
class ConsumerHealth:
    """Totals of all consumer groups. ``records_lost`` counts records that retention removed before they were read;
    ``moved_at`` is when a stored offset last advanced, or None."""

    followed: int
    paused: int
    records_lost: int
    moved_at: datetime | None


async def consumer_health(connection: AsyncConnection) -> ConsumerHealth:
    """Sum up the rows of ``partitions``. Raises StoreError."""
    columns = partitions.c
    query = select(
        func.count(), func.count(columns.paused_at), func.sum(columns.records_lost), func.max(columns.updated_at)
    ).select_from(partitions)
    followed, paused, lost, moved_at = (await connection.execute(query)).one()
    return ConsumerHealth(followed, paused, int(lost or 0), moved_at)
