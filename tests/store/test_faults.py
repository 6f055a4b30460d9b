"""Failures of servers, locks and tasks: no partial writes, no locks left behind."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

import store.engine
import tests.store.feed
from store.batch import Arrival, Batch, BatchOutcome, PartitionKey
from store.check import recount
from store.errors import CommitUnknownError, FencedError, StoreError, TransientStoreError
from store.partitions import begin_partition, read_partitions
from store.session import WriteSession
from store.store import Store
from store.tables import hourly_counts, partitions
from store.write import write_batch
from tests.store.conftest import ready_store
from tests.store.feed import ERASURE_KEY, PARTITION, Feed, arrival, feed_of, tombstone
from tests.store.tables_read import read_contents

Hook = Callable[[WriteSession], Awaitable[None]]


@asynccontextmanager
async def holding_locks(store: Store) -> AsyncIterator[AsyncConnection]:
    """Lock every partition's row in another session."""
    async with store.engine.connect() as connection:
        await connection.execute(text("SET SESSION wait_timeout = 60"))
        await connection.execute(select(partitions).with_for_update())
        yield connection
        await connection.invalidate()


def after_writing(monkeypatch: pytest.MonkeyPatch, hook: Hook) -> None:
    """Run ``hook`` once, after the next batch is written and before it is committed."""

    async def write_then_hook(session: WriteSession, batch: Batch, *, truncate_dead_letters: bool) -> BatchOutcome:
        outcome = await write_batch(session, batch, truncate_dead_letters=truncate_dead_letters)
        monkeypatch.undo()
        await hook(session)
        return outcome

    monkeypatch.setattr(tests.store.feed, "write_batch", write_then_hook)


async def kill(store: Store, session: WriteSession) -> None:
    """Kill the session's connection, as a restart of the server does."""
    number = (await session.connection.execute(text("SELECT CONNECTION_ID()"))).scalar_one()
    async with store.engine.connect() as administrator:
        await administrator.execute(text(f"KILL {number}"))
    await asyncio.sleep(0.1)


async def open_transactions(store: Store) -> int:
    """Count the open transactions of other sessions, after giving the server time to notice closed ones."""
    await asyncio.sleep(0.5)
    async with store.engine.connect() as connection:
        query = text("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()")
        return int((await connection.execute(query)).scalar_one())


async def test_a_lock_timeout_is_transient(server_feed: Feed) -> None:
    async with holding_locks(server_feed.store):
        began = time.monotonic()
        with pytest.raises(TransientStoreError, match="1205"):
            await server_feed.send(arrival())
        assert 1.5 < time.monotonic() - began < 6
        assert await open_transactions(server_feed.store) == 1
    assert (await server_feed.send(arrival())).new == 1


async def test_a_frozen_writer_loses_its_locks(server_feed: Feed) -> None:
    """The other session is a consumer frozen between its first write and COMMIT."""
    async with server_feed.store.engine.connect() as stopped:
        await stopped.execute(update(partitions).values(next_offset=99))
        began = time.monotonic()
        outcome = None
        while outcome is None:
            try:
                outcome = await server_feed.send(arrival())
            except TransientStoreError:
                assert time.monotonic() - began < 10
        assert outcome.new == 1
        await stopped.invalidate()


