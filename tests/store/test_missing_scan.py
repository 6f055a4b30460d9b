"""After a promotion or a rollback, recently changed comments without the active model's label are queued."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from store.audit import Actor
from store.missing_scan import ScanStep, continue_scan
from store.model_tables import active_model, missing_predictions, missing_scans
from store.models import register_model
from store.promotion import promote_model, roll_back
from store.store import Store
from store.tables import comments
from tests.store.feed import arrival, feed_of, tombstone

WANG = Actor(7, "wang", "session", None)
FILES = {"SHA256SUMS": b"sums"}


async def queued(store: Store) -> list[str]:
    """The ids of the comments that wait for a prediction, in the order of their numbers."""
    query = select(comments.c.id).join(missing_predictions, comments.c.number == missing_predictions.c.comment_number)
    async with store.reading() as connection:
        return list((await connection.execute(query.order_by(comments.c.number))).scalars())


async def run_scan(store: Store, step: int) -> int:
    """Run the scan to its end, and return the number of queued comments."""
    total = 0
    for _ in range(100):
        done = await store.write(continue_scan, step)
        total += done.queued
        if done.ended:
            return total
    raise AssertionError("the scan does not end")


@pytest.mark.parametrize("step", [1, 3, 1000])
async def test_a_rollback_queues_what_only_the_other_model_labelled(store: Store, step: int) -> None:
    first = await register_model(store, "a" * 64, "first", 0.4, 0.6, files=FILES)
    second = await register_model(store, "b" * 64, "second", 0.4, 0.6, files=FILES)
    feed = await feed_of(store)
    await feed.send(*(arrival(str(n)) for n in range(5)))
    async with store.writing() as session:
        await session.connection.execute(update(comments).values(changed_at=datetime(2026, 1, 1, tzinfo=UTC)))
    await store.write(promote_model, WANG, second.number, first.number)
    assert await run_scan(store, step) == 0
    new = await feed_of(store, "b" * 64)
    await new.send(*(arrival(str(n)) for n in (5, 6, 7)), arrival("1", "改了", edited=5), tombstone("2", at=1))
    await store.write(roll_back, WANG, second.number)
    async with store.writing() as session:  # One is queued already.
        number = select(comments.c.number).where(comments.c.id == "6").scalar_subquery()
        row = {"comment_number": number, "added_at": datetime(2026, 1, 1, tzinfo=UTC)}
        await session.connection.execute(insert(missing_predictions).values(**row))
    assert await run_scan(store, step) == 3
    assert await queued(store) == ["1", "5", "6", "7"]
    assert await store.write(continue_scan, step) == ScanStep(0, ended=True)


async def test_a_comment_that_only_the_old_model_labelled_long_ago_keeps_its_label(store: Store) -> None:
    first = await register_model(store, "a" * 64, "first", 0.4, 0.6, files=FILES)
    second = await register_model(store, "b" * 64, "second", 0.4, 0.6, files=FILES)
    feed = await feed_of(store)
    await feed.send(arrival("1"), arrival("2"))
    async with store.writing() as session:
        old = update(comments).where(comments.c.id == "1")
        changed = datetime.now(UTC) - timedelta(hours=1)
        await session.connection.execute(old.values(changed_at=changed))
    await store.write(promote_model, WANG, second.number, first.number)
    assert await run_scan(store, 10) == 1
    assert await queued(store) == ["2"]


async def test_a_scan_for_a_model_that_is_no_longer_active_ends(store: Store) -> None:
    await register_model(store, "a" * 64, "first", 0.4, 0.6, files=FILES)
    second = await register_model(store, "b" * 64, "second", 0.4, 0.6, files=FILES)
    feed = await feed_of(store)
    await feed.send(arrival("1"))
    async with store.writing() as session:
        row = {"model_number": second.number, "changed_from": datetime(2026, 1, 1, tzinfo=UTC), "done_up_to": 0}
        await session.connection.execute(insert(missing_scans).values(**row))
    assert await store.write(continue_scan) == ScanStep(0, ended=True)
    assert await queued(store) == []
    async with store.writing() as session:
        await session.connection.execute(insert(missing_scans).values(**row))
        await session.connection.execute(delete(active_model))
    assert await store.write(continue_scan) == ScanStep(0, ended=True)
