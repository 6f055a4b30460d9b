"""How the consumers do, as far as the database knows: what the home page tells administrators."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import partitions


@dataclass(frozen=True, slots=True)
class ConsumerHealth:
    """Of all consumer groups together. ``records_lost`` is how many records retention removed before they were read,
    ``moved_at`` when a stored position last changed; None before the first."""

    followed: int
    paused: int
    records_lost: int
    moved_at: datetime | None


async def consumer_health(connection: AsyncConnection) -> ConsumerHealth:
    """What the partitions' rows say. Raises StoreError."""
    columns = partitions.c
    query = select(
        func.count(), func.count(columns.paused_at), func.sum(columns.records_lost), func.max(columns.updated_at)
    ).select_from(partitions)
    followed, paused, lost, moved_at = (await connection.execute(query)).one()
    return ConsumerHealth(followed, paused, int(lost or 0), moved_at)
