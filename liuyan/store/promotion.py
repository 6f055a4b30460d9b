"""Which model's labels are shown: promoting one, or rolling back to one, moves a pointer and rewrites nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import UsageError
from liuyan.store import audit
from liuyan.store.audit import Actor
from liuyan.store.batch import ModelRow
from liuyan.store.models import read_models
from liuyan.store.store import Store
from liuyan.store.tables import hourly_counts, models


class NoModelError(UsageError):
    """There is no such model."""


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many comments have which label; ``uncertain`` of them are uncertain."""

    positive: int = 0
    negative: int = 0
    uncertain: int = 0

    @property
    def all(self) -> int:
        """How many comments there are."""
        return self.positive + self.negative


async def list_models(store: Store) -> list[ModelRow]:
    """Every model that was used with this database, the newest first. Raises StoreError."""
    async with store.reading() as connection:
        return sorted((await read_models(connection)).values(), key=lambda model: -model.number)


async def find_model(store: Store, name: str) -> ModelRow:
    """The model of a number, or of the beginning of a SHA-256. Raises NoModelError unless exactly one fits."""
    found = [
        model
        for model in await list_models(store)
        if name == str(model.number) or (len(name) >= 6 and model.sha256.startswith(name.lower()))
    ]
    if len(found) != 1:
        raise NoModelError(f"{name!r} is not one model: name a number or a SHA-256 that `liuyan store models` shows.")
    return found[0]


async def activate_model(store: Store, actor: Actor, number: int) -> ModelRow:
    """Make a model the one whose labels are shown. Raises NoModelError and StoreError."""
    async with store.writing() as session:
        # Whoever activates at the same time waits here: of two, the later one counts.
        await session.connection.execute(select(models.c.number).order_by(models.c.number).with_for_update())
        known = await read_models(session.connection)
        if number not in known:
            raise NoModelError(f"There is no model {number}: `liuyan store models` shows them.")
        if known[number].active:
            return known[number]
        before = next((model.number for model in known.values() if model.active), None)
        await session.connection.execute(update(models).where(models.c.active.is_(True)).values(active=None))
        await session.connection.execute(update(models).where(models.c.number == number).values(active=True))
        await audit.record(session, actor, "model.activate", "model", str(number), {"before": before})
        return (await read_models(session.connection))[number]


async def recent_counts(store: Store, since: datetime) -> Mapping[int, LabelCounts]:
    """What each model says of the comments written from the hour of ``since`` on, by its number. Raises StoreError."""
    async with store.reading() as connection:
        return {number: await _counts(connection, number, since) for number in await read_models(connection)}


async def _counts(connection: AsyncConnection, model_number: int, since: datetime) -> LabelCounts:
    """By platform: their hours lie together in the table, those of all platforms do not."""
    columns = hourly_counts.c
    ours = columns.model_number == model_number
    platforms = (await connection.execute(select(columns.platform).where(ours).distinct())).scalars().all()
    hour = since.replace(minute=0, second=0, microsecond=0)
    query = (
        select(columns.label, columns.uncertain, func.sum(columns.n))
        .where(ours, columns.platform.in_(platforms), columns.hour >= hour)
        .group_by(columns.label, columns.uncertain)
    )
    counted = {(label, bool(uncertain)): int(n) for label, uncertain, n in await connection.execute(query)}
    return LabelCounts(
        positive=sum(n for (label, _), n in counted.items() if label == "positive"),
        negative=sum(n for (label, _), n in counted.items() if label == "negative"),
        uncertain=sum(n for (_, uncertain), n in counted.items() if uncertain),
    )
