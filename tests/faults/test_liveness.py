"""/livez turns red where nothing gets on in spite of lag, and where the event loop stands still; and green again."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_stack.kafka import Kafka
from local_stack.ports import ReservedPort
from tests.faults.proxy import KafkaProxy, Request
from tests.harness import Installation, Process, comment, get

STUCK_SECONDS = 10
# The rows and the logs' ends are looked at every few seconds.
NOTICED_SECONDS = 15


@dataclass(frozen=True)
class Proxied:
    """A broker, and the proxy that the consumer reaches it through."""

    kafka: Kafka
    proxy: KafkaProxy


@pytest.fixture(scope="module")
def broker() -> Iterator[tuple[Kafka, int]]:
    """A Kafka whose clients, at its second listener, come back through the port."""
    with ReservedPort() as port, Kafka(proxy_port=port.number) as kafka:
        yield kafka, port.number


@pytest.fixture
async def proxied(broker: tuple[Kafka, int]) -> AsyncIterator[Proxied]:
    kafka, port = broker
    proxy = KafkaProxy(port, kafka.proxied_port, client="liuyan")
    await proxy.start()
    yield Proxied(kafka, proxy)
    await proxy.stop()


@pytest.fixture
async def installation(proxied: Proxied, topic: str, database_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic; publishers go straight to the broker."""
    ours = Installation(proxied.kafka.bootstrap, topic, database_url, tmp_path)
    ours.migrate()
    await ours.create_topic(partitions=2)
    return ours


def alive(consumer: Process) -> tuple[int, str]:
    return get(f"{consumer.health()}/livez")


async def within(seconds: float, ours: Installation, consumer: Process, status: int) -> str:
    """Wait for a status of /livez; what it says then."""
    await asyncio.to_thread(ours.wait_for, lambda: alive(consumer)[0] == status, seconds=seconds, process=consumer)
    return alive(consumer)[1]


async def publish(ours: Installation, first: int, count: int) -> None:
    await ours.publish(comment(number, f"第{number}条，还不错") for number in range(first, first + count))


async def stored(ours: Installation, count: int, consumer: Process) -> None:
    await asyncio.to_thread(ours.wait_for, lambda: ours.stored() == count, seconds=60, process=consumer)


async def restart_and_swallow(ours: Installation, proxied: Proxied, consumer: Process, swallowed: Request) -> None:
    """The broker restarts, and the client stays connected and is polled, but some of what it asks is never answered."""
    await publish(ours, 0, 50)
    await stored(ours, 50, consumer)
    assert alive(consumer)[0] == 200
    proxied.proxy.swallowed = frozenset({swallowed})
    await asyncio.to_thread(proxied.kafka.restart)


async def caught_and_back(ours: Installation, proxied: Proxied, consumer: Process) -> None:
    """Thirty records that it does not get turn /livez red in time, and green when it gets them."""
    await publish(ours, 50, 30)
    began = time.monotonic()
    said = await within(STUCK_SECONDS + NOTICED_SECONDS, ours, consumer, 503)
    assert "Lag of 30 records, no batch stored for 1" in said
    assert time.monotonic() - began > STUCK_SECONDS - 5
    assert ours.stored() == 50
    proxied.proxy.swallowed = frozenset()
    proxied.proxy.cut()
    await stored(ours, 80, consumer)
    await within(NOTICED_SECONDS, ours, consumer, 200)


def through(proxied: Proxied) -> dict[str, str]:
    return {"LIUYAN_KAFKA": f"127.0.0.1:{proxied.proxy.port}", "LIUYAN_STUCK_SECONDS": str(STUCK_SECONDS)}


async def test_a_consumer_that_gets_no_records_after_a_broker_restart_is_caught(
    installation: Installation, proxied: Proxied
) -> None:
    with installation.consumer(**through(proxied)) as consumer:
        await restart_and_swallow(installation, proxied, consumer, Request.FETCH)
        await caught_and_back(installation, proxied, consumer)


@pytest.mark.long
async def test_a_consumer_that_gets_no_partitions_after_a_broker_restart_is_caught(
    installation: Installation, proxied: Proxied
) -> None:
    def has_none() -> bool:
        return "liuyan_consumer_assigned_partitions 0.0" in get(f"{consumer.health()}/metrics")[1]

    with installation.consumer(**through(proxied)) as consumer:
        await restart_and_swallow(installation, proxied, consumer, Request.JOIN_GROUP)
        consumer.send(signal.SIGSTOP)  # Past its session's end: it is to join again.
        await asyncio.sleep(8)
        consumer.send(signal.SIGCONT)
        await asyncio.to_thread(installation.wait_for, has_none, seconds=30, process=consumer)
        await caught_and_back(installation, proxied, consumer)


async def test_an_event_loop_that_stands_still_is_told(installation: Installation, tmp_path: Path) -> None:
    """A signal's handler runs in the thread of the event loop, between two of its steps, and holds it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGUSR1, lambda *_: time.sleep(9))\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with installation.consumer(PYTHONPATH=path) as consumer:
        await publish(installation, 0, 10)
        await stored(installation, 10, consumer)
        assert alive(consumer)[0] == 200
        consumer.send(signal.SIGUSR1)
        status, said = await asyncio.to_thread(alive, consumer)
        assert (status, "The event loop has not answered for 3 s." in said) == (503, True)
        metrics = await asyncio.to_thread(get, f"{consumer.health()}/metrics")
        assert metrics[0] == 200
        await within(20, installation, consumer, 200)
        await publish(installation, 10, 10)
        await stored(installation, 20, consumer)
