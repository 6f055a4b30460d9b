"""A partition whose record crashes consumers repeatedly is paused; healthy partitions are not."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pymysql
import pytest
from aiokafka import TopicPartition

from consumer.crash_loops import MAXIMUM_STARTS, SUSPICIOUS_STARTS, Backlog, CrashLoops
from store.batch import PartitionKey
from store.partitions import begin_partition, pause_partition, read_partitions, resume_partition
from store.store import Store
from tests.conftest import RunLiuyan
from tests.harness import Installation, Process, comment, get
from tests.store.conftest import ready_store

FIRST, SECOND = TopicPartition("comments", 0), TopicPartition("comments", 1)
PATIENCE = 120
NONE: frozenset[TopicPartition] = frozenset()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Two partitions at offset 10."""
    async with await ready_store(f"sqlite+aiosqlite:///{tmp_path / 'liuyan.db'}") as store:
        for partition in (FIRST, SECOND):
            await store.write(begin_partition, PartitionKey("group", *partition), 10, None)
        yield store


async def backlogs(store: Store) -> dict[TopicPartition, Backlog]:
    states = await store.read(read_partitions, "group", ["comments"])
    return {TopicPartition(*key): Backlog(state, end=100) for key, state in states.items()}


async def test_start_is_counted_once_and_removed_on_leave(store: Store) -> None:
    for _ in range(MAXIMUM_STARTS + 2):
        starts = CrashLoops(store)
        for _ in range(3):  # Stored offsets are read again after every reset.
            assert await starts.admit(await backlogs(store), NONE) == {FIRST, SECOND}
        assert (await backlogs(store))[FIRST].state.failed_starts == 1
        await starts.leave()
        assert (await backlogs(store))[FIRST].state.failed_starts == 0


async def test_repeated_crashes_at_one_offset_pause_the_partition(store: Store) -> None:
    for crash in range(MAXIMUM_STARTS):
        starts, waiting = CrashLoops(store), await backlogs(store)
        assert starts.pause_reason(waiting[FIRST].state) is None, crash
        assert FIRST in await starts.admit({FIRST: waiting[FIRST]}, NONE)
        assert starts.pause_reason((await backlogs(store))[FIRST].state) is None, "its own start is not a crash"
    state = (await backlogs(store))[FIRST].state
    reason = CrashLoops(store).pause_reason(state)
    assert reason is not None
    assert "liuyan consumer seek comments 0 --to 11" in reason
    assert "liuyan consumer resume comments 0" in reason
    await store.write(resume_partition, state.partition)
    assert CrashLoops(store).pause_reason((await backlogs(store))[FIRST].state) is None


async def test_suspicious_partitions_are_isolated_one_at_a_time(store: Store) -> None:
    for _ in range(SUSPICIOUS_STARTS):
        assert await CrashLoops(store).admit(await backlogs(store), NONE) == {FIRST, SECOND}
    starts = CrashLoops(store)
    assert await starts.admit(await backlogs(store), NONE) == {FIRST}
    assert starts.isolating
    waiting = {SECOND: (await backlogs(store))[SECOND]}
    assert await starts.admit(waiting, frozenset({FIRST})) == set()
    starts.stored(SECOND, 100)
    starts.stored(FIRST, 99)
    assert starts.isolating
    starts.stored(FIRST, 100)
    assert not starts.isolating
    assert await starts.admit(waiting, frozenset({FIRST})) == {SECOND}
    # The waiting partition is not blamed for a crash during isolation.
    assert (await backlogs(store))[SECOND].state.failed_starts == SUSPICIOUS_STARTS + 1


async def test_paused_partition_without_committed_offset_does_not_block_others(
    kafka: str, topic: str, migrated_sqlite_url: str, tmp_path: Path
) -> None:
    installation = Installation(kafka, topic, migrated_sqlite_url, tmp_path)
    await installation.create_topic(partitions=2)
    await installation.publish(comment(n, "很好", minutes=n) for n in range(40))
    first = PartitionKey(installation.group, topic, 0)
    async with Store.open(installation.database_url) as store:
        await store.write(begin_partition, first, 0, None)
        await store.write(pause_partition, first, "for a test")
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() > 0, seconds=PATIENCE, process=consumer)
        assert [number for number, _ in paused(installation)] == [0]


@pytest.mark.minutes
@pytest.mark.timeout(900)
async def test_consumers_killed_at_one_offset_pause_only_its_partition(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path, run_liuyan: RunLiuyan
) -> None:
    installation = Installation(kafka, topic, migrated_url, tmp_path, run_here=run_liuyan)
    await installation.create_topic(partitions=2)
    await installation.publish(comment(n, "很好", minutes=n) for n in range(40))
    # A table lock prevents consumers from storing anything until they are killed.
    with pymysql.connect(**installation.address()) as blocker, blocker.cursor() as lock:
        for kill in range(1, MAXIMUM_STARTS + 1):
            lock.execute("LOCK TABLES comments READ")
            with installation.consumer() as consumer:
                # Once both are suspicious, only the first is read and counted.
                started(installation, [kill, min(kill, SUSPICIOUS_STARTS)], consumer)
                consumer.kill()
            # Unlock, so that the dead consumer's transaction is rolled back and releases its own locks.
            lock.execute("UNLOCK TABLES")
    with installation.consumer() as consumer:
        installation.wait_for(
            lambda: len(paused(installation)) == 1 and installation.stored() > 0, seconds=PATIENCE, process=consumer
        )
        [(number, reason)] = paused(installation)
        assert number == 0
        assert f"liuyan consumer seek {topic} 0 --to 1" in reason
        installation.wait_for(
            lambda: reason in get(f"{consumer.health()}/readyz")[1], seconds=PATIENCE, process=consumer
        )
        assert get(f"{consumer.health()}/readyz")[0] == 503
        shown = installation.run("consumer", "status", "--json").stdout.splitlines()
        assert [json.loads(line)["paused"] for line in shown] == [reason, None]
        assert installation.run("consumer", "resume", topic, "0").returncode == 0
        installation.wait_for(lambda: installation.stored() == 40, seconds=PATIENCE, process=consumer)
        installation.wait_for(lambda: get(f"{consumer.health()}/readyz")[0] == 200, seconds=PATIENCE, process=consumer)
    assert installation.comments() == 40
    assert installation.counts_that_differ() == []


def starts(installation: Installation) -> list[int]:
    counted = "CASE WHEN started_offset = next_offset THEN starts ELSE 0 END"
    return [int(n) for (n,) in installation.query(f"SELECT {counted} FROM partitions ORDER BY `partition`")]


def started(installation: Installation, counts: list[int], consumer: Process) -> None:
    installation.wait_for(lambda: starts(installation) == counts, seconds=PATIENCE, process=consumer)


def paused(installation: Installation) -> list[tuple[int, str]]:
    rows = installation.query("SELECT `partition`, paused_reason FROM partitions WHERE paused_reason IS NOT NULL")
    return [(int(number), str(reason)) for number, reason in rows]
