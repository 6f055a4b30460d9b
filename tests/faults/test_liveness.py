"""/livez fails while nothing is stored despite lag or while the event loop is blocked, and recovers."""

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
# Rows and end offsets are checked every few seconds.
NOTICED_SECONDS = 15


@dataclass(frozen=True)
class Proxied:
    """A broker, and the proxy through which the consumer connects to it."""

    kafka: Kafka
    proxy: KafkaProxy


@pytest.fixture(scope="module")
def broker() -> Iterator[tuple[Kafka, int]]:
    """A Kafka whose second listener advertises the port, on which a proxy can listen."""
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
async def installation(proxied: Proxied, topic: str, migrated_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic; publishers connect to the broker directly."""
    installation = Installation(proxied.kafka.bootstrap, topic, migrated_url, tmp_path)
    await installation.create_topic(partitions=2)
    return installation


def alive(consumer: Process) -> tuple[int, str]:
    return get(f"{consumer.health()}/livez")


async def wait_for_status(seconds: float, installation: Installation, consumer: Process, status: int) -> str:
    """Wait until /livez has this status, and return its body."""
    await asyncio.to_thread(
        installation.wait_for, lambda: alive(consumer)[0] == status, seconds=seconds, process=consumer
    )
    return alive(consumer)[1]


async def publish(installation: Installation, first: int, count: int) -> None:
    await installation.publish(comment(number, f"第{number}条，还不错") for number in range(first, first + count))


async def stored(installation: Installation, count: int, consumer: Process) -> None:
    await asyncio.to_thread(installation.wait_for, lambda: installation.stored() == count, seconds=60, process=consumer)


async def restart_and_drop(installation: Installation, proxied: Proxied, consumer: Process, dropped: Request) -> None:
    """Restart the broker; the client reconnects and polls, but some of its requests are never answered."""
    await publish(installation, 0, 50)
    await stored(installation, 50, consumer)
    assert alive(consumer)[0] == 200
    proxied.proxy.dropped = frozenset({dropped})
    await asyncio.to_thread(proxied.kafka.restart)


async def turns_red_and_green(installation: Installation, proxied: Proxied, consumer: Process) -> None:
    """Check that thirty records that cannot be fetched turn /livez red in time, and that it recovers afterwards."""
    await publish(installation, 50, 30)
    began = time.monotonic()
    body = await wait_for_status(STUCK_SECONDS + NOTICED_SECONDS, installation, consumer, 503)
    assert "Lag of 30 records, no batch stored for 1" in body
    assert time.monotonic() - began > STUCK_SECONDS - 5
    assert installation.stored() == 50
    proxied.proxy.dropped = frozenset()
    proxied.proxy.cut()
    await stored(installation, 80, consumer)
    await wait_for_status(NOTICED_SECONDS, installation, consumer, 200)


def through(proxied: Proxied) -> dict[str, str]:
    return {"LIUYAN_KAFKA": f"127.0.0.1:{proxied.proxy.port}", "LIUYAN_STUCK_SECONDS": str(STUCK_SECONDS)}


async def test_a_consumer_without_records_after_a_broker_restart_is_detected(
    installation: Installation, proxied: Proxied
) -> None:
    with installation.consumer(**through(proxied)) as consumer:
        await restart_and_drop(installation, proxied, consumer, Request.FETCH)
        await turns_red_and_green(installation, proxied, consumer)


@pytest.mark.long
async def test_a_consumer_without_partitions_after_a_broker_restart_is_detected(
    installation: Installation, proxied: Proxied
) -> None:
    def has_none() -> bool:
        return "liuyan_consumer_assigned_partitions 0.0" in get(f"{consumer.health()}/metrics")[1]

    with installation.consumer(**through(proxied)) as consumer:
        await restart_and_drop(installation, proxied, consumer, Request.JOIN_GROUP)
        consumer.send(signal.SIGSTOP)  # Until its session expires, so that it must rejoin.
        await asyncio.sleep(8)
        consumer.send(signal.SIGCONT)
        await asyncio.to_thread(installation.wait_for, has_none, seconds=30, process=consumer)
        await turns_red_and_green(installation, proxied, consumer)


async def test_a_blocked_event_loop_is_detected(installation: Installation, tmp_path: Path) -> None:
    """A signal handler runs in the event loop's thread and blocks it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGUSR1, lambda *_: time.sleep(9))\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with installation.consumer(PYTHONPATH=path) as consumer:
        await publish(installation, 0, 10)
        await stored(installation, 10, consumer)
        assert alive(consumer)[0] == 200
        consumer.send(signal.SIGUSR1)
        status, body = await asyncio.to_thread(alive, consumer)
        assert (status, "The event loop has not answered for 3 s." in body) == (503, True)
        metrics = await asyncio.to_thread(get, f"{consumer.health()}/metrics")
        assert metrics[0] == 200
        await wait_for_status(20, installation, consumer, 200)
        await publish(installation, 10, 10)
        await stored(installation, 20, consumer)
