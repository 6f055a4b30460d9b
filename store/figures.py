"""Figures for the metrics of the API, each in a bounded number of index entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import sessions, users
from store.analytics import platform_names
from store.blind import waits_for_audit
from store.merge import ALL_PLATFORMS
from store.missing import oldest_missing
from store.model_tables import missing_predictions
from store.models import read_active
from store.ranges import HOUR, bucket_of
from store.review_tables import disputes
from store.tables import comments, count_sums, reviews

# The most comments that are counted in a queue that has no stored sum.
MOST_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The comments in a review queue, and since when the oldest of them waits; None if the queue is empty."""

    comments: int
    waiting_since: datetime | None


async def uncertain_queue(connection: AsyncConnection) -> QueueFigures:
    """Count the comments without a review of which the active model is uncertain; they wait since their hour.

    Raises TransientStoreError.
    """
    active = await read_active(connection)
    if active is None:
        return QueueFigures(0, None)
    of = count_sums.c
    waiting = of.uncertain_positive + of.uncertain_negative
    query = select(func.sum(waiting), func.min(case((waiting > 0, of.begins)))).where(
        of.model_number == active.number, of.bucket == HOUR, of.platform == ALL_PLATFORMS
    )
    n, since = (await connection.execute(query)).one()
    return QueueFigures(int(n or 0), since)


async def audit_queue(connection: AsyncConnection, most: int = MOST_COUNTED) -> QueueFigures:
    """Count the comments that wait for the audit, since they were stored. Raises TransientStoreError."""
    waiting = select(comments.c.number.label("waiting")).where(waits_for_audit())
    return await _counted(connection, waiting, most, select(comments.c.stored_at), comments.c.number)


async def disputed_queue(connection: AsyncConnection, most: int = MOST_COUNTED) -> QueueFigures:
    """Count the disputed comments, since the review that disagrees. Raises TransientStoreError."""
    of = disputes.c
    current = (comments.c.number == of.comment_number) & (comments.c.review_number == of.review_number)
    waiting = select(of.review_number.label("waiting")).join_from(disputes, comments, current)
    return await _counted(connection, waiting, most, select(reviews.c.reviewed_at), reviews.c.number)


async def missing_queue(connection: AsyncConnection, most: int = MOST_COUNTED) -> QueueFigures:
    """Count the comments that wait for the active model's prediction, since they were queued.

    Raises TransientStoreError.
    """
    waiting = select(missing_predictions.c.comment_number).limit(most).subquery()
    n = (await connection.execute(select(func.count()).select_from(waiting))).scalar_one()
    return QueueFigures(int(n), await oldest_missing(connection))


async def last_hour_comments(connection: AsyncConnection, now: datetime) -> Mapping[str, tuple[int, int]]:
    """Return the comments of the last complete hour that the active model finds (positive, negative), by platform.

    All platforms that the model has labelled are included. Raises TransientStoreError.
    """
    active = await read_active(connection)
    if active is None:
        return {}
    platforms = await platform_names(connection, active.number)
    of = count_sums.c
    query = select(of.platform, of.positive, of.negative).where(
        of.model_number == active.number,
        of.bucket == HOUR,
        of.platform.in_(platforms),
        of.begins == bucket_of(HOUR, now) - timedelta(hours=1),
    )
    found = {
        platform: (int(positive), int(negative)) for platform, positive, negative in await connection.execute(query)
    }
    return {platform: found.get(platform, (0, 0)) for platform in platforms}


async def count_sessions(connection: AsyncConnection, now: datetime, idle: timedelta) -> Mapping[str, int]:
    """Count the sessions that have not expired and were used within ``idle``, by the account's role.

    Raises TransientStoreError.
    """
    of = sessions.c
    query = (
        select(users.c.role, func.count())
        .join_from(sessions, users, of.user_number == users.c.number)
        .where(users.c.state == "active", of.expires_at > now, of.seen_at > now - idle)
        .group_by(users.c.role)
    )
    return {str(role): int(n) for role, n in await connection.execute(query)}


async def _counted(
    connection: AsyncConnection,
    waiting: Select[Any],
    most: int,
    since: Select[Any],
    number: ColumnElement[int],
) -> QueueFigures:
    """Count up to ``most`` rows of ``waiting``; ``since`` returns the time of the row with the lowest number."""
    found = waiting.limit(most).subquery()
    n, oldest = (await connection.execute(select(func.count(), func.min(found.c.waiting)))).one()
    if not n:
        return QueueFigures(0, None)
    return QueueFigures(n, (await connection.execute(since.where(number == oldest))).scalar_one_or_none())
