"""The number of statements, counted by the server, does not depend on the size of a batch."""

from collections.abc import AsyncIterator, Sequence

import pytest_asyncio
from sqlalchemy import text

from store.audit import Actor
from store.batch import Arrival, Batch, DeadLetter, RequeuedRecord, Tombstone
from store.comments import ShownLabel
from store.dead_letter_admin import DeadLetterFilter, list_dead_letters
from store.models import activate, register_model
from store.requeued import header_value
from store.reviews import Opinion, add_reviews
from store.store import Store
from store.write import write_batch
from tests.store.conftest import ready_store
from tests.store.feed import ERASURE_KEY, PARTITION, Feed, arrival, dead_letter, feed_of, tombstone

COUNTED = ("insert", "insert_select", "select", "update", "update_multi", "delete", "delete_multi", "replace", "commit")
Records = Sequence[Arrival | Tombstone | DeadLetter]


async def statements_run(store: Store) -> dict[str, int]:
    """Return how many statements of each kind the server has run in all sessions."""
    async with store.engine.connect() as connection:
        rows = await connection.execute(text("SHOW GLOBAL STATUS LIKE 'Com\\_%'"))
        counts = {name.removeprefix("Com_"): int(count) for name, count in rows.all()}
    return {name: counts.get(name, 0) for name in COUNTED}


async def cost(feed: Feed, records: Records) -> dict[str, int]:
    """Return the statements that the server runs to store these records."""
    before = await statements_run(feed.store)
    await feed.send(*records)
    after = await statements_run(feed.store)
    return {name: after[name] - before[name] for name in COUNTED if after[name] != before[name]}


def kinds(first: int, count: int) -> dict[str, Records]:
    """Return batches of every kind on ``count`` keys, to be sent in order."""
    ids = [str(n) for n in range(first, first + count)]
    return {
        "new": [arrival(id) for id in ids],
        "redelivered": [arrival(id) for id in ids],
        "edited": [arrival(id, "改了", edited=999) for id in ids],
        "touched": [arrival(id, "改了", created=99, edited=999, author="乙") for id in ids],
        "dead": [dead_letter(first + n, f"forum:{id}".encode()) for n, id in enumerate(ids)],
        "erased": [tombstone(id, 1000) for id in ids],
        "resent": [arrival(id, edited=1001) for id in ids],
        "mixed": [
            record
            for id in ids
            for record in (arrival(id, "又改", edited=1002), tombstone(id, 1003), arrival(id, edited=1004))
        ],
    }


@pytest_asyncio.fixture
async def server_feed(migrated_url: str) -> AsyncIterator[Feed]:
    """A feed whose connection is not recycled during the test, because its setup would be counted."""
    async with await ready_store(migrated_url, lock_wait_seconds=120) as store:
        yield await feed_of(store)


async def test_the_number_of_statements_does_not_grow_with_the_batch(server_feed: Feed) -> None:
    await server_feed.send(arrival("warm-up"))
    first = {name: await cost(server_feed, records) for name, records in kinds(0, 2).items()}
    small = {name: await cost(server_feed, records) for name, records in kinds(10, 2).items()}
    large = {name: await cost(server_feed, records) for name, records in kinds(1000, 700).items()}
    assert large == small == first
    assert small["new"] == {"insert_select": 5, "select": 2, "update_multi": 1, "commit": 1}
    assert max(sum(counts.values()) for counts in small.values()) <= 19


async def copies_cost(feed: Feed, offsets: range) -> dict[str, int]:
    """Return the statements for failed copies of this many dead letters, without reading their numbers."""
    letters = [dead_letter(offset, b"copied:%d" % offset) for offset in offsets]
    await feed.send(*letters)
    stored = await feed.store.read(list_dead_letters, DeadLetterFilter(), len(letters))
    copies = [
        RequeuedRecord(
            PARTITION, -letter.number, letter.key, b"{", header_value(ERASURE_KEY, letter.number, letter.key, b"{")
        )
        for letter in stored
    ]
    failed = [dead_letter(copy.offset, copy.key) for copy in copies]
    before = await statements_run(feed.store)
    await feed.store.write(write_batch, Batch(feed.model.number, [], failed, copies))
    after = await statements_run(feed.store)
    return {name: after[name] - before[name] for name in COUNTED if after[name] != before[name]}


async def test_any_number_of_copies_costs_two_statements(server_feed: Feed) -> None:
    await server_feed.send(arrival("warm-up"))
    assert await copies_cost(server_feed, range(10, 12)) == {"select": 1, "update_multi": 1, "commit": 1}
    assert await copies_cost(server_feed, range(1000, 1700)) == {"select": 1, "update_multi": 1, "commit": 1}


async def test_an_empty_batch_only_advances_the_offset(server_feed: Feed) -> None:
    await server_feed.send(arrival("warm-up"))
    assert await cost(server_feed, []) == {"update_multi": 1, "commit": 1}


async def reviewed_cost(feed: Feed, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the statements to store a second model's labels of reviewed comments, and then edits of them."""
    second = await feed_of(feed.store, "b" * 64)
    costs = {}
    for name, texts in (("replayed", "味道不错"), ("edited", "改了")):
        await feed.send(*(arrival(id) for id in ids))
        opinions = [Opinion("forum", id, arrival().content.version, ShownLabel.SPAM) for id in ids]
        await add_reviews(feed.store, Actor(7, "小李", "session", None), opinions)
        second.offset = feed.offset
        edited = None if name == "replayed" else 5.0
        costs[name] = await cost(second, [arrival(id, texts, edited=edited) for id in ids])
        feed.offset = second.offset
    return costs


async def test_the_number_of_statements_does_not_grow_with_reviewed_comments(server_feed: Feed) -> None:
    await server_feed.send(arrival("warm-up"))
    small = await reviewed_cost(server_feed, ["1", "2"])
    assert await reviewed_cost(server_feed, [f"more {n}" for n in range(300)]) == small
    assert max(sum(counts.values()) for counts in small.values()) <= 17


async def test_a_batch_of_another_model_queues_all_its_comments_in_one_statement(server_feed: Feed) -> None:
    await server_feed.send(arrival("warm-up"))
    active = await cost(server_feed, [arrival("1"), arrival("2")])
    new = await register_model(server_feed.store, "b" * 64, "new", 0.3, 0.7)
    await server_feed.store.write(activate, new.number, server_feed.model.number, "wang")
    expected = {**active, "insert_select": active["insert_select"] + 1}
    assert await cost(server_feed, [arrival(str(n)) for n in range(100, 400)]) == expected
