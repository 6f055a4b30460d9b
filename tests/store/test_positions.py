"""Stored offsets: inserted once, fenced by compare-and-set, sought and paused by people."""

import asyncio

import pytest

from store.batch import Advance, Batch, PartitionKey, PartitionState
from store.check import recount
from store.errors import FencedError, StoreError
from store.partitions import (
    begin_partition,
    count_partitions,
    count_starts,
    pause_partition,
    read_partitions,
    resume_partition,
    seek_partition,
    uncount_starts,
)
from store.store import Store
from store.write import write_batch
from tests.store.feed import PARTITION, Feed, arrival, feed_of
from tests.store.tables_read import read_contents

OTHER = PartitionKey("liuyan", "comments", 1)


async def next_offset(store: Store, partition: PartitionKey = PARTITION) -> int:
    positions = await store.read(read_partitions, partition.group, [partition.topic])
    return positions[partition.topic, partition.partition].next_offset


async def test_a_partition_is_inserted_once(store: Store) -> None:
    first = await store.write(begin_partition, PARTITION, 5, "id-1")
    second = await store.write(begin_partition, PARTITION, 9, "id-2")
    assert (first.next_offset, first.topic_id, first.records_lost, first.paused_reason) == (5, "id-1", 0, None)
    assert second == first


async def test_offsets_are_read_by_group_and_topics(store: Store) -> None:
    for group, topic in (("liuyan", "comments"), ("liuyan", "Comments"), ("other", "comments"), ("liuyan", "x")):
        await store.write(begin_partition, PartitionKey(group, topic, 3), 1, None)
    assert list(await store.read(read_partitions, "liuyan", ["comments", "absent"])) == [("comments", 3)]
    assert await store.read(read_partitions, "liuyan", []) == {}
    assert await store.read(count_partitions) == (4, 0)


async def test_a_batch_from_another_offset_is_fenced_and_stores_nothing(feed: Feed) -> None:
    await feed.send(arrival("1"))
    for expected in (0, 2):
        with pytest.raises(FencedError, match="0 of 1"):
            await feed.store.write(
                write_batch, Batch(feed.model.number, [Advance(PARTITION, expected, 9)], [arrival("2")])
            )
    assert list((await read_contents(feed.store)).comments) == [("forum", "1")]
    assert await next_offset(feed.store) == 1


async def test_one_fenced_partition_fences_the_whole_batch(feed: Feed) -> None:
    await feed.store.write(begin_partition, OTHER, 7, None)
    advances = [Advance(OTHER, 8, 9), Advance(PARTITION, 0, 1)]
    with pytest.raises(FencedError, match="1 of 2"):
        await feed.store.write(write_batch, Batch(feed.model.number, advances, [arrival()]))
    assert (await next_offset(feed.store), await next_offset(feed.store, OTHER)) == (0, 7)
    await feed.store.write(write_batch, Batch(feed.model.number, [Advance(OTHER, 7, 9), Advance(PARTITION, 0, 1)]))
    assert (await next_offset(feed.store), await next_offset(feed.store, OTHER)) == (1, 9)


async def test_a_partition_without_a_row_is_fenced(feed: Feed) -> None:
    with pytest.raises(FencedError):
        await feed.store.write(write_batch, Batch(feed.model.number, [Advance(OTHER, 0, 1)]))


async def test_an_unchanged_offset_is_not_fenced(feed: Feed) -> None:
    """Servers can report changed rows instead of matched rows, which would look like a fence."""
    for _ in range(3):
        await feed.store.write(write_batch, Batch(feed.model.number, [Advance(PARTITION, 0, 0)]))
    assert await next_offset(feed.store) == 0


async def test_only_one_of_two_batches_from_one_offset_is_stored(store: Store) -> None:
    feeds = [await feed_of(store), await feed_of(store)]
    results = await asyncio.gather(
        *(feed.send(arrival(str(n))) for n, feed in enumerate(feeds)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["BatchOutcome", "FencedError"]
    assert len((await read_contents(store)).comments) == 1
    assert await store.read(recount) == []


async def test_lost_records_and_a_pause_are_stored_with_the_offset(feed: Feed) -> None:
    await feed.store.write(
        write_batch, Batch(feed.model.number, [Advance(PARTITION, 0, 40, 40, "too much poison " * 100)])
    )
    await feed.store.write(write_batch, Batch(feed.model.number, [Advance(PARTITION, 40, 45, 2, "another reason")]))
    state = (await feed.store.read(read_partitions, "liuyan", ["comments"]))["comments", 0]
    assert (state.next_offset, state.records_lost) == (45, 42)
    assert state.paused_reason is not None
    assert state.paused_reason.startswith("too much poison")
    assert state.paused_at is not None
    assert state.paused_at < state.updated_at


async def test_pause_and_resume(store: Store) -> None:
    await store.write(begin_partition, PARTITION, 5, None)
    await store.write(pause_partition, PARTITION, "by hand")
    await store.write(pause_partition, PARTITION, "by another hand")
    paused = (await store.read(read_partitions, "liuyan", ["comments"]))["comments", 0]
    assert paused.paused_reason == "by hand"
    assert await store.read(count_partitions) == (1, 1)
    await store.write(resume_partition, PARTITION)
    resumed = (await store.read(read_partitions, "liuyan", ["comments"]))["comments", 0]
    assert (resumed.paused_reason, resumed.paused_at, resumed.next_offset) == (None, None, 5)


async def test_seek_sets_only_offset_and_topic_id(store: Store) -> None:
    await store.write(begin_partition, PARTITION, 5, "id-1")
    await store.write(pause_partition, PARTITION, "by hand")
    state = await store.write(seek_partition, PARTITION, 3, "id-2")
    assert (state.next_offset, state.topic_id, state.paused_reason) == (3, "id-2", "by hand")
    assert (await store.write(seek_partition, OTHER, 8, None)).next_offset == 8


async def test_an_unread_partition_cannot_be_paused(store: Store) -> None:
    for act in (store.write(pause_partition, PARTITION, "why"), store.write(resume_partition, PARTITION)):
        with pytest.raises(StoreError, match="has not read the partition yet"):
            await act


async def test_starts_are_counted_per_offset_and_uncounted(feed: Feed) -> None:
    async def state() -> PartitionState:
        return (await feed.store.read(read_partitions, PARTITION.group, [PARTITION.topic]))[
            PARTITION.topic, PARTITION.partition
        ]

    assert (await state()).failed_starts == 0
    for expected in (1, 2, 3):
        await feed.store.write(count_starts, [await state()])
        assert (await state()).failed_starts == expected
    await feed.store.write(uncount_starts, {PARTITION: 0})
    assert (await state()).failed_starts == 2
    await feed.store.write(uncount_starts, {PARTITION: 7})
    assert (await state()).failed_starts == 2
    before = await state()
    await feed.send(arrival("1"))
    assert (await state()).failed_starts == 0, "advancing the offset resets the count without another statement"
    await feed.store.write(count_starts, [before])
    assert (await state()).failed_starts == 0, "a start at an offset that has since changed is not counted"
    await feed.store.write(count_starts, [await state()])
    assert (await state()).failed_starts == 1
    await feed.store.write(resume_partition, PARTITION)
    assert (await state()).failed_starts == 0
