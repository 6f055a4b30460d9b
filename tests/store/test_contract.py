"""The rules of the event contract, on every database."""

import random
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select, update

from store.batch import Arrival, BatchOutcome, DeadLetter, Label, Tombstone
from store.check import recount
from store.dead_letters import comment_key
from store.lock_keys import erasure_digest
from store.store import Store
from store.tables import comment_versions, comments, reviews
from tests.store.feed import (
    ERASURE_KEY,
    Feed,
    arrival,
    dead_letter,
    feed_of,
    microseconds,
    minutes,
    tombstone,
    with_content,
)
from tests.store.plain_model import PlainModel
from tests.store.tables_read import read_contents

KEY = ("forum", "1")


async def text_of(store: Store, id: str = "1") -> str | None:
    return (await read_contents(store)).comments.get(("forum", id), (None,))[0]


async def test_a_new_comment_is_stored_with_its_prediction_and_count(feed: Feed) -> None:
    outcome = await feed.send(arrival(created=10, edited=95, thread="t/1", probability=0.6, uncertain=True))
    contents = await read_contents(feed.store)
    assert outcome == BatchOutcome(new=1)
    version = microseconds(minutes(95))
    assert contents.comments == {KEY: ("味道不错", version, minutes(10), minutes(95), "小王", "t/1")}
    assert contents.predictions == {(KEY, feed.model.number): ("positive", 0.6, True)}
    hour = datetime(2026, 1, 31, 22, tzinfo=UTC)
    assert contents.counts == {(feed.model.number, "forum", hour, "positive", True): 1}


async def test_a_redelivery_changes_nothing(feed: Feed) -> None:
    await feed.send(arrival())
    before = await read_contents(feed.store)
    assert await feed.send(arrival(), arrival(probability=0.8)) == BatchOutcome(same=2)
    assert await read_contents(feed.store) == before


async def test_a_newer_version_replaces_the_text_and_keeps_the_old_one(feed: Feed) -> None:
    await feed.send(arrival(text="旧"))
    outcome = await feed.send(arrival(text="新", edited=1, label=Label.NEGATIVE, probability=0.1))
    contents = await read_contents(feed.store)
    assert outcome == BatchOutcome(edited=1)
    assert contents.comments[KEY][0] == "新"
    assert contents.versions == {KEY: [(microseconds(minutes(0)), "旧")]}
    assert contents.predictions == {(KEY, feed.model.number): ("negative", 0.1, False)}
    assert list(contents.counts.values()) == [1]


async def test_an_older_version_is_late(feed: Feed) -> None:
    await feed.send(arrival(text="新", edited=5))
    before = await read_contents(feed.store)
    assert await feed.send(arrival(text="旧", edited=4), arrival(text="更旧")) == BatchOutcome(late=2)
    assert await read_contents(feed.store) == before


async def test_within_one_version_the_last_arrival_wins(feed: Feed) -> None:
    await feed.send(arrival(text="一"))
    assert await feed.send(arrival(text="二")) == BatchOutcome(edited=1)
    contents = await read_contents(feed.store)
    assert contents.comments[KEY][0] == "二"
    assert contents.versions == {KEY: [(microseconds(minutes(0)), "一")]}


async def test_changing_author_and_thread_keeps_prediction_and_review(feed: Feed) -> None:
    await feed.send(arrival())
    async with feed.store.writing() as session:
        await session.connection.execute(update(comments).values(review_number=7, review_label="spam"))
    changed = arrival(author=None, thread="t/2", label=Label.NEGATIVE, probability=0.1)
    assert await feed.send(changed) == BatchOutcome(touched=1)
    contents = await read_contents(feed.store)
    assert contents.comments[KEY][4:] == (None, "t/2")
    assert contents.predictions == {(KEY, feed.model.number): ("positive", 0.9, False)}
    assert contents.versions == {}
    async with feed.store.reading() as connection:
        assert (await connection.execute(select(comments.c.review_number))).scalar_one() == 7


async def test_editing_the_text_clears_the_review(feed: Feed) -> None:
    await feed.send(arrival())
    async with feed.store.writing() as session:
        await session.connection.execute(update(comments).values(review_number=7, review_label="spam"))
    await feed.send(arrival(text="改了", edited=1))
    async with feed.store.reading() as connection:
        assert (await connection.execute(select(comments.c.review_number))).scalar_one() is None


