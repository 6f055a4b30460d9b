"""Several erasure keys: the first is written, all are looked up, and the last one determines the audit sample."""

import pytest
from sqlalchemy import delete, select

from store.audit import Actor
from store.batch import Advance, Batch, BatchOutcome, RequeuedRecord
from store.dead_letter_admin import DeadLetterFilter, DeadLetterState, list_dead_letters, requeue
from store.dead_letters import comment_key
from store.errors import ErasureKeyError
from store.lock_keys import erasure_digest
from store.outbox import lease_messages
from store.requeued import DEAD_LETTER_HEADER
from store.store import Store
from store.tables import comments, key_checks
from store.write import write_batch
from tests.store.feed import ERASURE_KEY, Feed, arrival, dead_letter, tombstone
from tests.store.tables_read import read_contents

WANG = Actor(7, "wang", "session", None)
NEW, NEWEST = b"a newer key for tests", b"the newest key for tests"


def digest(key: bytes, id: str) -> str:
    return erasure_digest(key, comment_key("forum", id))


async def test_a_newer_key_is_written_and_older_ones_are_still_looked_up(feed: Feed) -> None:
    await feed.send(arrival("1"), arrival("2"))
    await feed.send(tombstone("1", at=10))
    await feed.store.check_ready(NEW, ERASURE_KEY)
    await feed.send(tombstone("2", at=10))
    await feed.store.check_ready(NEWEST, NEW, ERASURE_KEY)
    assert await feed.send(arrival("1"), arrival("2"), arrival("3")) == BatchOutcome(new=1, erased_before=2)
    found = (await read_contents(feed.store)).erasures
    assert set(found) == {digest(ERASURE_KEY, "1"), digest(NEW, "2")}


async def test_the_latest_erasure_counts_whatever_its_key(feed: Feed) -> None:
    await feed.send(tombstone("1", at=10))
    await feed.store.check_ready(NEW, ERASURE_KEY)
    assert await feed.send(arrival("1", edited=20)) == BatchOutcome(new=1)
    await feed.send(tombstone("1", at=30))
    assert await feed.send(arrival("1", edited=25)) == BatchOutcome(erased_before=1)
    assert await feed.send(arrival("1", edited=40)) == BatchOutcome(new=1)


async def test_a_key_that_is_in_use_cannot_be_left_out(feed: Feed) -> None:
    await feed.store.check_ready(NEW, ERASURE_KEY)
    for keys in ((ERASURE_KEY,), (NEWEST, ERASURE_KEY)):
        with pytest.raises(ErasureKeyError, match="lacks a key"):
            await feed.store.check_ready(*keys)
    for keys in ((NEW,), (ERASURE_KEY, NEW), (NEWEST, NEW)):
        with pytest.raises(ErasureKeyError, match="does not end with the key"):
            await feed.store.check_ready(*keys)
    await feed.store.check_ready(NEWEST, NEW, ERASURE_KEY)
    async with feed.store.reading() as connection:
        assert len((await connection.execute(select(key_checks.c.name))).all()) == 3


async def test_a_running_consumer_notices_a_key_that_it_lacks(feed: Feed) -> None:
    await feed.store.require_erasure_keys()
    async with Store.open(feed.store.engine.url.render_as_string(hide_password=False)) as other:
        await other.check_ready(NEW, ERASURE_KEY)
        await other.require_erasure_keys()
    with pytest.raises(ErasureKeyError, match="lacks a key"):
        await feed.store.require_erasure_keys()


async def test_the_audit_sample_does_not_change_with_a_newer_key(feed: Feed) -> None:
    async def sampled(*keys: bytes) -> list[int | None]:
        async with Store.open(feed.store.engine.url.render_as_string(hide_password=False), audit_share=0.5) as store:
            await store.check_ready(*keys)
            plain, feed.store = feed.store, store
            try:
                await feed.send(*(arrival(str(n)) for n in range(40)))
            finally:
                feed.store = plain
            async with store.writing() as session:
                query = select(comments.c.audit_rank).order_by(comments.c.number)
                ranks = list((await session.connection.execute(query)).scalars())
                await session.connection.execute(delete(comments))
        return ranks

    before = await sampled(ERASURE_KEY)
    assert None in before
    assert any(before)
    assert await sampled(NEW, ERASURE_KEY) == before


async def test_a_copy_signed_with_an_older_key_resolves_its_dead_letter(feed: Feed) -> None:
    await feed.send(dead_letter(0))
    everything = DeadLetterFilter(states=frozenset())
    [letter] = await feed.store.read(list_dead_letters, everything, 10)
    await feed.store.write(requeue, [letter.number], WANG)
    [message] = await feed.store.write(lease_messages, ["comments"], ERASURE_KEY, limit=1, lease_seconds=60)
    await feed.store.check_ready(NEW, ERASURE_KEY)
    header = dict(message.headers)[DEAD_LETTER_HEADER]
    assert header is not None
    copy = RequeuedRecord(feed.partition, feed.offset, message.key, message.value, header)
    advance = Advance(feed.partition, feed.offset, feed.offset + 1)
    await feed.store.write(write_batch, Batch(feed.model.number, [advance], [arrival()], [copy]))
    [letter] = await feed.store.read(list_dead_letters, everything, 10)
    assert letter.state is DeadLetterState.RESOLVED
