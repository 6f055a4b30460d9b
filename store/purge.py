"""Delete a retired model's predictions with their counts, in steps that can be repeated after an interruption."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import LiuyanError
from store.lock_keys import Key, lock_current
from store.merge import Labelled, Outcome, StoredState, count_changes
from store.session import WriteSession
from store.tables import comments, models, predictions
from store.write import move_label_counts

# Comments that one step reads or changes.
STEP = 2_000


class PurgeError(LiuyanError):
    """A model's predictions cannot be deleted: a comment has no other one, or the model is not retired."""


@dataclass(frozen=True, slots=True)
class PurgeStep:
    """One step: ``done_up_to`` is the number of its last comment, None after the last step; ``n`` its predictions."""

    done_up_to: int | None
    n: int = 0


async def check_step(connection: AsyncConnection, model: int, after: int, step: int = STEP) -> PurgeStep:
    """Check the next ``step`` predictions of a model, in the order of comments from ``after`` on.

    Raises PurgeError if a comment has no prediction of another model, and TransientStoreError.
    """
    numbers = await _next_comments(connection, model, after, step)
    if not numbers:
        return PurgeStep(None)
    said, other = predictions.c, predictions.alias("other")
    elsewhere = exists().where(other.c.comment_number == said.comment_number, other.c.model_number != model)
    query = select(func.count()).where(said.comment_number.in_(numbers), said.model_number == model, ~elsewhere)
    if only := (await connection.execute(query)).scalar_one():
        raise _only_prediction(model, only)
    return PurgeStep(numbers[-1], len(numbers))


async def purge_step(session: WriteSession, model: int, after: int, step: int = STEP) -> PurgeStep:
    """Delete the next ``step`` predictions of a retired model, and lower its counts.

    Raises PurgeError, TransientStoreError and PermanentStoreError.
    """
    retired = select(models.c.retired_at).where(models.c.number == model).with_for_update(read=True)
    if (await session.connection.execute(retired)).scalar_one_or_none() is None:
        raise PurgeError(f"Model {model} is not retired. Retire it with `liuyan model retire {model} --purge`.")
    numbers = await _next_comments(session.connection, model, after, step)
    if not numbers:
        return PurgeStep(None)
    keys = await session.connection.execute(
        select(comments.c.platform, comments.c.id).where(comments.c.number.in_(numbers))
    )
    locked = await lock_current(session, sorted((row.platform, row.id) for row in keys))
    changes: Counter[Labelled] = Counter()
    rows = []
    for key, (row, known) in locked.items():
        if model not in known:
            continue
        if len(known) == 1:
            raise _only_prediction(model, 1)
        rows.append({"comment_number": row.number, "model_number": model})
        _count(key, StoredState(row.content, known, None, row.review), model, changes)
    if rows:
        await session.run(session.statements.delete_predictions, rows)
        await move_label_counts(session, changes)
    return PurgeStep(numbers[-1], len(rows))


async def _next_comments(connection: AsyncConnection, model: int, after: int, step: int) -> list[int]:
    of = predictions.c
    query = select(of.comment_number).where(of.model_number == model, of.comment_number > after)
    return list((await connection.execute(query.order_by(of.comment_number).limit(step))).scalars())


def _count(key: Key, before: StoredState, model: int, changes: Counter[Labelled]) -> None:
    others = {number: prediction for number, prediction in before.predictions.items() if number != model}
    count_changes(key[0], before, Outcome(before.content, others, None, before.review), changes)


def _only_prediction(model: int, n: int) -> PurgeError:
    return PurgeError(
        f"Model {model} cannot be purged: {n} of its predictions belong to comments without another model's. Replay "
        "another model with `liuyan consumer replay MODEL` first."
    )