async def test_a_newer_version_of_the_same_text_keeps_predictions(feed: Feed) -> None:
    await feed.send(arrival())
    assert await feed.send(arrival(edited=3, label=Label.NEGATIVE)) == BatchOutcome(touched=1)
    contents = await read_contents(feed.store)
    assert contents.comments[KEY][1] == microseconds(minutes(3))
    assert contents.predictions == {(KEY, feed.model.number): ("positive", 0.9, False)}
    assert contents.versions == {}


async def test_a_changed_creation_time_moves_the_count_to_its_hour(feed: Feed) -> None:
    await feed.send(arrival(created=0, edited=200))
    assert await feed.send(arrival(created=100, edited=200)) == BatchOutcome(touched=1)
    contents = await read_contents(feed.store)
    hour = datetime(2026, 2, 1, 0, tzinfo=UTC)
    assert contents.counts == {(feed.model.number, "forum", hour, "positive", False): 1}


async def test_a_second_model_adds_its_prediction_to_the_current_text(store: Store) -> None:
    first = await feed_of(store)
    await first.send(arrival(text="新", edited=1), arrival("2"))
    second = await feed_of(store, "b" * 64)
    outcome = await second.send(arrival(), arrival(text="新", edited=1, probability=0.7), arrival("2"))
    contents = await read_contents(store)
    assert outcome == BatchOutcome(late=1, same=2)
    assert contents.predictions[KEY, second.model.number] == ("positive", 0.7, False)
    assert len(contents.predictions) == 4
    assert sum(contents.counts.values()) == 4


async def test_an_edit_removes_every_models_prediction_of_the_old_text(store: Store) -> None:
    first, second = await feed_of(store), await feed_of(store, "b" * 64)
    await first.send(arrival())
    second.offset = first.offset
    await second.send(arrival())
    await second.send(arrival(text="改了", edited=1))
    contents = await read_contents(store)
    assert list(contents.predictions) == [(KEY, second.model.number)]
    assert [count[0] for count in contents.counts] == [second.model.number]


async def test_a_tombstone_erases_everything_with_its_key(feed: Feed) -> None:
    await feed.send(arrival(text="旧"), dead_letter(1), arrival("2"), dead_letter(3, key=b"forum:2"))
    await feed.send(arrival(text="新", edited=1))
    async with feed.store.writing() as session:
        seen = {"comment_version": 0, "text": "新", "label": "spam", "reviewer": "a", "reviewed_at": minutes(0)}
        number = (await session.connection.execute(select(comments.c.number).where(comments.c.id == "1"))).scalar_one()
        await session.connection.execute(insert(reviews).values(comment_number=number, **seen))
    assert await feed.send(tombstone(at=10)) == BatchOutcome(erased=1)
    contents = await read_contents(feed.store)
    assert list(contents.comments) == [("forum", "2")]
    assert contents.versions == {}
    assert list(contents.predictions) == [(("forum", "2"), feed.model.number)]
    assert list(contents.counts.values()) == [1]
    assert list(contents.dead_letters) == [("comments", 0, 3)]
    assert contents.erasures == {erasure_digest(ERASURE_KEY, comment_key(*KEY)): microseconds(minutes(10))}
    async with feed.store.reading() as connection:
        for table in (reviews, comment_versions):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0


async def test_an_erased_comment_returns_only_with_a_newer_version(feed: Feed) -> None:
    await feed.send(arrival(edited=20))
    await feed.send(tombstone(at=10))
    assert await feed.send(arrival(edited=20), arrival(edited=5)) == BatchOutcome(erased_before=2)
    assert await text_of(feed.store) is None
    assert await feed.send(arrival(edited=21, text="又来")) == BatchOutcome(new=1)
    assert await text_of(feed.store) == "又来"
    assert await feed.send(arrival(edited=5), arrival(edited=20.5)) == BatchOutcome(erased_before=1, late=1)
    # An older tombstone still erases, and the digest keeps the newest version.
    assert await feed.send(tombstone(at=1)) == BatchOutcome(erased=1)
    contents = await read_contents(feed.store)
    assert contents.comments == {}
    assert contents.counts == {}
    assert list(contents.erasures.values()) == [microseconds(minutes(21))]


