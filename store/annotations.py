"""What may explain a change in a time chart: promotions and rollbacks of models, and notices that began."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.admin_tables import audit_log, notices
from store.models import read_models

# The most annotations, the newest: more would hide the chart.
NEWEST = 20


class AnnotationKind(StrEnum):
    """What happened."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Annotation:
    """An event at a point in time; ``title`` is the name of the model that became active, or the notice's title."""

    at: datetime
    kind: AnnotationKind
    title: str


ACTIONS = {"model.promote": AnnotationKind.PROMOTION, "model.roll_back": AnnotationKind.ROLLBACK}


async def list_annotations(
    connection: AsyncConnection, begin: datetime | None, end: datetime | None, now: datetime
) -> list[Annotation]:
    """Return the newest events from ``begin`` to before ``end``, oldest first; None does not limit.

    Notices that were withdrawn, or are scheduled for after ``now``, are left out. Raises TransientStoreError.
    """
    found = [*await _models(connection, begin, end), *await _notices(connection, begin, end, now)]
    return sorted(found, key=lambda one: one.at)[-NEWEST:]


async def _models(connection: AsyncConnection, begin: datetime | None, end: datetime | None) -> Sequence[Annotation]:
    of = audit_log.c
    query = (
        select(of.at, of.action, of.object_id)
        .where(of.object_kind == "model", of.action.in_(ACTIONS), *_within(of.at, begin, end))
        .order_by(of.at.desc(), of.number.desc())
        .limit(NEWEST)
    )
    # Models have few records. Going back in time, the server would read the records of all objects.
    query = query.with_hint(audit_log, "FORCE INDEX (audit_log_by_object)", "mysql")
    names = {str(model.number): model.name for model in (await read_models(connection)).values()}
    rows = await connection.execute(query)
    return [Annotation(at, ACTIONS[action], names.get(number, number)) for at, action, number in rows]


async def _notices(
    connection: AsyncConnection, begin: datetime | None, end: datetime | None, now: datetime
) -> Sequence[Annotation]:
    of = notices.c
    query = (
        select(of.starts_at, of.title)
        .where(of.withdrawn_at.is_(None), of.starts_at <= now, *_within(of.starts_at, begin, end))
        .order_by(of.starts_at.desc(), of.number.desc())
        .limit(NEWEST)
    )
    return [Annotation(at, AnnotationKind.NOTICE, title) for at, title in await connection.execute(query)]


def _within(at: Column[datetime], begin: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    return [*([] if begin is None else [at >= begin]), *([] if end is None else [at < end])]
