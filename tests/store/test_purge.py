"""A retired model's predictions are deleted with their counts, never a comment's only one."""

import asyncio

import pytest

from store.audit import Actor
from store.check import recount, recount_sums
from store.comments import ShownLabel
from store.promotion import retire_model
from store.purge import PurgeError, PurgeStep, check_step, purge_step
from store.reviews import Opinion, add_review
from store.store import Store
from tests.store.feed import Feed, arrival, feed_of, microseconds, minutes, tombstone
from tests.store.tables_read import read_contents

WANG = Actor(7, "wang", "session", None)


async def labelled_by_two(store: Store, count: int) -> tuple[Feed, int]:
    """Store comments with predictions of an active and of another model; return the feed and the other's number."""
    feed = await feed_of(store)
    await feed.send(*(arrival(str(n), created=60 * n) for n in range(count)))
    second = await feed_of(store, "b" * 64)
    await second.send(*(arrival(str(n), created=60 * n, uncertain=n % 2 == 0) for n in range(count)))
    feed.offset = second.offset
    return feed, second.model.number


@pytest.mark.parametrize("step", [1, 3, 100])
async def test_predictions_and_counts_of_a_retired_model_are_deleted(store: Store, step: int) -> None:
    feed, other = await labelled_by_two(store, 5)
    await add_review(store, WANG, Opinion("forum", "1", microseconds(minutes(60)), ShownLabel.SPAM))
    await store.write(retire_model, WANG, other)
    checked = PurgeStep(0)
    seen = 0
    while checked.done_up_to is not None:
        checked = await store.read(check_step, other, checked.done_up_to, step)
        seen += checked.n
    assert seen == 5
    done = await store.write(purge_step, other, 0, step)
    # The rest, after an interruption that forgot how far it was.
    deleted, done = done.n, PurgeStep(0)
    while done.done_up_to is not None:
        done = await store.write(purge_step, other, done.done_up_to, step)
        deleted += done.n
    assert deleted == 5
    contents = await read_contents(store)
    assert {model for _, model in contents.predictions} == {feed.model.number}
    assert {key[0] for key in contents.sums} == {feed.model.number}
    assert contents.review_labels == {("forum", "1"): "spam"}
    async with store.reading() as connection:
        assert (await recount(connection), await recount_sums(connection)) == ([], [])


async def test_a_comments_only_prediction_is_kept(store: Store) -> None:
    feed, other = await labelled_by_two(store, 3)
    second = await feed_of(store, "b" * 64)
    await second.send(arrival("only"))
    await store.write(retire_model, WANG, other)
    before = await read_contents(store)
    for change in (store.read(check_step, other, 0), store.write(purge_step, other, 0)):
        with pytest.raises(PurgeError, match="1 of its predictions belong to comments without another"):
            await change
    assert await read_contents(store) == before
    with pytest.raises(PurgeError, match="is not retired"):
        await store.write(purge_step, feed.model.number, 0)


async def test_purging_while_comments_are_edited_and_erased(server_store: Store) -> None:
    feed, other = await labelled_by_two(server_store, 40)
    await server_store.write(retire_model, WANG, other)

    async def change() -> None:
        for n in range(0, 40, 2):
            await feed.send(arrival(str(n), "改了", created=60 * n, edited=60 * n + 1), tombstone(str(n + 1), at=9999))

    async def purge() -> None:
        done = PurgeStep(0)
        while done.done_up_to is not None:
            done = await server_store.write(purge_step, other, done.done_up_to, 3)

    await asyncio.gather(change(), purge())
    async with server_store.reading() as connection:
        assert (await recount(connection), await recount_sums(connection)) == ([], [])
    assert {model for _, model in (await read_contents(server_store)).predictions} == {feed.model.number}
