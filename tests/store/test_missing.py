"""Comments that another model stored after a promotion are queued for the active model and labelled by it once."""

import asyncio

from sqlalchemy import insert, select

from store.batch import Label, ModelRow, Prediction
from store.check import recount, recount_sums
from store.missing import (
    MissingComment,
    MissingWork,
    lease_missing,
    oldest_missing,
    read_missing_work,
    settle_missing,
)
from store.model_tables import missing_predictions
from store.models import activate, register_model
from store.relabel import RelabelOutcome, TextPrediction
from store.store import Store
from store.tables import comments
from tests.store.feed import Feed, arrival, feed_of, minutes, tombstone
from tests.store.tables_read import read_contents

NEGATIVE = Prediction(Label.NEGATIVE, 0.1, False)


async def promoted(feed: Feed) -> ModelRow:
    """Register and promote a second model, while ``feed`` continues with the first."""
    new = await register_model(feed.store, "b" * 64, "new", 0.3, 0.7)
    await feed.store.write(activate, new.number, feed.model.number, "wang")
    return new


async def queued(store: Store) -> list[int]:
    async with store.reading() as connection:
        return list((await connection.execute(select(missing_predictions.c.comment_number))).scalars())


async def settle(store: Store, model: int, leased: list[MissingComment]) -> RelabelOutcome:
    items = [TextPrediction(one.platform, one.id, one.text, NEGATIVE) for one in leased if not one.labelled]
    return await store.write(settle_missing, model, [one.number for one in leased], items)


async def assert_counts(store: Store) -> None:
    async with store.reading() as connection:
        assert (await recount(connection), await recount_sums(connection)) == ([], [])


async def test_a_batch_of_the_active_model_queues_nothing(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(arrival("1"), arrival("2"))
    assert await queued(store) == []
    assert await store.read(read_missing_work) == MissingWork(feed.model.number, comments=False, scan=False)
    assert await store.read(oldest_missing) is None


async def test_comments_of_another_model_are_labelled_by_the_active_one(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(arrival("before"))
    new = await promoted(feed)
    await feed.send(arrival("1"), arrival("2"), tombstone("3", 9), arrival("before", "改了", edited=5))
    await feed.send(arrival("1"), arrival("2", "又改", edited=6), tombstone("1", 9))
    assert await store.read(read_missing_work) == MissingWork(new.number, comments=True, scan=False)
    assert await store.read(oldest_missing) is not None
    leased = await store.write(lease_missing, new.number, 10, 30.0)
    assert sorted((one.id, one.text) for one in leased) == [("2", "又改"), ("before", "改了")]
    assert await settle(store, new.number, leased) == RelabelOutcome(added=2)
    assert await queued(store) == []
    contents = await read_contents(store)
    assert {key for key in contents.predictions if key[1] == new.number} == {
        (("forum", id), new.number) for id in ("2", "before")
    }
    await assert_counts(store)


async def test_a_comment_that_the_active_model_has_labelled_is_not_queued(store: Store) -> None:
    feed = await feed_of(store)
    new = await promoted(feed)
    second = Feed(store, new)
    second.offset = feed.offset
    await second.send(arrival("1"))
    feed.offset = second.offset
    await feed.send(arrival("1", author="乙", edited=5))
    assert await queued(store) == []


async def test_leased_comments_go_to_one_consumer_until_the_lease_ends(store: Store) -> None:
    feed = await feed_of(store)
    new = (await promoted(feed)).number
    await feed.send(*(arrival(str(n)) for n in range(5)))
    leases = (store.write(lease_missing, new, 3, 30.0) for _ in range(2))
    leased = [*await asyncio.gather(*leases)]
    # MariaDB locks every row that it sorts, so one of two concurrent leases may get nothing. Nothing is leased twice.
    leased.append(await store.write(lease_missing, new, 3, 30.0))
    assert sorted(one.id for some in leased for one in some) == ["0", "1", "2", "3", "4"]
    assert await store.write(lease_missing, new, 3, 30.0) == []
    # A new text ends the lease: the prediction of the old one cannot be stored.
    await feed.send(arrival("0", "改了", edited=5))
    assert [one.text for one in await store.write(lease_missing, new, 3, 0.0)] == ["改了"]
    assert [one.text for one in await store.write(lease_missing, new, 3, 30.0)] == ["改了"]


async def test_a_comment_edited_while_it_is_labelled_stays_in_the_queue(store: Store) -> None:
    feed = await feed_of(store)
    new = await promoted(feed)
    await feed.send(arrival("1"), arrival("2"))
    leased = await store.write(lease_missing, new.number, 10, 30.0)
    await feed.send(arrival("1", "改了", edited=5), tombstone("2", 9))
    assert await settle(store, new.number, leased) == RelabelOutcome(outdated=1, absent=1)
    [left] = await store.write(lease_missing, new.number, 10, 30.0)
    assert (left.id, left.text) == ("1", "改了")
    assert await settle(store, new.number, [left]) == RelabelOutcome(added=1)
    assert await queued(store) == []
    await assert_counts(store)


async def test_predictions_of_a_model_that_is_no_longer_active_empty_no_queue(store: Store) -> None:
    feed = await feed_of(store)
    new = await promoted(feed)
    await feed.send(arrival("1"))
    leased = await store.write(lease_missing, new.number, 10, 0.0)
    newest = await register_model(store, "c" * 64, "newest", 0.3, 0.7)
    await store.write(activate, newest.number, new.number, "wang")
    assert (await settle(store, new.number, leased)).added == 1
    assert await store.read(read_missing_work) == MissingWork(newest.number, comments=True, scan=False)
    assert await settle(
        store, newest.number, await store.write(lease_missing, newest.number, 10, 0.0)
    ) == RelabelOutcome(added=1)
    assert await queued(store) == []
    await assert_counts(store)


async def test_comments_that_the_model_labelled_before_a_rollback_leave_the_queue(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(arrival("1"), arrival("2"))
    old, new = feed.model, await promoted(feed)
    first = Feed(store, new)
    first.offset = feed.offset
    await first.send(arrival("2", "改了", edited=5))
    async with store.writing() as session:
        numbers = (await session.connection.execute(select(comments.c.number))).scalars()
        rows = [{"comment_number": number, "added_at": minutes(0)} for number in numbers]
        await session.connection.execute(insert(missing_predictions), rows)
    await store.write(activate, old.number, new.number, "wang")
    leased = await store.write(lease_missing, old.number, 10, 30.0)
    assert {one.id: one.labelled for one in leased} == {"1": True, "2": False}
    assert await settle(store, old.number, leased) == RelabelOutcome(added=1)
    assert await queued(store) == []
    await assert_counts(store)


async def test_every_batch_is_stored_before_a_promotion_or_queued_after_it(store: Store) -> None:
    feed = await feed_of(store)
    new = await register_model(store, "b" * 64, "new", 0.3, 0.7)

    async def send() -> None:
        for number in range(20):
            await feed.send(arrival(str(number)), arrival(f"{number} too"))

    await feed.send(arrival("before"))
    await asyncio.gather(send(), store.write(activate, new.number, feed.model.number, "wang"))
    await feed.send(arrival("after"))
    async with store.reading() as connection:
        stored = list((await connection.execute(select(comments.c.number).order_by(comments.c.number))).scalars())
    waiting = sorted(await queued(store))
    assert waiting == stored[-len(waiting) :]
    assert len(waiting) % 2 == 1
