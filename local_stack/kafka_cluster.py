"""A cluster of Apache Kafka nodes, whose nodes tests stop and kill one by one. Not part of the wheel."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from local_stack.errors import LocalStackError
from local_stack.kafka import Kafka
from local_stack.server import Startable

REPLICATED = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
# The internal topics that have their own setting for the minimum of replicas in sync.
WITH_MINIMUM = ("transaction.state.log", "share.coordinator.state.topic")


class KafkaNode(Kafka):
    """A node that is broker and controller of a cluster."""

    def join(self, number: int, nodes: Sequence["KafkaNode"]) -> None:
        """Make this node number ``number``, from 1, of a cluster of ``nodes``. Call it before start()."""
        voters = ",".join(f"{n}@{node.controller}" for n, node in enumerate(nodes, start=1))
        self._properties |= {"node.id": str(number), "controller.quorum.voters": voters}
        in_sync = str(len(nodes) // 2 + 1)
        for topic in REPLICATED:
            self._properties[f"{topic}.replication.factor"] = str(len(nodes))
        for topic in WITH_MINIMUM:
            self._properties[f"{topic}.min.isr"] = in_sync
        self._properties["min.insync.replicas"] = in_sync
        self._properties["default.replication.factor"] = str(len(nodes))

    def quorum(self) -> tuple[int, int]:
        """Return the epoch and the node number of the last controller that this node knows; -1 if there is none."""
        path = self.folder / "data" / "__cluster_metadata-0" / "quorum-state"
        try:
            state = json.loads(path.read_text())
        except (OSError, ValueError):  # The node has not started yet, or is replacing the file.
            return -1, -1
        return state["leaderEpoch"], state["leaderId"]


class KafkaCluster(Startable):
    """A KRaft cluster, started as a context manager. Topics have a replica on each node, of which most must be in sync.

    With ``proxy_ports``, one for each node, the nodes have second listeners that advertise them; see Kafka.
    start() raises LocalStackError if a node does not start.
    """

    def __init__(self, size: int = 3, *, proxy_ports: Sequence[int] = ()) -> None:
        self.nodes = [KafkaNode(proxy_port=proxy_ports[n] if proxy_ports else None) for n in range(size)]
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

    def controller(self) -> tuple[int, KafkaNode | None]:
        """Return the epoch and the node of the active controller; None while a controller is being elected."""
        epoch, number = max(node.quorum() for node in self.nodes)
        return epoch, self.nodes[number - 1] if number > 0 else None

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
