"""Counts that have drifted are repaired, also while batches are being stored."""

import asyncio

from sqlalchemy import delete, insert, update

from store.check import recount, recount_comments, recount_sums
from store.comments import ShownLabel
from store.lock_keys import new_token
from store.repair import find_differences, repair_day
from store.retention import purge
from store.retry import retried
from store.store import Store
from store.tables import comment_counts, count_sums, hourly_counts
from tests.store.feed import Feed, arrival, minutes, tombstone
from tests.store.test_retention import LI, mix, review, rules

DAYS = 24 * 60.0


async def break_counts(store: Store) -> None:
    """Remove, change and add counts of each kind."""
    async with store.writing() as session:
        run = session.connection.execute
        await run(delete(comment_counts).where(comment_counts.c.bucket == "hour", comment_counts.c.platform == "forum"))
        await run(update(comment_counts).where(comment_counts.c.bucket == "day").values(n=comment_counts.c.n + 7))
        ghost = {"bucket": "hour", "platform": "ghost", "begins": minutes(0).replace(minute=0), "n": 3}
        await run(insert(comment_counts).values(**ghost))
        await run(update(hourly_counts).values(n=hourly_counts.c.n + 5))
        await run(update(count_sums).where(count_sums.c.bucket == "day").values(spam=3, positive=0))
        await run(delete(count_sums).where(count_sums.c.bucket == "hour", count_sums.c.platform == ""))


async def repair(store: Store) -> int:
    found = await store.read(find_differences)
    return sum([await repair_day(store, day) for day in found.days])


async def assert_correct(store: Store) -> None:
    assert await store.read(recount) == []
    assert await store.read(recount_sums) == []
    assert await store.read(recount_comments) == []


async def test_all_counts_are_repaired(feed: Feed) -> None:
    store = feed.store
    await feed.send(
        arrival("1"), arrival("2", uncertain=True), arrival("3", created=DAYS), arrival("4", created=5 * DAYS)
    )
    await review(store, "1", ShownLabel.SPAM)
    await break_counts(store)
    assert (await store.read(find_differences)).days == ["2026-01-31", "2026-02-01", "2026-02-05"]
    assert await repair(store) > 0
    await assert_correct(store)
    assert await repair(store) == 0
    await feed.send(tombstone("1", 10 * DAYS), tombstone("2", 10 * DAYS), tombstone("3", 10 * DAYS))
    await assert_correct(store)


async def test_the_counts_of_purged_comments_are_kept(feed: Feed) -> None:
    store = feed.store
    await feed.send(arrival("1"), arrival("2", created=DAYS))
    await purge(store, rules(60), LI, new_token(), lambda what, done, total: None)
    before = await mix(store)
    async with store.writing() as session:
        own = comment_counts.c.bucket == "hour"
        await session.connection.execute(update(comment_counts).where(own).values(n=9))
    assert await repair(store) == 2
    assert await mix(store) == before
    await assert_correct(store)


async def test_repairing_while_batches_are_stored(server_feed: Feed) -> None:
    store = server_feed.store
    await server_feed.send(*(arrival(f"first {n}") for n in range(20)))
    await break_counts(store)

    async def load() -> None:
        for batch in range(30):
            events = [arrival(f"{batch} {n}", created=batch) for n in range(5)]
            await retried(lambda: server_feed.send(*events))  # noqa: B023

    async def repair_often() -> None:
        for _ in range(15):
            await repair(store)

    await asyncio.gather(load(), repair_often())
    await repair(store)
    await assert_correct(store)
