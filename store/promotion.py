"""Promote, roll back and retire models. These move a pointer; no labels are rewritten."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import LiuyanError, UsageError
from store import audit
from store.audit import Actor
from store.batch import ModelRow
from store.merge import ALL_PLATFORMS
from store.model_files import has_files
from store.model_tables import ACTIVE_ROW, active_model, missing_scans
from store.models import activate, read_models
from store.ranges import HOUR
from store.relabel_runs import find_unfinished
from store.session import WriteSession
from store.tables import count_sums, models
from store.types import stored_time

# Writers and the database may disagree about the time, and a shadow may be behind: comments that changed this long
# before a promotion or a rollback are checked for missing predictions too.
MARGIN = timedelta(minutes=10)
Refusal = Literal[
    "no_artifact", "retired", "other_active", "no_predecessor", "is_active", "is_predecessor", "is_replayed"
]


class NoModelError(UsageError):
    """No single model matches."""


class ModelRefusedError(LiuyanError):
    """A model cannot be promoted, rolled back or retired, because of its state; ``reason`` is a code."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


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
        raise NoModelError(f"{name!r} does not identify one model. List them with `liuyan model list`.")
    return found[0]


async def promote_model(session: WriteSession, actor: Actor, number: int, active: int | None) -> ModelRow:
    """Make a model the active one in place of ``active``, the number of the one that the user saw as active.

    Comments stored shortly before are checked for the model's predictions in the background. Promoting the active
    model changes nothing. Raises NoModelError, ModelRefusedError and StoreError.
    """
    before = await _lock_pointer(session)
    model = await _existing(session, number)
    if model.active:
        return model
    _check_unchanged(before, active)
    await _check_usable(session, model)
    await activate(session, number, before, actor.name)
    await session.connection.execute(update(models).where(models.c.number == number).values(predecessor=before))
    await _scan_from(session, number, stored_time(session.now) - MARGIN)
    await audit.record(session, actor, "model.promote", "model", str(number), {"model": [before, number]})
    return replace(model, active=True, predecessor=before)


async def roll_back(session: WriteSession, actor: Actor, active: int) -> ModelRow:
    """Make the predecessor of ``active``, which the user saw as active, the active model again.

    Comments stored or edited since the promotion are queued for its predictions in the background. Raises NoModelError,
    ModelRefusedError and StoreError.
    """
    before = await _lock_pointer(session)
    _check_unchanged(before, active)
    query = select(active_model.c.activated_at).where(active_model.c.id == ACTIVE_ROW)
    since = (await session.connection.execute(query)).scalar_one()
    number = (await _existing(session, active)).predecessor
    if number is None:
        raise ModelRefusedError(
            "no_predecessor",
            f"No model was active before model {active}. Promote another one with `liuyan model promote MODEL`.",
        )
    model = await _existing(session, number)
    await _check_usable(session, model)
    await activate(session, number, active, actor.name)
    await _scan_from(session, number, since - MARGIN)
    await audit.record(session, actor, "model.roll_back", "model", str(number), {"model": [active, number]})
    return replace(model, active=True)


async def retire_model(session: WriteSession, actor: Actor, number: int) -> ModelRow:
    """Exclude a model from promotion and replay. Retiring it again changes nothing. Its shadow ends.

    Raises NoModelError, ModelRefusedError for the active model, its predecessor and a model with an unfinished replay,
    and StoreError.
    """
    before = await _lock_pointer(session)
    model = await _existing(session, number)
    if model.active:
        raise ModelRefusedError("is_active", f"Model {number} is active. Promote another model first.")
    if before is not None and (await _existing(session, before)).predecessor == number:
        raise ModelRefusedError(
            "is_predecessor",
            f"Model {number} is the model that `liuyan model rollback` returns to. Promote another model first.",
        )
    if model.retired_at is not None:
        return model
    if await find_unfinished(session.connection, "replay", number) is not None:
        raise ModelRefusedError(
            "is_replayed",
            f"Model {number} has an unfinished replay. Wait until it ends, or cancel it with `liuyan consumer replay "
            f"{number} --cancel`.",
        )
    now = stored_time(session.now)
    await session.connection.execute(update(models).where(models.c.number == number).values(retired_at=now))
    await audit.record(session, actor, "model.retire", "model", str(number), {})
    return replace(model, retired_at=now)


async def _lock_pointer(session: WriteSession) -> int | None:
    """Return the active model's number, and make other promotions and batches wait until the transaction ends."""
    query = select(active_model.c.model_number).where(active_model.c.id == ACTIVE_ROW).with_for_update()
    return (await session.connection.execute(query)).scalar_one_or_none()


async def _existing(session: WriteSession, number: int) -> ModelRow:
    model = (await read_models(session.connection)).get(number)
    if model is None:
        raise NoModelError(f"There is no model {number}. List them with `liuyan model list`.")
    return model


def _check_unchanged(active: int | None, seen: int | None) -> None:
    if active != seen:
        raise ModelRefusedError(
            "other_active", f"Model {active} has become active in the meantime. List the models and decide again."
        )


async def _check_usable(session: WriteSession, model: ModelRow) -> None:
    if model.retired_at is not None:
        raise ModelRefusedError(
            "retired",
            f"Model {model.number} ({model.name}) is retired. Register its folder again with `liuyan model register "
            "FOLDER`.",
        )
    if not await has_files(session.connection, model.number):
        raise ModelRefusedError(
            "no_artifact",
            f"The artifact of model {model.number} ({model.name}) is not in the database. Register its folder with "
            "`liuyan model register FOLDER`.",
        )


async def _scan_from(session: WriteSession, number: int, changed_from: datetime) -> None:
    """Start to look for comments changed since ``changed_from`` that the new active model has not labelled."""
    await session.connection.execute(delete(missing_scans))
    values = {"model_number": number, "changed_from": changed_from, "done_up_to": 0}
    await session.connection.execute(insert(missing_scans).values(**values))


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
