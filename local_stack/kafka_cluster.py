"""A cluster of Apache Kafka nodes, whose nodes tests stop and kill one by one. Not part of the wheel."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from local_stack.errors import LocalStackError
from local_stack.kafka import Kafka
from local_stack.server import Startable

REPLICATED = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


class KafkaNode(Kafka):
    """A node that is broker and controller of a cluster."""

    def join(self, number: int, nodes: Sequence["KafkaNode"]) -> None:
        """Make this node number ``number``, from 1, of a cluster of ``nodes``. Call it before start()."""
        voters = ",".join(f"{n}@{node.controller}" for n, node in enumerate(nodes, start=1))
        self._properties |= {"node.id": str(number), "controller.quorum.voters": voters}
        for topic in REPLICATED:
            self._properties[f"{topic}.replication.factor"] = str(len(nodes))
        self._properties["min.insync.replicas"] = str(len(nodes) // 2 + 1)
        self._properties["default.replication.factor"] = str(len(nodes))


class KafkaCluster(Startable):
    """A KRaft cluster, started as a context manager. Topics have a replica on each node, of which most must be in sync.

    start() raises LocalStackError if a node does not start.
    """

    def __init__(self, size: int = 3) -> None:
        self.nodes = [KafkaNode() for _ in range(size)]
        for number, node in enumerate(self.nodes, start=1):
            node.join(number, self.nodes)

    @property
    def bootstrap(self) -> str:
        """The bootstrap servers of all nodes, comma-separated."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> None:
        """Start all nodes at the same time, because no node answers before most have started."""
        self.nodes[0].download()
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            for done in [threads.submit(node.start) for node in self.nodes]:
                done.result()

    def wait_until_in_sync(self, seconds: float = 60) -> None:
        """Wait until every partition has all its replicas in sync. Raises LocalStackError after ``seconds``."""
        from confluent_kafka.admin import AdminClient

        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        deadline = time.monotonic() + seconds
        while True:
            topics = client.list_topics(timeout=10).topics.values()
            partitions = [partition for topic in topics for partition in topic.partitions.values()]
            if all(len(partition.isrs) == len(partition.replicas) for partition in partitions):
                return
            if time.monotonic() > deadline:
                raise LocalStackError(f"Kafka's replicas are not in sync after {seconds:.0f} s.")
            time.sleep(0.2)

    def close(self) -> None:
        """Kill all nodes and remove their data."""
        for node in self.nodes:
            node.close()
