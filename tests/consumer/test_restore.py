"""A database that lost its newest transactions catches up from Kafka: every event is stored exactly once."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import select

from local_stack.mysql import MySQL
from local_stack.ports import ReservedPort
from store.audit import Actor
from store.comments import ShownLabel
from store.reviews import Opinion, add_review
from store.store import Store
from store.tables import comments
from tests.faults.proxy import Proxy
from tests.harness import Installation, Record, comment, tombstone

LI = Actor(7, "小李", "session", None)
REPLICATION = ("--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--innodb-flush-log-at-trx-commit=2")


def first_events(count: int) -> list[Record]:
    return [comment(n, f"物流很快，第 {n} 次购买", minutes=n) for n in range(count)]


def later_events(count: int) -> list[Record]:
    """Return new comments, edits of the first ones and tombstones."""
    new = [comment(n, f"味道不错，第 {n} 次", minutes=n) for n in range(count, 2 * count)]
    edits = [comment(n, f"改：坏了 {n}", minutes=n, edited=10_000 + n) for n in range(0, count, 5)]
    return [*new, *edits, *(tombstone(n) for n in range(1, count, 20))]


def assert_equal_to_the_log(installation: Installation, count: int) -> None:
    """Check comments, versions, predictions and counts after first_events and later_events."""
    erased = len(range(1, count, 20))
    edited = len(range(0, count, 5))
    assert installation.comments() == 2 * count - erased
    assert installation.number("SELECT COUNT(*) FROM comments WHERE text LIKE '改%'") == edited
    assert installation.number("SELECT COUNT(*) FROM comment_versions") == edited
    assert installation.number("SELECT COUNT(*) FROM erasures") == erased
    assert installation.number("SELECT COUNT(*) FROM predictions") == 2 * count - erased
    assert installation.counts_that_differ() == []
    assert installation.comment_counts_that_differ() == []


async def review(store: Store, number: int) -> None:
    async with store.reading() as connection:
        query = select(comments.c.version).where(comments.c.id == str(number))
        version = (await connection.execute(query)).scalar_one()
    await add_review(store, LI, Opinion("forum", str(number), version, ShownLabel.NEGATIVE))


async def test_a_restored_database_catches_up_and_reports_lost_reviews(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path, clients: Path
) -> None:
    installation = Installation(kafka, topic, migrated_url, tmp_path, {"PATH": f"{clients}:/usr/bin:/bin"})
    await installation.create_topic(partitions=2)
    first, later = first_events(100), later_events(100)
    with installation.consumer() as consumer:
        await installation.publish(first)
        installation.wait_for(lambda: installation.stored() == len(first), seconds=60, process=consumer)
        async with Store.open(migrated_url) as store:
            await review(store, 2)
        done = installation.run("store", "backup", "a.backup")
        assert done.returncode == 0, done.stderr
        await installation.publish(later)
        total = len(first) + len(later)
        installation.wait_for(lambda: installation.stored() == total, seconds=60, process=consumer)
        async with Store.open(migrated_url) as store:
            await review(store, 103)
            await review(store, 104)
    done = installation.run("store", "restore", "a.backup", "--replace")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 reviews in the replaced database were newer and are lost." in done.stdout
    assert installation.stored() == len(first)
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == total, seconds=60, process=consumer)
    assert_equal_to_the_log(installation, 100)
    assert installation.number("SELECT COUNT(*) FROM reviews") == 1


@pytest.fixture
def source_and_replica() -> Iterator[tuple[MySQL, MySQL]]:
    """Two MySQL servers with the same account; the second replicates the first."""
    with MySQL(("--server-id=1", *REPLICATION)) as source:
        replica = MySQL(("--server-id=2", *REPLICATION))
        replica.password = source.password
        with replica:
            execute(
                replica,
                f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {source.port}, "
                f"SOURCE_USER = '{source.user}', SOURCE_PASSWORD = '{source.password}', SOURCE_AUTO_POSITION = 1, "
                "GET_SOURCE_PUBLIC_KEY = 1",
            )
            execute(replica, "START REPLICA")
            yield source, replica


def execute(server: MySQL, statement: str) -> list[tuple[object, ...]]:
    with (
        pymysql.connect(
            host="127.0.0.1", port=server.port, user=server.user, password=server.password, autocommit=True
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.mark.long
@pytest.mark.server
async def test_failover_to_a_lagging_replica_stores_every_event_once(
    kafka: str, topic: str, source_and_replica: tuple[MySQL, MySQL], tmp_path: Path
) -> None:
    source, replica = source_and_replica
    installation = Installation(kafka, topic, source.create_database("liuyan"), tmp_path)
    installation.migrate()
    await installation.create_topic(partitions=2)
    first, later = first_events(400), later_events(400)
    total = len(first) + len(later)
    # One consumer reaches the database by a name that is moved to the replica while it runs; the other one is
    # restarted with the replica's URL.
    port = ReservedPort()
    proxy = Proxy(port.number, source.port)
    await proxy.start()
    moved = {"LIUYAN_DATABASE_URL": installation.database_url.replace(f":{source.port}/", f":{port.number}/")}
    try:
        with installation.consumer(**moved) as moving, installation.consumer() as restarted:
            await installation.publish(first)
            await _until(lambda: installation.stored() == len(first))
            async with Store.open(installation.database_url) as store:
                await review(store, 2)
            on_replica = "SELECT (SELECT COUNT(*) FROM liuyan.comments), (SELECT COUNT(*) FROM liuyan.reviews)"
            await _until(lambda: execute(replica, on_replica) == [(len(first), 1)])
            execute(replica, "STOP REPLICA")
            await installation.publish(later)
            await _until(lambda: installation.stored() > len(first) + len(later) // 2)
            source.kill()
            execute(replica, "RESET REPLICA ALL")
            restarted.kill()
            installation = replace(installation, database_url=replica.url("liuyan"))
            assert installation.stored() == len(first)
            proxy.upstream = replica.port
            proxy.cut()
            with installation.consumer():
                await _until(lambda: installation.stored() == total)
                moving.check()
    finally:
        await proxy.stop()
        port.close()
    assert_equal_to_the_log(installation, 400)


async def _until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait without blocking the proxy, which runs in this event loop."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
