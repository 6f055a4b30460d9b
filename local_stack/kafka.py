"""Apache Kafka from Maven Central, as a single KRaft node."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import ClassVar

from local_stack import ports
from local_stack.downloads import cached_folder, run
from local_stack.errors import LocalStackError
from local_stack.ports import ReservedPort
from local_stack.server import Server

OLDEST_JAVA = 17
CLUSTER_ID = "bGl1eWFuLWxvY2FsLWthZg"


class Kafka(Server):
    """An Apache Kafka with one node. ``properties`` extend or override the broker's properties.

    With ``proxy_port`` it has a second listener at ``proxied_port`` that advertises ``proxy_port``, so that a proxy
    there can interrupt all traffic of its clients. Topics are not created automatically. start() raises LocalStackError
    if Java is missing or Kafka cannot be downloaded.
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
        """The bootstrap servers, as host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def controller(self) -> str:
        """The address of its controller, as host:port."""
        return f"127.0.0.1:{self._controller_port.number}"

    @property
    def proxied_port(self) -> int:
        """The port to which a proxy at ``proxy_port`` forwards."""
        return self._proxied.number

    def close(self) -> None:
        """Kill the broker and remove its data."""
        super().close()
        self._controller_port.close()
        self._proxied.close()

    def download(self) -> None:
        """Find Java and download Kafka's jars. Raises LocalStackError."""
        self._java = require_java()
        message = "Downloading Apache Kafka from Maven Central (43 MB) ..."
        self._jars = cached_folder(f"kafka-{_pom_digest()}", message, _download_jars)

    def _prepare(self) -> None:
        self._settings = self.folder / "server.properties"
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in self._all_properties().items()))
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._settings)]
        tool += self._format_options()
        self._run_to_end(self._with_java(*tool), "creating the data folder")

    def _command(self) -> list[str]:
        return self._with_java("kafka.Kafka", str(self._settings))

    def _with_java(self, *arguments: str) -> list[str]:
        # Optimize for fast startup and little memory.
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        options.append("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return [self._java, *options, "-cp", f"{self._jars}/*", *arguments]

    def _all_properties(self) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{self.controller}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{self.controller}",
            "controller.listener.names": "CONTROLLER",
            **self._listener_properties(self.controller),
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            # After SIGKILL the broker can register again only when its old session has expired; the default is 9 s.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            # There is one node; few partitions of internal topics make it faster.
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
        """Return additional options for the command that formats the data folder."""
        return []

    def _listener_properties(self, controller: str) -> dict[str, str]:
        """Return properties that replace the default listener."""
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
        # librdkafka logs every refused connection, so try a socket first.
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
    """Return the path of Java 17 or newer. Raises LocalStackError if Java or Maven is missing."""
    version = java_version()
    if version < OLDEST_JAVA or shutil.which("mvn") is None:
        java = f"`java` is version {version}" if version else "`java` is missing"
        problem = java if version < OLDEST_JAVA else "`mvn` is missing"
        raise LocalStackError(
            f"Kafka needs Java {OLDEST_JAVA} or newer and Maven, but {problem}. Install them "
            f"(on Debian: `apt-get install openjdk-{OLDEST_JAVA}-jre-headless maven`), or set LIUYAN_TEST_KAFKA to a "
            "running broker."
        )
    return shutil.which("java") or "java"


def java_version() -> int:
    """Return the major version of ``java`` on the path; 0 if there is none."""
    java = shutil.which("java")
    if java is None:
        return 0
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', output)
    return int(match[1]) if match else 0


def _pom() -> str:
    return resources.files("local_stack").joinpath("pom.xml").read_text()


def _pom_digest() -> str:
    """Return a digest for the name of the jars' folder, so that a changed pom gets a new folder."""
    return sha256(_pom().encode()).hexdigest()[:12]


def _download_jars(folder: Path) -> None:
    pom = folder / "pom.xml"
    pom.write_text(_pom())
    run(
        ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
        "Cannot download Apache Kafka from Maven Central. Check the network and Maven's settings, or set "
        "LIUYAN_TEST_KAFKA to a running broker.",
    )