async def test_a_tombstone_of_an_unknown_comment_is_remembered(feed: Feed) -> None:
    assert await feed.send(tombstone(at=10)) == BatchOutcome(erased=1)
    assert await feed.send(arrival(edited=10)) == BatchOutcome(erased_before=1)
    assert await text_of(feed.store) is None
    assert await feed.send(arrival(edited=11)) == BatchOutcome(new=1)


async def test_events_of_one_key_in_a_batch_are_applied_in_order(feed: Feed) -> None:
    outcome = await feed.send(
        arrival(text="一"),
        arrival(text="二", edited=1),
        tombstone(at=2),
        arrival(text="三", edited=2),
        arrival(text="四", edited=3),
        arrival(text="五", edited=4),
        arrival(text="旧", edited=3),
    )
    contents = await read_contents(feed.store)
    assert outcome == BatchOutcome(new=2, edited=2, erased=1, erased_before=1, late=1)
    assert contents.comments[KEY][0] == "五"
    assert contents.versions == {KEY: [(microseconds(minutes(3)), "四")]}
    assert list(contents.counts.values()) == [1]
    assert list(contents.erasures.values()) == [microseconds(minutes(2))]


async def test_a_comment_erased_and_sent_again_in_one_batch_is_new(feed: Feed) -> None:
    await feed.send(arrival(text="一"))
    await feed.send(arrival(text="二", edited=1))
    assert await feed.send(tombstone(at=2), arrival(text="二", edited=3)) == BatchOutcome(new=1, erased=1)
    contents = await read_contents(feed.store)
    assert contents.comments[KEY][:2] == ("二", microseconds(minutes(3)))
    assert contents.versions == {}
    assert len(contents.predictions) == 1


async def test_a_tombstone_keeps_dead_letters_that_follow_it(feed: Feed) -> None:
    outcome = await feed.send(dead_letter(0), dead_letter(1, key=b"forum:2"), tombstone(at=1), dead_letter(3))
    assert outcome == BatchOutcome(erased=1, dead=3)
    assert sorted((await read_contents(feed.store)).dead_letters) == [("comments", 0, 1), ("comments", 0, 3)]


async def test_changes_of_a_batch_have_the_same_time(feed: Feed) -> None:
    before = datetime.now(UTC)
    await feed.send(arrival())
    async with feed.store.reading() as connection:
        stored_at, changed_at = (await connection.execute(select(comments.c.stored_at, comments.c.changed_at))).one()
    assert before <= stored_at == changed_at <= datetime.now(UTC)


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_batches_match_the_plain_model(store: Store, seed: int) -> None:
    """Like the property test, which runs only on SQLite, but with larger batches and on the servers."""
    chance = random.Random(seed)
    feeds = [await feed_of(store), await feed_of(store, "b" * 64)]
    plain, offset = PlainModel(), 0
    for _ in range(12):
        feed = chance.choice(feeds)
        records = [_any_record(chance, offset + at) for at in range(60)]
        feed.offset = offset
        await feed.send(*records)
        offset = feed.offset
        for record in records:
            plain.apply(record, feed.model.number)
    assert await read_contents(store) == plain.contents()
    assert await store.read(recount) == []


def _any_record(chance: random.Random, offset: int) -> Arrival | Tombstone | DeadLetter:
    id, platform = str(chance.randrange(40)), chance.choice(["forum", "desk"])
    kind = chance.random()
    if kind < 0.08:
        return tombstone(id, chance.randrange(300), platform)
    if kind < 0.15:
        return dead_letter(offset, f"{platform}:{id}".encode(), bytes(chance.randrange(256) for _ in range(20)))
    event = arrival(
        id,
        chance.choice(["好", "差👎", "一般 "]),
        created=chance.randrange(150),
        platform=platform,
        author=chance.choice([None, "甲", "乙"]),
        label=chance.choice(list(Label)),
        probability=chance.random(),
        uncertain=chance.random() < 0.2,
    )
    if chance.random() < 0.5:
        edited_at = minutes(150 + chance.randrange(150))
        return with_content(event, edited_at=edited_at, version=microseconds(edited_at))
    return event
