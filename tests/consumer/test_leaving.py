"""Scaling down: a consumer that is stopped gives up its partitions within the grace period of its container."""

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import pytest
import yaml

from tests.consumer.test_end_to_end import assert_stored_once, assigned, both_consume
from tests.harness import Installation, Record, real_comments

ROOT = Path(__file__).parent.parent.parent
VALUES = ROOT / "deploy" / "helm" / "liuyan" / "values.yaml"
PARTITIONS = 4
# Batches small enough that the consumer is stopped in the middle of its work.
SETTINGS = {"LIUYAN_BATCH_RECORDS": "64"}
pytestmark = [pytest.mark.timeout(240), pytest.mark.server]


@pytest.fixture
async def installation(kafka: str, topic: str, database_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic of four partitions."""
    installation = Installation(kafka, topic, database_url, tmp_path)
    installation.migrate()
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


async def test_stopped_consumer_gives_up_its_partitions_within_its_grace_period(installation: Installation) -> None:
    grace = yaml.safe_load(VALUES.read_text())["consumer"]["terminationGracePeriodSeconds"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert compose["services"]["consumer"]["stop_grace_period"] == f"{grace}s"
    with installation.consumer(**SETTINGS) as leaving, installation.consumer(**SETTINGS) as remaining:
        both_consume(installation, leaving, remaining)
        stop = asyncio.Event()
        publishing = asyncio.create_task(publish_until(installation, real_comments(20_000), stop))
        await asyncio.to_thread(
            installation.wait_for, lambda: installation.stored() > 500, seconds=60, process=remaining
        )
        began = time.monotonic()
        leaving.send(signal.SIGTERM)
        status = await asyncio.to_thread(leaving.wait, grace)
        ended = time.monotonic() - began
        await asyncio.to_thread(
            installation.wait_for,
            lambda: assigned(remaining) == PARTITIONS,
            seconds=grace - ended,
            process=remaining,
        )
        taken_over = time.monotonic() - began
        stop.set()
        count = await publishing
        await asyncio.to_thread(
            installation.wait_for, lambda: installation.stored() == count, seconds=60, process=remaining
        )
    assert status == 0
    assert ended <= taken_over < grace
    assert_stored_once(installation, count)
