"""Memory stays constant under half an hour of steady load, after a warm-up of five minutes.

LIUYAN_TEST_SOAK_MINUTES sets another duration.
"""

import asyncio
import os
import signal
import statistics
import sys
import time
from pathlib import Path

import pytest

from tests.faults.load import PARTITIONS, Load, Publisher
from tests.harness import Installation, Process, get, resident

MINUTES = float(os.environ.get("LIUYAN_TEST_SOAK_MINUTES", "30"))
WARM_UP_SHARE = 1 / 6
EVENTS_A_SECOND = 200
SAMPLE_SECONDS = 2.0
GROWTH = 0.05


def metric(process: Process, name: str) -> float:
    answer = get(f"{process.health()}/metrics")[1]
    return sum(float(line.split()[-1]) for line in answer.splitlines() if line.startswith(name))


@pytest.mark.long
@pytest.mark.timeout(60 * MINUTES + 300)
async def test_memory_does_not_grow_under_steady_load(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path
) -> None:
    """The load has comments, edits, redeliveries, poison, tombstones, and committed and aborted transactions."""
    archive = f"{topic}-archive"
    installation = Installation(
        kafka, topic, migrated_url, tmp_path, {"LIUYAN_TOPICS": f"{topic}=forum|desk,{archive}"}
    )
    await installation.create_topic(PARTITIONS)
    await Installation(kafka, archive, migrated_url, tmp_path).create_topic(2)
    seconds = 60 * MINUTES
    plan = list(Load(1, int(EVENTS_A_SECOND * seconds), topic, archive).plan())
    publisher = Publisher(kafka, topic, plan, seconds)
    with installation.consumer() as consumer:
        installation.wait_for(lambda: "partitions started" in consumer.output(), seconds=60, process=consumer)
        started_at = time.monotonic()
        publishing = asyncio.create_task(publisher.run())
        samples: list[tuple[float, int]] = []
        while not publishing.done():
            await asyncio.sleep(SAMPLE_SECONDS)
            consumer.check()
            samples.append((time.monotonic() - started_at, resident(consumer)))
        await publishing
        report(installation, consumer, samples, publisher.published, warm_up=seconds * WARM_UP_SHARE)
        consumer.send(signal.SIGTERM)
        assert await asyncio.to_thread(consumer.wait, 20) == 0


def report(
    installation: Installation, consumer: Process, samples: list[tuple[float, int]], published: int, warm_up: float
) -> None:
    """Print the figures and check the growth."""
    minutes = [(at / 60, size / 2**20) for at, size in samples]
    baseline = statistics.median(size for at, size in minutes if warm_up * 0.6 <= at * 60 <= warm_up)
    after = [size for at, size in minutes if at * 60 > warm_up]
    last = statistics.median(after[-15:])
    sys.stdout.write(
        f"\n{published} published in {minutes[-1][0]:.1f} minutes, {installation.comments()} comments stored, "
        f"{metric(consumer, 'liuyan_prediction_cache_entries'):.0f} answers cached\n"
        f"resident: {minutes[0][1]:.1f} MiB at first, {baseline:.1f} after {warm_up / 60:.1f} minutes, "
        f"{last:.1f} at the end, {max(after):.1f} at most: {last / baseline - 1:+.2%}, at most "
        f"{max(after) / baseline - 1:+.2%}\n"
    )
    for minute in range(0, int(minutes[-1][0]) + 1, 5):
        sizes = [size for at, size in minutes if minute <= at < minute + 1]
        sys.stdout.write(f"  minute {minute:3}: {statistics.median(sizes or [0]):.1f} MiB\n")
    assert metric(consumer, "liuyan_consumer_lag{") < 10 * EVENTS_A_SECOND, "the consumer fell behind the load"
    assert max(after) < baseline * (1 + GROWTH)
