"""A Kafka cluster loses each of its nodes in turn, and with them every leader, coordinator and controller."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from consumer.topics import Topics
from local_stack.kafka_cluster import KafkaCluster
from tests.consumer.test_end_to_end import assert_stored_once
from tests.harness import Installation, Record, real_comments

PARTITIONS = 6
CHUNK = 250


async def publish_until(installation: Installation, records: list[Record], stop: asyncio.Event) -> int:
    """Publish some records each half second until ``stop`` is set; return how many."""
    sent = 0
    while not stop.is_set() and sent < len(records):
        await installation.publish(records[sent : sent + CHUNK])
        sent += CHUNK
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
    return sent


async def lose_each_node(cluster: KafkaCluster, installation: Installation) -> None:
    """Kill each node while comments are stored, and wait until it has caught up again."""
    for node in cluster.nodes:
        reached = installation.stored()
        await asyncio.to_thread(node.kill)
        await asyncio.to_thread(installation.wait_for, lambda: installation.stored() > reached + CHUNK, seconds=90)  # noqa: B023
        await asyncio.to_thread(node.start)
        await asyncio.to_thread(cluster.wait_until_in_sync)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_each_node_is_killed_in_turn(topic: str, migrated_url: str, tmp_path: Path) -> None:
    with KafkaCluster() as cluster:
        installation = Installation(cluster.bootstrap, topic, migrated_url, tmp_path)
        await Topics(cluster.bootstrap).create(
            topic, partitions=PARTITIONS, replication=3, settings={"min.insync.replicas": "2"}
        )
        with installation.consumer() as first, installation.consumer():
            stop = asyncio.Event()
            publishing = asyncio.create_task(publish_until(installation, real_comments(40_000), stop))
            await asyncio.to_thread(
                installation.wait_for, lambda: installation.stored() > CHUNK, seconds=60, process=first
            )
            await lose_each_node(cluster, installation)
            stop.set()
            count = await publishing
            await asyncio.to_thread(
                installation.wait_for, lambda: installation.stored() == count, seconds=120, process=first
            )
        assert_stored_once(installation, count)