async def test_a_connection_lost_before_commit_leaves_the_offset_unchanged(
    server_feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server_feed.store
    after_writing(monkeypatch, lambda session: kill(store, session))
    with pytest.raises(CommitUnknownError):
        await server_feed.send(arrival())
    assert (await store.read(read_partitions, "liuyan", ["comments"]))["comments", 0].next_offset == 0
    assert (await read_contents(store)).comments == {}
    assert (await server_feed.send(arrival())).new == 1


async def test_an_answer_lost_after_commit_leaves_the_offset_advanced(
    server_feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = AsyncConnection.commit

    async def commit_and_lose_the_answer(connection: AsyncConnection) -> None:
        await commit(connection)
        monkeypatch.undo()
        raise ConnectionResetError

    monkeypatch.setattr(AsyncConnection, "commit", commit_and_lose_the_answer)
    with pytest.raises(CommitUnknownError):
        await server_feed.send(arrival())
    assert (await server_feed.store.read(read_partitions, "liuyan", ["comments"]))["comments", 0].next_offset == 1
    with pytest.raises(FencedError):
        await server_feed.send(arrival())
    assert len((await read_contents(server_feed.store)).comments) == 1


async def test_a_connection_lost_while_writing_is_transient(server_feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lose(session: WriteSession) -> None:
        await kill(server_feed.store, session)
        await session.connection.execute(select(1))

    after_writing(monkeypatch, lose)
    with pytest.raises(TransientStoreError):
        await server_feed.send(arrival())
    assert (await server_feed.send(arrival())).new == 1


async def kill_other_connections(feed: Feed) -> None:
    async with feed.store.engine.connect() as administrator:
        await feed.send(arrival("1"))
        query = text("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db = DATABASE()")
        for number in (await administrator.execute(query)).scalars().all():
            await administrator.execute(text(f"KILL {number}"))


async def test_connections_killed_in_the_pool_are_replaced(server_feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.engine, "IDLE_SECONDS", 0)
    await kill_other_connections(server_feed)
    assert (await server_feed.send(arrival("2"))).new == 1


async def test_a_connection_killed_right_after_its_use_fails_once(
    server_feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.engine, "IDLE_SECONDS", 3600)
    await kill_other_connections(server_feed)
    outcomes: list[int | None] = []
    for _ in range(3):
        try:
            outcomes.append((await server_feed.send(arrival("2"))).new)
        except TransientStoreError:
            outcomes.append(None)
    # The pool returns either the administrator's connection or the killed one first.
    assert outcomes in ([None, 1, 0], [1, 0, 0])


async def test_a_cancelled_batch_leaves_no_open_transaction(server_feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    store, written = server_feed.store, asyncio.Event()

    async def hang(session: WriteSession) -> None:
        written.set()
        await asyncio.sleep(60)

    after_writing(monkeypatch, hang)
    task = asyncio.create_task(server_feed.send(arrival()))
    await written.wait()
    assert await open_transactions(store) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await open_transactions(store) == 0
    assert (await server_feed.send(arrival())).new == 1


async def test_a_batch_cancelled_during_a_statement_leaves_no_lock(server_feed: Feed) -> None:
    async with holding_locks(server_feed.store):
        task = asyncio.create_task(server_feed.send(arrival()))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await server_feed.send(arrival())).new == 1
    assert await server_feed.store.read(recount) == []


async def test_a_server_that_never_answers_times_out(migrated_url: str) -> None:
    async with await ready_store(migrated_url) as patient:
        feed = await feed_of(patient)
        impatient = Store(patient.engine, answer_seconds=0.5)
        await impatient.check_ready(ERASURE_KEY)
        feed.store = impatient
        async with holding_locks(patient):
            with pytest.raises(TransientStoreError, match="does not answer"):
                await feed.send(arrival())
        assert (await feed.send(arrival())).new == 1


async def test_an_unreachable_server_is_transient(server_store: Store) -> None:
    away = Store.open(str(server_store.engine.url.set(port=1)))
    with pytest.raises(TransientStoreError, match="2003"):
        await away.read(read_partitions, "liuyan", ["comments"])
    await away.close()


async def test_writing_without_the_erasure_key_is_refused(server_feed: Feed) -> None:
    async with Store.open(server_feed.store.engine.url.render_as_string(hide_password=False)) as store:
        server_feed.store = store
        with pytest.raises(StoreError, match="check_ready"):
            await server_feed.send(arrival())


async def test_concurrent_writers_of_the_same_keys_lose_nothing(store: Store) -> None:
    """Three topics carry the same keys in random order: lock errors must neither lose nor repeat anything."""
    keys = [str(number) for number in range(60)]
    chance = random.Random(5)
    feeds = [await feed_of(store, partition=PartitionKey("liuyan", topic, 0)) for topic in ("one", "two", "three")]
    faults = 0

    async def write(feed: Feed) -> None:
        nonlocal faults
        for version in range(8):
            order = chance.sample(keys, len(keys))
            records = [arrival(id, f"{version}", created=0, edited=version + chance.random()) for id in order]
            erased = [tombstone(id, version) for id in order[:3]]
            while True:
                try:
                    await feed.send(*records, *erased)
                    break
                except TransientStoreError:
                    faults += 1

    await asyncio.gather(*map(write, feeds))
    contents = await read_contents(store)
    assert faults < 24
    assert await store.read(recount) == []
    assert sum(contents.counts.values()) == len(contents.comments) == len(contents.predictions)
    async with store.reading() as connection:
        assert min((await connection.execute(select(hourly_counts.c.n))).scalars()) > 0
    positions = await store.read(read_partitions, "liuyan", ["one", "two", "three"])
    assert {state.next_offset for state in positions.values()} == {8 * 63}


async def test_a_deadlock_is_transient(server_store: Store) -> None:
    feed = await feed_of(server_store)
    other = PartitionKey("liuyan", "comments", 1)
    await server_store.write(begin_partition, other, 0, None)

    async def lock(connection: AsyncConnection, partition: int) -> None:
        await connection.execute(update(partitions).where(partitions.c.partition == partition).values(records_lost=1))

    async with server_store.writing() as first:
        await lock(first.connection, 0)

        async def second() -> None:
            async with server_store.writing() as session:
                await lock(session.connection, 1)
                await lock(session.connection, 0)

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.3)
        results = await asyncio.gather(lock(first.connection, 1), waiting, return_exceptions=True)
    failed = [result for result in results if result is not None]
    assert len(failed) == 1
    assert "1213" in str(failed[0])
    assert isinstance(failed[0], TransientStoreError) or failed[0] is results[0]
    assert (await feed.send(arrival())).new == 1


async def test_sqlite_writers_wait_for_each_other(tmp_path: object) -> None:
    async with await ready_store(f"sqlite+aiosqlite:///{tmp_path}/liuyan.db", lock_wait_seconds=1) as store:
        feed = await feed_of(store)
        async with store.writing() as session:
            await session.connection.execute(select(partitions))
            with pytest.raises(TransientStoreError, match="locked"):
                await feed.send(arrival())
        assert (await feed.send(arrival())).new == 1
        many = [await feed_of(store, partition=PartitionKey("liuyan", f"t{n}", 0)) for n in range(5)]
        await asyncio.gather(*(feed.send(_one_comment(n)) for n, feed in enumerate(many)))
        assert len((await read_contents(store)).comments) == 6


def _one_comment(number: int) -> Arrival:
    return arrival(f"comment {number}")


async def test_a_writer_does_not_block_readers(store: Store) -> None:
    feed = await feed_of(store)
    await feed.send(arrival())
    async with store.writing() as session:
        await session.connection.execute(update(partitions).values(next_offset=7))
        began = time.monotonic()
        assert (await store.read(read_partitions, *_group_and_topics(PARTITION)))["comments", 0].next_offset == 1
        assert len((await read_contents(store)).comments) == 1
        assert time.monotonic() - began < 1


def _group_and_topics(partition: PartitionKey) -> tuple[str, list[str]]:
    return partition.group, [partition.topic]
