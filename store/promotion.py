"""Activate a model. Promotion and rollback only move a pointer; no labels are rewritten."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import UsageError
from store import audit
from store.audit import Actor
from store.batch import ModelRow
from store.merge import ALL_PLATFORMS
from store.model_tables import ACTIVE_ROW, active_model
from store.models import activate, read_models
from store.ranges import HOUR
from store.session import WriteSession
from store.tables import count_sums


class NoModelError(UsageError):
    """No single model matches."""


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Comments by a model's label; ``uncertain`` of them are uncertain."""

    positive: int = 0
    negative: int = 0
    uncertain: int = 0

    @property
    def all(self) -> int:
        """The number of comments."""
        return self.positive + self.negative


async def list_models(connection: AsyncConnection) -> list[ModelRow]:
    """Return all models, newest first. Raises StoreError."""
    return sorted((await read_models(connection)).values(), key=lambda model: -model.number)


async def find_model(connection: AsyncConnection, name: str) -> ModelRow:
    """Find a model by number or by the beginning of its SHA-256. Raises NoModelError unless exactly one matches."""
    found = [
        model
        for model in await list_models(connection)
        if name == str(model.number) or (len(name) >= 6 and model.sha256.startswith(name.lower()))
    ]
    if len(found) != 1:
        raise NoModelError(f"{name!r} does not identify one model. List them with `liuyan store models list`.")
    return found[0]


async def activate_model(session: WriteSession, actor: Actor, number: int) -> ModelRow:
    """Activate a model. Raises NoModelError and StoreError."""
    # Serialises concurrent activations; the last one wins.
    query = select(active_model.c.model_number).where(active_model.c.id == ACTIVE_ROW).with_for_update()
    before = (await session.connection.execute(query)).scalar_one_or_none()
    known = await read_models(session.connection)
    if number not in known:
        raise NoModelError(f"There is no model {number}. List them with `liuyan store models list`.")
    if number == before:
        return known[number]
    await activate(session, number, before, actor.name)
    await audit.record(session, actor, "model.activate", "model", str(number), {"before": before})
    return (await read_models(session.connection))[number]


async def recent_counts(connection: AsyncConnection, since: datetime) -> Mapping[int, LabelCounts]:
    """Return each model's label counts for comments created from the hour of ``since`` on, by model number.

    Raises StoreError.
    """
    of = count_sums.c
    hour = since.replace(minute=0, second=0, microsecond=0)
    sums = (func.sum(of.positive), func.sum(of.negative), func.sum(of.uncertain))
    known = await read_models(connection)
    conditions = (of.model_number.in_(known), of.platform == ALL_PLATFORMS, of.bucket == HOUR, of.begins >= hour)
    rows = await connection.execute(select(of.model_number, *sums).where(*conditions).group_by(of.model_number))
    counted = {number: LabelCounts(*map(int, counts)) for number, *counts in rows}
    return {number: counted.get(number, LabelCounts()) for number in known}
