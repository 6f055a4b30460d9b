"""Retire a model and, on request, delete its predictions in steps."""

from dataclasses import dataclass

from liuyan.progress import Report
from store import audit
from store.audit import Actor
from store.batch import ModelRow
from store.coverage import read_totals
from store.promotion import find_model, retire_model
from store.purge import PurgeStep, check_step, purge_step
from store.retry import retried
from store.session import WriteSession
from store.store import Store


@dataclass(frozen=True, slots=True)
class Retired:
    """A retired model and the number of predictions deleted."""

    model: ModelRow
    purged: int


async def retire_and_purge(store: Store, name: str, actor: Actor, progress: Report, *, purge: bool) -> Retired:
    """Retire a model; with ``purge`` delete its predictions, after checking that every comment has another one.

    Raises NoModelError, ModelRefusedError, PurgeError and StoreError.
    """
    number = (await store.read(find_model, name)).number
    if not purge:
        return Retired(await store.write(retire_model, actor, number), 0)
    total = (await store.read(read_totals))[number].coverage.labelled
    await _check(store, number, total, progress)
    model = await store.write(retire_model, actor, number)
    purged, step = 0, PurgeStep(0)
    while step.done_up_to is not None:
        step = await _purge(store, number, step.done_up_to)
        purged += step.n
        progress("deleting predictions", purged, total)
    await store.write(_record, actor, number, purged)
    return Retired(model, purged)


async def _check(store: Store, number: int, total: int, progress: Report) -> None:
    checked, step = 0, PurgeStep(0)
    while step.done_up_to is not None:
        step = await store.read(check_step, number, step.done_up_to)
        checked += step.n
        progress("checking comments", checked, total)


async def _purge(store: Store, number: int, after: int) -> PurgeStep:
    """Delete the next predictions, and again after a conflict with a consumer's batch."""
    return await retried(lambda: store.write(purge_step, number, after), repeatable=True)


async def _record(session: WriteSession, actor: Actor, number: int, purged: int) -> None:
    await audit.record(session, actor, "model.purge", "model", str(number), {"predictions": purged})
