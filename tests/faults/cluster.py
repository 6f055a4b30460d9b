"""Faults of a Kafka cluster: its nodes are killed one after the other, and with them leaders and controllers."""

import asyncio

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local_stack.kafka_cluster import KafkaCluster
from tests.faults.stage import Stage, becomes_true

ELECTION_SECONDS = 60
IN_SYNC_SECONDS = 120
CONTROLLERS_KILLED = 2


async def lose_leaders(stage: Stage) -> None:
    """Kill each node in turn; other nodes must become the leaders of its partitions."""
    cluster = _cluster(stage)
    for number, node in enumerate(cluster.nodes, start=1):
        led = await asyncio.to_thread(_led_by, cluster, number)
        node.kill()
        moved = await becomes_true(lambda: _led_by(cluster, number) == 0, ELECTION_SECONDS)  # noqa: B023
        stage.require(led and moved, "killed nodes whose partitions got new leaders")
        await stage.pause(1, 3)
        await asyncio.to_thread(node.start)
        await asyncio.to_thread(cluster.wait_until_in_sync, IN_SYNC_SECONDS)


async def lose_controllers(stage: Stage) -> None:
    """Kill the active controller, and then its successor; another node must become the controller."""
    cluster = _cluster(stage)
    for _ in range(CONTROLLERS_KILLED):
        if not await becomes_true(lambda: cluster.controller()[1] is not None, ELECTION_SECONDS):
            stage.failures.append("the cluster elects no controller")
            return
        epoch, node = cluster.controller()
        assert node is not None
        node.kill()
        followed = await becomes_true(lambda: _has_successor(cluster, epoch), ELECTION_SECONDS)  # noqa: B023
        stage.require(followed, "killed controllers with a successor")
        await stage.pause(0, 2)
        await asyncio.to_thread(node.start)
        await asyncio.to_thread(cluster.wait_until_in_sync, IN_SYNC_SECONDS)


def _cluster(stage: Stage) -> KafkaCluster:
    assert stage.cluster is not None
    return stage.cluster


def _led_by(cluster: KafkaCluster, number: int) -> int:
    """Return how many partitions a node leads; -1 if the cluster does not answer or a partition has no leader."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    try:
        topics = admin.list_topics(timeout=5).topics.values()
    except KafkaException:
        return -1
    leaders = [partition.leader for topic in topics for partition in topic.partitions.values()]
    return -1 if -1 in leaders else leaders.count(number)


def _has_successor(cluster: KafkaCluster, epoch: int) -> bool:
    newest, node = cluster.controller()
    return newest > epoch and node is not None and node.running
