"""Order comparisons of two models, lease them to processes that work on them, and read the results.

The tally and the result are JSON documents whose content this module does not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, cast

from sqlalchemy import Row, Select, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from liuyan.errors import UsageError
from store import audit
from store.audit import Actor
from store.model_tables import comparison_examples, comparisons
from store.models import read_models
from store.rows import built, columns_of
from store.session import WriteSession
from store.tables import comments, models
from store.types import stored_time

# A process renews its lease every few seconds; this long after it stops, another one continues.
LEASE = timedelta(seconds=60)
# The most comparisons that may wait or run at the same time.
UNFINISHED_LIMIT = 20


class ComparisonState(StrEnum):
    """The progress of a comparison."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


UNFINISHED = (ComparisonState.REQUESTED, ComparisonState.RUNNING)


Refusal = Literal["same_model", "no_model", "empty_range", "too_many", "taken"]


class ComparisonRefusedError(UsageError):
    """The comparison cannot be ordered or finished here; ``reason`` is a code."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ComparisonOrder:
    """Compare the predictions of two models, by number, for comments that match; None does not filter.

    ``created_from`` is inclusive, ``created_to`` exclusive.
    """

    old_model_number: int
    new_model_number: int
    platform: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row of ``comparisons``. Each field is a column, except for the models' names and SHA-256.

    A name is None if the model was deleted.
    """

    number: int
    old_model_number: int
    new_model_number: int
    platform: str | None
    created_from: datetime | None
    created_to: datetime | None
    ordered_by: str
    ordered_at: datetime
    state: ComparisonState
    last_comment: int
    done_up_to: int
    failure: str | None
    finished_at: datetime | None
    old_name: str | None
    old_sha256: str | None
    new_name: str | None
    new_sha256: str | None

    @property
    def progress(self) -> float:
        """The share of the comments that have been compared, 0..1."""
        if self.state == ComparisonState.DONE:
            return 1.0
        return self.done_up_to / self.last_comment if self.last_comment else 0.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A comparison that the caller has leased, with the tally of the earlier steps (JSON), None before the first."""

    number: int
    order: ComparisonOrder
    last_comment: int
    done_up_to: int
    tally: str | None


@dataclass(frozen=True, slots=True)
class Example:
    """A comment whose label differs between the models, at the compared version. ``words`` are JSON or None."""

    comment_number: int
    comment_version: int
    old_probability: float
    new_probability: float
    old_words: str | None = None
    new_words: str | None = None


@dataclass(frozen=True, slots=True)
class ShownExample:
    """An example with its comment. ``text`` is None if the comment has been edited since."""

    platform: str
    id: str
    text: str | None
    example: Example


async def order_comparison(session: WriteSession, actor: Actor, order: ComparisonOrder, token: int | None) -> int:
    """Order a comparison and return its number. With ``token`` the caller holds its lease and must work on it.

    Without ``token``, an equal unfinished comparison is returned instead of a second one. Raises
    ComparisonRefusedError and StoreError.
    """
    await _check(session.connection, order)
    of, now = comparisons.c, stored_time(session.now)
    unfinished = (await session.connection.execute(_unfinished_orders().with_for_update())).all()
    if token is None:
        for number, *wanted in unfinished:
            if ComparisonOrder(*wanted) == order:
                return int(number)
    if len(unfinished) >= UNFINISHED_LIMIT:
        raise ComparisonRefusedError(
            "too_many", f"{UNFINISHED_LIMIT} comparisons are waiting or running already. Wait until one is done."
        )
    last = (await session.connection.execute(select(func.max(comments.c.number)))).scalar() or 0
    values = _order_values(order) | {
        of.ordered_by.name: actor.name,
        of.ordered_at.name: now,
        of.state.name: ComparisonState.REQUESTED if token is None else ComparisonState.RUNNING,
        of.claimed_by.name: token,
        of.claimed_until.name: None if token is None else now + LEASE,
        of.last_comment.name: last,
        of.done_up_to.name: 0,
    }
    inserted = await session.connection.execute(insert(comparisons).values(values))
    number = int(cast(Any, inserted.inserted_primary_key)[0])
    detail: dict[str, audit.JSON] = {"old": order.old_model_number, "comparison": number}
    await audit.record(session, actor, "model.compare", "model", str(order.new_model_number), detail)
    return number


async def claim_comparison(session: WriteSession, token: int, number: int | None = None) -> Claimed | None:
    """Lease the oldest comparison that nobody works on, or the one with ``number``, to the process ``token``.

    A process may claim again what it holds. Returns None if there is nothing to claim. Raises TransientStoreError.
    """
    of, now = comparisons.c, stored_time(session.now)
    free = or_(of.claimed_until.is_(None), of.claimed_until < now, of.claimed_by == token)
    query = select(comparisons).where(of.state.in_(UNFINISHED), free)
    if number is not None:
        query = query.where(of.number == number)
    query = query.order_by(of.number).limit(1).with_for_update(skip_locked=True)
    row = (await session.connection.execute(query)).one_or_none()
    if row is None:
        return None
    leased = {"state": ComparisonState.RUNNING, "claimed_by": token, "claimed_until": now + LEASE}
    await session.connection.execute(update(comparisons).where(of.number == row.number).values(leased))
    return Claimed(row.number, built(ComparisonOrder, row), row.last_comment, row.done_up_to, row.tally)


async def unfinished_comparison(connection: AsyncConnection) -> bool:
    """Return whether a comparison is unfinished. Raises TransientStoreError."""
    query = select(comparisons.c.number).where(comparisons.c.state.in_(UNFINISHED)).limit(1)
    return (await connection.execute(query)).one_or_none() is not None


async def save_progress(session: WriteSession, number: int, token: int, done_up_to: int, tally: str) -> bool:
    """Store the progress and renew the lease. Return False if another process holds it. Raises TransientStoreError."""
    until = stored_time(session.now) + LEASE
    return await _change(session, number, token, done_up_to=done_up_to, tally=tally, claimed_until=until)


async def finish_comparison(
    session: WriteSession, number: int, token: int, result: str, examples: Sequence[Example]
) -> bool:
    """Store the result (JSON) and the examples whose comments still exist.

    Return False if another process holds the lease. Raises TransientStoreError.
    """
    ended = stored_time(session.now)
    values = {"state": ComparisonState.DONE, "result": result, "tally": None, "finished_at": ended}
    if not await _change(session, number, token, **values, claimed_by=None, claimed_until=None):
        return False
    # The lock keeps the comments from being erased between the check and the insert.
    wanted = sorted(example.comment_number for example in examples)
    of = comments.c
    existing = select(of.number).where(of.number.in_(wanted)).order_by(of.number).with_for_update(read=True)
    found = set((await session.connection.execute(existing)).scalars()) if wanted else set()
    rows = [_example_row(number, example) for example in examples if example.comment_number in found]
    if rows:
        await session.connection.execute(insert(comparison_examples), rows)
    return True


async def fail_comparison(session: WriteSession, number: int, token: int, failure: str) -> bool:
    """End a comparison without a result. Return False if another process holds the lease."""
    ended = stored_time(session.now)
    values = {"state": ComparisonState.FAILED, "failure": failure[:1000], "tally": None, "finished_at": ended}
    return await _change(session, number, token, **values, claimed_by=None, claimed_until=None)


async def list_comparisons(connection: AsyncConnection, limit: int) -> list[Comparison]:
    """Return the newest comparisons. Raises TransientStoreError."""
    rows = await connection.execute(_selected().order_by(comparisons.c.number.desc()).limit(limit))
    return [_comparison(row) for row in rows]


async def read_comparison(connection: AsyncConnection, number: int) -> tuple[Comparison, str | None] | None:
    """Return a comparison and its result (JSON, None unless it is done), or None. Raises TransientStoreError."""
    query = _selected().add_columns(comparisons.c.result).where(comparisons.c.number == number)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (_comparison(row), row.result)


async def read_examples(connection: AsyncConnection, number: int) -> list[ShownExample]:
    """Return the examples of a comparison with the current texts of their comments. Raises TransientStoreError."""
    of, example = comments.c, comparison_examples.c
    query: Select[Any] = (
        select(*columns_of(comparison_examples, Example), of.platform, of.id, of.text, of.version)
        .join_from(comparison_examples, comments, of.number == example.comment_number)
        .where(example.comparison_number == number)
        .order_by(example.new_probability, example.comment_number)
    )
    return [
        ShownExample(
            row.platform, row.id, row.text if row.version == row.comment_version else None, built(Example, row)
        )
        for row in await connection.execute(query)
    ]


async def read_texts(connection: AsyncConnection, versions: Sequence[tuple[int, int]]) -> dict[int, str]:
    """Return the texts of comments, given as (number, version), that still have this version, by number."""
    wanted = dict(versions)
    query = select(comments.c.number, comments.c.version, comments.c.text).where(comments.c.number.in_(list(wanted)))
    rows = await connection.execute(query)
    return {number: text for number, version, text in rows if wanted[number] == version}


async def _check(connection: AsyncConnection, order: ComparisonOrder) -> None:
    if order.old_model_number == order.new_model_number:
        raise ComparisonRefusedError("same_model", "Compare two different models.")
    known = await read_models(connection)
    for number in (order.old_model_number, order.new_model_number):
        if number not in known:
            raise ComparisonRefusedError("no_model", f"There is no model {number}. List them with `liuyan model list`.")
    if order.created_from and order.created_to and order.created_from >= order.created_to:
        raise ComparisonRefusedError("empty_range", "The range is empty: its beginning must be before its end.")


def _unfinished_orders() -> Select[Any]:
    of = comparisons.c
    return select(of.number, *columns_of(comparisons, ComparisonOrder)).where(of.state.in_(UNFINISHED))


def _order_values(order: ComparisonOrder) -> dict[str, object]:
    return {column.name: getattr(order, column.name) for column in columns_of(comparisons, ComparisonOrder)}


async def _change(session: WriteSession, number: int, token: int, **values: object) -> bool:
    of = comparisons.c
    own = and_(of.number == number, of.claimed_by == token, of.state == ComparisonState.RUNNING)
    changed = await session.connection.execute(update(comparisons).where(own).values(**values))
    return changed.rowcount == 1


def _example_row(number: int, example: Example) -> dict[str, object]:
    values: dict[str, object] = {"comparison_number": number}
    return values | {column.name: getattr(example, column.name) for column in columns_of(comparison_examples, Example)}


def _shown_example(row: Row[Any]) -> ShownExample:
    text = row.text if row.version == row.comment_version else None
    return ShownExample(row.platform, row.id, text, built(Example, row))


def _selected() -> Select[Any]:
    old, new = models.alias("old"), models.alias("new")
    of = comparisons.c
    return (
        select(
            *columns_of(comparisons, Comparison),
            *(old.c.name.label("old_name"), old.c.sha256.label("old_sha256")),
            *(new.c.name.label("new_name"), new.c.sha256.label("new_sha256")),
        )
        .outerjoin_from(comparisons, old, old.c.number == of.old_model_number)
        .outerjoin(new, new.c.number == of.new_model_number)
    )


def _comparison(row: Row[Any]) -> Comparison:
    return built(Comparison, row, state=ComparisonState(row.state))
