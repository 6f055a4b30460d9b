"""Replays and shadows are shared by processes, resume, and end."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from store.audit import AuditFilter, list_records
from store.batch import ModelRow
from store.check import recount, recount_sums
from store.errors import FencedError
from store.models import register_model
from store.partitions import read_partitions
from store.relabel import TextPrediction
from store.relabel_parts import Done, LogPart, PartAdvance, read_done, read_log_parts
from store.relabel_runs import (
    CANCELLED,
    FINISHED,
    RUNNING,
    Range,
    RelabelRun,
    RunEndedError,
    cancel_run,
    find_last,
    find_unfinished,
    read_run,
    set_rate,
    start_run,
)
from store.relabel_work import (
    any_stored,
    count_unlabelled,
    find_unlabelled,
    follow_live,
    read_unlabelled_range,
    release_parts,
    renew_share,
    write_relabelled,
)
from store.store import Store
from store.tables import models
from tests.store.feed import Feed, arrival, feed_of, minutes, tombstone
from tests.store.test_relabel import NEGATIVE, WANG

PARTS = [LogPart("comments", number, "id", 0, 10) for number in range(4)]


async def new_model(store: Store) -> ModelRow:
    return await register_model(store, "b" * 64, "new", 0.3, 0.7)


async def started(store: Store, covered: Range | None = None, parts: list[LogPart] | None = None) -> RelabelRun:
    """Start a replay of a second model, or return its unfinished one."""
    model = await new_model(store)
    covered = covered or Range(topics=("comments",))
    parts = PARTS if parts is None else parts
    return await start_run(store, WANG, "replay", model.number, covered, parts, compared_with=model.number - 1)


async def test_a_model_has_one_unfinished_replay(store: Store) -> None:
    await feed_of(store)
    covered = Range(since=minutes(1), until=minutes(2), topics=("b", "a"), platforms=("forum",))
    run = await started(store, covered)
    assert run.range == replace(covered, topics=("a", "b"))
    assert (await started(store)).number == run.number
    assert await store.read(find_unfinished, "replay", run.model_number) == run
    assert await store.read(find_unfinished, "shadow", run.model_number) is None
    await store.write(set_rate, run.number, 50.0)
    await store.write(cancel_run, WANG, run)
    ended = await store.read(read_run, run.number)
    assert (ended.state, ended.rate) == (CANCELLED, 50)
    assert (await started(store)).number > run.number
    page = await store.read(list_records, AuditFilter(object_kind="model"), None, 10)
    assert [one.action for one in page.items] == ["replay.start", "replay.cancel", "replay.start"]


async def test_parts_are_shared_and_taken_from_processes_that_ended(store: Store) -> None:
    await feed_of(store)
    run = await started(store)
    alone = await store.write(renew_share, run.number, 1)
    assert ([part.part for part in alone.parts], alone.excess, alone.held_by_all) == ([0, 1, 2, 3], 0, 4)
    await store.write(set_rate, run.number, 100.0)
    second = await store.write(renew_share, run.number, 2)
    assert (second.parts, second.rate) == ([], 0)
    first = await store.write(renew_share, run.number, 1)
    assert first.excess == 2
    await store.write(release_parts, run.number, 1, [2, 3])
    second = await store.write(renew_share, run.number, 2)
    assert ([part.part for part in second.parts], second.rate) == ([2, 3], 50)
    await store.write(release_parts, run.number, 1)
    second = await store.write(renew_share, run.number, 2)
    assert (sorted(part.part for part in second.parts), second.rate) == ([0, 1, 2, 3], 100)
    async with store.writing() as session:  # The second process dies.
        late = replace(session, now=str(minutes(0) + timedelta(days=9999)).removesuffix("+00:00") + ".000000")
        third = await renew_share(late, run.number, 3)
    assert len(third.parts) == 4


async def test_a_batch_moves_its_parts_only_from_where_it_began(feed: Feed) -> None:
    store = feed.store
    await feed.send(*(arrival(id) for id in "123"))
    run = await started(store)
    items = [TextPrediction("forum", "1", "味道不错", NEGATIVE)]
    advances = [PartAdvance(3, 0, 5), PartAdvance(0, 0, 7)]
    await store.write(write_relabelled, run, advances, items, records=12, expired=1)
    items = [TextPrediction("forum", "2", "味道不错", NEGATIVE)]
    for stale in ([PartAdvance(0, 0, 9)], [PartAdvance(3, 5, 9), PartAdvance(0, 0, 9)]):
        with pytest.raises(FencedError):
            await store.write(write_relabelled, run, stale, items, records=9)
    run = await store.read(read_run, run.number)
    assert (run.records, run.added, run.flipped, run.expired) == (12, 1, 1, 1)
    assert await store.read(read_done, run.number) == (Done(12, 40), Done(0, 0))
    await store.write(cancel_run, WANG, run)
    with pytest.raises(RunEndedError, match="cancelled"):
        await store.write(write_relabelled, run, [PartAdvance(0, 7, 9)], items)
    async with store.reading() as connection:
        assert (await recount(connection), await recount_sums(connection)) == ([], [])
        assert await count_unlabelled(connection, run.model_number, Range()) == 2


async def test_the_store_pass_follows_the_log_pass(feed: Feed) -> None:
    store = feed.store
    await feed.send(*(arrival(str(number)) for number in range(5)))
    run = await started(store, parts=PARTS[:1])
    await store.write(renew_share, run.number, 1)
    await store.write(write_relabelled, run, [PartAdvance(0, 0, 10)], [])
    [part] = (await store.write(renew_share, run.number, 1)).parts
    assert (part.topic, part.end_position) != (None, None)
    assert (await store.write(renew_share, run.number, 1)).run.state == RUNNING
    end = part.end_position or 0
    assert end - part.next_position == 5
    rows = await store.read(read_unlabelled_range, run.model_number, part.next_position, end, Range(), 2)
    assert [row.id for row in rows] == ["0", "1"]
    await store.write(write_relabelled, run, [PartAdvance(part.part, part.next_position, end)], [])
    share = await store.write(renew_share, run.number, 1)
    assert (share.run.state, share.parts) == (FINISHED, [])
    assert await store.read(find_unfinished, "replay", run.model_number) is None


async def test_a_replay_without_comments_ends(store: Store) -> None:
    await feed_of(store)
    run = await started(store, Range(log=False), [])
    assert (await store.write(renew_share, run.number, 1)).run.state == FINISHED


async def test_texts_without_prediction_are_found(feed: Feed) -> None:
    store = feed.store
    await feed.send(*(arrival(id) for id in "123"), arrival("4", platform="desk", created=60))
    await feed.send(arrival("2", "改了", edited=5), tombstone("3", at=1))
    run = await started(store)
    texts = [("forum", id, "味道不错") for id in "1239"] + [("forum", "2", "改了"), ("desk", "4", "味道不错")]
    assert await store.write(find_unlabelled, run.model_number, texts) == [0, 4, 5]
    items = [TextPrediction("forum", "1", "味道不错", NEGATIVE)]
    await store.write(write_relabelled, run, [PartAdvance(0, 0, 1)], items)
    assert await store.write(find_unlabelled, run.model_number, texts) == [4, 5]
    assert await store.write(find_unlabelled, run.model_number, texts[:1]) == []
    for covered, count in (
        (Range(), 2),
        (Range(platforms=("desk",)), 1),
        (Range(since=minutes(60)), 1),
        (Range(until=minutes(60)), 1),
        (Range(since=minutes(61)), 0),
    ):
        assert await store.read(count_unlabelled, run.model_number, covered) == count
        assert await store.read(any_stored, covered) == (count > 0)


async def test_no_prediction_is_added_for_a_retired_model(feed: Feed) -> None:
    store = feed.store
    await feed.send(arrival("1"))
    run = await started(store)
    async with store.writing() as session:
        await session.connection.execute(update(models).values(retired_at=minutes(0)))
    with pytest.raises(RunEndedError, match="retired"):
        await store.write(write_relabelled, run, [PartAdvance(0, 0, 1)], [])


async def test_a_shadow_follows_partitions_and_recreated_topics(feed: Feed) -> None:
    store = feed.store
    await feed.send(arrival("1"))
    model = await new_model(store)
    parts = [LogPart("comments", 0, None, 1, None)]
    run = await start_run(store, WANG, "shadow", model.number, Range(store=False), parts, compared_with=None)
    rows = await store.read(read_partitions, "liuyan", ["comments"])
    [state] = rows.values()
    states = {("comments", 0): replace(state, topic_id="a"), ("comments", 1): replace(state, topic_id="a")}
    await store.write(follow_live, run.number, states, ends=False)
    found = await store.read(read_log_parts, run.number)
    assert {key: (part.next_position, part.topic_id) for key, part in found.items()} == {
        ("comments", 0): (1, "a"),
        ("comments", 1): (0, "a"),
    }
    assert (await store.write(renew_share, run.number, 1)).run.state == RUNNING
    states = {key: replace(one, topic_id="b", next_offset=0) for key, one in states.items()}
    await store.write(follow_live, run.number, states, ends=True)
    found = await store.read(read_log_parts, run.number)
    assert {(part.next_position, part.end_position, part.topic_id) for part in found.values()} == {(0, 0, "b")}
    assert (await store.write(renew_share, run.number, 1)).run.state == FINISHED
    last = await store.read(find_last, "shadow", model.number)
    assert last is not None
    assert last.state == FINISHED
