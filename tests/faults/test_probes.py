"""/readyz fails within seconds when a server freezes, and recovers; gauges do not keep stale values."""

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

# The check times out after two seconds, and the test asks repeatedly.
RED_SECONDS = 6
# Clients need some time to notice that a server is back.
GREEN_SECONDS = 20
# End offsets are read every five seconds, and no longer used for lag when they are fifteen seconds old.
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
    """A migrated database and a topic on separate servers, which the tests freeze."""
    name = topic.replace("-", "_")
    installation = Installation(broker.bootstrap, topic, database.create_database(name), tmp_path)
    installation.migrate()
    await installation.create_topic(partitions=2)
    return installation


def readiness(consumer: Process) -> tuple[int, str]:
    return get(f"{consumer.health()}/readyz")


def wait_for(condition: Callable[[], bool], seconds: float, consumer: Process) -> float:
    """Wait until a condition is true, and return after how many seconds."""
    began = time.monotonic()
    while not condition():
        consumer.check()
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {readiness(consumer)}\n{consumer.output()}"
        time.sleep(0.2)
    return time.monotonic() - began


def freeze(server: Server, sentence: str, consumer: Process) -> None:
    """Check that /readyz fails with only ``sentence`` while ``server`` is frozen, and recovers."""
    server.pause()
    try:
        wait_for(lambda: readiness(consumer)[0] == 503, RED_SECONDS, consumer)
        body = readiness(consumer)[1]
        assert sentence in body
        assert body.count('"ok":false') == 2  # The overall status and this check.
        assert get(f"{consumer.health()}/livez")[0] == 200
    finally:
        server.resume()
    wait_for(lambda: readiness(consumer)[0] == 200, GREEN_SECONDS, consumer)


async def start(installation: Installation, consumer: Process) -> None:
    await installation.publish(comment(number, f"第{number}条，还不错") for number in range(20))
    await asyncio.to_thread(installation.wait_for, lambda: installation.stored() == 20, seconds=60, process=consumer)
    await asyncio.to_thread(wait_for, lambda: readiness(consumer)[0] == 200, GREEN_SECONDS, consumer)


async def test_a_frozen_database_is_detected_quickly(installation: Installation, database: MySQL) -> None:
    with installation.consumer() as consumer:
        await start(installation, consumer)
        await asyncio.to_thread(freeze, database, "The database does not answer.", consumer)
        await installation.publish(comment(number, "又来一条") for number in range(20, 30))
        await asyncio.to_thread(
            installation.wait_for, lambda: installation.stored() == 30, seconds=60, process=consumer
        )


async def test_a_frozen_broker_is_detected_quickly_and_lag_disappears(
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
