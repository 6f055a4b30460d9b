"""Scaling down: a consumer that is stopped gives up its partitions within the grace period of its container."""

import asyncio
import contextlib
import signal
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.consumer.test_end_to_end import assert_stored_once, assigned, both_consume
from tests.harness import Installation, Process, Record, real_comments

ROOT = Path(__file__).parent.parent.parent
VALUES = ROOT / "deploy" / "helm" / "liuyan" / "values.yaml"
PARTITIONS = 4
# Batches small enough that the consumer is stopped in the middle of its work.
SETTINGS = {"LIUYAN_BATCH_RECORDS": "64"}
BACKLOG, STOPS = 30_000, 6
pytestmark = [pytest.mark.timeout(240), pytest.mark.server]


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic of four partitions."""
    installation = Installation(kafka, topic, migrated_url, tmp_path)
    await installation.create_topic(partitions=PARTITIONS)
    return installation


async def publish_until(installation: Installation, records: list[Record], stop: asyncio.Event) -> int:
    """Publish 500 records at a time until ``stop`` is set; return how many."""
    sent = 0
    while not stop.is_set() and sent < len(records):
        await installation.publish(records[sent : sent + 500])
        sent += 500
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
    return sent


def grace_seconds() -> int:
    """Return the grace period of the consumers' containers."""
    grace = int(yaml.safe_load(VALUES.read_text())["consumer"]["terminationGracePeriodSeconds"])
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert compose["services"]["consumer"]["stop_grace_period"] == f"{grace}s"
    return grace


@dataclass(frozen=True)
class Leaving:
    """Seconds from SIGTERM to the end of a consumer, and until another one has its partitions."""

    ended: float
    taken_over: float


async def leave(installation: Installation, leaving: Process, remaining: Process) -> Leaving:
    """Stop ``leaving`` and measure how long that takes, at most the grace period."""
    grace, began = grace_seconds(), time.monotonic()
    leaving.send(signal.SIGTERM)
    assert await asyncio.to_thread(leaving.wait, grace) == 0
    ended = time.monotonic() - began
    await asyncio.to_thread(
        installation.wait_for, lambda: assigned(remaining) == PARTITIONS, seconds=grace - ended, process=remaining
    )
    return Leaving(ended, time.monotonic() - began)


async def stored(installation: Installation, count: int, consumer: Process) -> None:
    """Wait until at least this many records are stored."""
    await asyncio.to_thread(
        installation.wait_for, lambda: installation.stored() >= count, seconds=120, process=consumer
    )


async def test_stopped_consumer_gives_up_its_partitions_within_its_grace_period(installation: Installation) -> None:
    with installation.consumer(**SETTINGS) as leaving, installation.consumer(**SETTINGS) as remaining:
        both_consume(installation, leaving, remaining)
        stop = asyncio.Event()
        publishing = asyncio.create_task(publish_until(installation, real_comments(20_000), stop))
        await stored(installation, 501, remaining)
        found = await leave(installation, leaving, remaining)
        stop.set()
        count = await publishing
        await stored(installation, count, remaining)
    assert found.ended <= found.taken_over < grace_seconds()
    assert_stored_once(installation, count)


@pytest.mark.long
async def test_time_to_leave_under_backlog(installation: Installation) -> None:
    """Print how long it takes: run pytest with -s. Batches have their full size, and a backlog remains."""
    records, found = real_comments(STOPS * BACKLOG), list[Leaving]()
    with installation.consumer() as remaining:
        for first in range(0, len(records), BACKLOG):
            with installation.consumer() as leaving:
                both_consume(installation, leaving, remaining)
                publishing = asyncio.create_task(installation.publish(records[first : first + BACKLOG]))
                await stored(installation, first + 500, remaining)
                found.append(await leave(installation, leaving, remaining))
                assert installation.stored() < first + BACKLOG, "the consumers have caught up"
                await publishing
            await stored(installation, first + BACKLOG, remaining)
    for name in ("ended", "taken_over"):
        seconds = sorted(getattr(one, name) for one in found)
        sys.stdout.write(f"\n{name}: median {statistics.median(seconds):.2f} s, at most {seconds[-1]:.2f} s")
    assert_stored_once(installation, len(records))
