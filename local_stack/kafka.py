"""A genuine Apache Kafka: one node, broker and controller in one (KRaft), from Maven Central."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import ClassVar

from local_stack import ports
from local_stack.downloads import kept, run
from local_stack.errors import LocalStackError
from local_stack.ports import ReservedPort
from local_stack.server import Server

OLDEST_JAVA = 17
CLUSTER_ID = "bGl1eWFuLWxvY2FsLWthZg"


class Kafka(Server):
    """An Apache Kafka of one node. ``properties`` are added to the broker's own, or stand in their place.

    With ``proxy_port`` it has a second listener, at ``proxied_port``, whose clients are told to come back through a
    proxy at ``proxy_port``: what such a proxy cuts is cut for all they do. Topics are not created by themselves. Raises
    LocalStackError from start() when Java or Kafka cannot be got.
    """

    name: ClassVar[str] = "Kafka"

    def __init__(self, properties: Mapping[str, str] | None = None, *, proxy_port: int | None = None) -> None:
        super().__init__()
        self._controller_port = ReservedPort()
        self._proxied = ReservedPort()
        self._proxy_port = proxy_port
        self._properties = dict(properties or {})

    @property
    def bootstrap(self) -> str:
        """What clients take as bootstrap servers, as host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def proxied_port(self) -> int:
        """Where a proxy at ``proxy_port`` sends its clients' bytes."""
        return self._proxied.number

    def close(self) -> None:
        """End the broker at once and remove its data."""
        super().close()
        self._controller_port.close()
        self._proxied.close()

    def get(self) -> None:
        """Find Java and get Kafka's jars. Raises LocalStackError."""
        self._java = require_java()
        self._jars = kept(f"kafka-{_pom_digest()}", "Getting Apache Kafka from Maven Central (43 MB) ...", _get_jars)

    def _prepare(self) -> None:
        self._settings = self.folder / "server.properties"
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in self._all_properties().items()))
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._settings)]
        tool += self._format_options()
        self._run_to_end(self._with_java(*tool), "making its data folder")

    def _command(self) -> list[str]:
        return self._with_java("kafka.Kafka", str(self._settings))

    def _with_java(self, *arguments: str) -> list[str]:
        # One processor's collector and the quick compiler: what matters here is a quick start and little memory.
        quick = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        quick.append("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return [self._java, *quick, "-cp", f"{self._jars}/*", *arguments]

    def _all_properties(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self._controller_port.number}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "controller.listener.names": "CONTROLLER",
            **self._listener_properties(controller),
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            # After SIGKILL the controller lets the broker back in only when its old session has ended: 9 s by default.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            # One node holds everything; few partitions for its own topics make it quicker.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            **self._properties,
        }

    def _format_options(self) -> list[str]:
        """What is added to the command that formats the data folder."""
        return []

    def _listener_properties(self, controller: str) -> dict[str, str]:
        """What stands in place of the one plain listener."""
        if self._proxy_port is None:
            return {}
        proxied = f"PROXIED://127.0.0.1:{self.proxied_port}"
        return {
            "listeners": f"PLAINTEXT://{self.bootstrap},{proxied},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap},PROXIED://127.0.0.1:{self._proxy_port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
        }

    def _answers(self) -> bool:
        # librdkafka complains about every refused connection: ask the socket first.
        if not ports.answers(self.port):
            return False
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        try:
            client.list_topics(timeout=2)
        except KafkaException:
            return False
        return True


def require_java() -> str:
    """Java's program, 17 or newer. Raises LocalStackError when Java or Maven is missing."""
    version = java_version()
    if version < OLDEST_JAVA or shutil.which("mvn") is None:
        java = f"`java` is version {version}" if version else "`java` is missing"
        fault = java if version < OLDEST_JAVA else "`mvn` is missing"
        raise LocalStackError(
            f"Kafka needs Java {OLDEST_JAVA} or newer and Maven, but {fault}: install them "
            f"(on Debian: `apt-get install openjdk-{OLDEST_JAVA}-jre-headless maven`), or set LIUYAN_TEST_KAFKA to a "
            "running broker."
        )
    return shutil.which("java") or "java"


def java_version() -> int:
    """The major version of the ``java`` on the path; 0 when there is none."""
    java = shutil.which("java")
    if java is None:
        return 0
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def _pom() -> str:
    return resources.files("local_stack").joinpath("pom.xml").read_text()


def _pom_digest() -> str:
    """Names the folder of the jars: another pom is another folder."""
    return sha256(_pom().encode()).hexdigest()[:12]


def _get_jars(folder: Path) -> None:
    pom = folder / "pom.xml"
    pom.write_text(_pom())
    run(
        ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
        "Apache Kafka could not be got from Maven Central: check the network and Maven's settings, or set "
        "LIUYAN_TEST_KAFKA to a broker that runs.",
    )
