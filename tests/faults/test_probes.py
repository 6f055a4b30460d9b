"""/readyz turns red within seconds of a server that stands still, and green again; no gauge keeps an old value."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from local_stack.server import Server
from tests.harness import Installation, Process, comment, get

pytestmark = pytest.mark.server

# The check waits two seconds for an answer, and the test asks it one time after the other.
RED_SECONDS = 6
# Clients take a while to find that a server is back.
GREEN_SECONDS = 20
# The ends of logs are asked for every five seconds, and fifteen seconds old they are no longer shown as lag.
STALE_SECONDS = 25


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    with Kafka() as kafka:
        yield kafka


@pytest.fixture(scope="module")
def database() -> Iterator[MySQL]:
    with MySQL() as server:
        yield server


@pytest.fixture
async def installation(broker: Kafka, database: MySQL, topic: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic on servers of our own, which the tests freeze."""
    name = topic.replace("-", "_")
    ours = Installation(broker.bootstrap, topic, database.create_database(name), tmp_path)
    ours.migrate()
    await ours.create_topic(partitions=2)
    return ours


def readiness(consumer: Process) -> tuple[int, str]:
    return get(f"{consumer.health()}/readyz")


def wait_for(said: Callable[[], bool], seconds: float, consumer: Process) -> float:
    """Seconds until it came true."""
    began = time.monotonic()
    while not said():
        consumer.check()
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {readiness(consumer)}\n{consumer.output()}"
        time.sleep(0.2)
    return time.monotonic() - began


def freeze(server: Server, sentence: str, consumer: Process) -> None:
    """Red while ``server`` stands still, by ``sentence`` alone, and green again."""
    server.pause()
    try:
        wait_for(lambda: readiness(consumer)[0] == 503, RED_SECONDS, consumer)
        said = readiness(consumer)[1]
        assert sentence in said
        assert said.count('"ok":false') == 2  # All together, and this check.
        assert get(f"{consumer.health()}/livez")[0] == 200
    finally:
        server.resume()
    wait_for(lambda: readiness(consumer)[0] == 200, GREEN_SECONDS, consumer)


async def start(ours: Installation, consumer: Process) -> None:
    await ours.publish(comment(number, f"第{number}条，还不错") for number in range(20))
    await asyncio.to_thread(ours.wait_for, lambda: ours.stored() == 20, seconds=60, process=consumer)
    await asyncio.to_thread(wait_for, lambda: readiness(consumer)[0] == 200, GREEN_SECONDS, consumer)


async def test_a_frozen_database_is_noticed_at_once(installation: Installation, database: MySQL) -> None:
    with installation.consumer() as consumer:
        await start(installation, consumer)
        await asyncio.to_thread(freeze, database, "The database does not answer.", consumer)
        await installation.publish(comment(number, "又来一条") for number in range(20, 30))
        await asyncio.to_thread(
            installation.wait_for, lambda: installation.stored() == 30, seconds=60, process=consumer
        )


async def test_a_frozen_broker_is_noticed_at_once_and_its_lag_is_not_made_up(
    installation: Installation, broker: Kafka
) -> None:
    def lag_is_shown() -> bool:
        return "liuyan_consumer_lag{" in get(f"{consumer.health()}/metrics")[1]

    with installation.consumer() as consumer:
        await start(installation, consumer)
        await asyncio.to_thread(freeze, broker, "Kafka does not answer.", consumer)
        await asyncio.to_thread(wait_for, lag_is_shown, GREEN_SECONDS, consumer)
        broker.pause()
        try:
            await asyncio.to_thread(wait_for, lambda: not lag_is_shown(), STALE_SECONDS, consumer)
            assert "Kafka last answered" in get(f"{consumer.health()}/livez")[1]
        finally:
            broker.resume()
        await asyncio.to_thread(wait_for, lag_is_shown, GREEN_SECONDS, consumer)
