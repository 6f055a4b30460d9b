"""Kafka with TLS, users and access control lists: everything works, and wrong settings are one-line errors."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ClusterAuthorizationFailedError, TopicAuthorizationFailedError
from confluent_kafka.admin import (  # type: ignore[attr-defined] # typed, but without __all__
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from consumer.connection import Connection
from liuyan.errors import SettingsError
from local_stack.certificates import Authority
from local_stack.secured_kafka import SecuredKafka
from tests.conftest import RunLiuyan
from tests.harness import Installation, Process, comment, get

pytestmark = pytest.mark.server

PASSWORDS = {name: secrets.token_hex(8) for name in ("consumer", "forum", "desk", "stranger")}
CLIENT = "User:CN=client"
# A user without write access to any topic does not get a producer id.
REFUSED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)


@dataclass(frozen=True)
class Secured:
    """The broker and a client certificate that it accepts."""

    broker: SecuredKafka
    certificate: Path
    key: Path

    def user(self, name: str) -> Connection:
        broker = self.broker
        return Connection(broker.sasl_ssl, "sasl_ssl", "SCRAM-SHA-512", name, PASSWORDS[name], broker.authority.file)

    def allow(self, principal: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
        self._add(AclPermissionType.ALLOW, principal, kind, name, *operations)

    def deny(self, principal: str, topic: str, *operations: AclOperation) -> None:
        """Deny operations; a denial takes precedence over permissions."""
        self._add(AclPermissionType.DENY, principal, ResourceType.TOPIC, topic, *operations)

    def _add(
        self, permission: AclPermissionType, principal: str, kind: ResourceType, name: str, *operations: AclOperation
    ) -> None:
        administrator = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        bindings = [
            AclBinding(kind, name, ResourcePatternType.LITERAL, principal, "*", operation, permission)
            for operation in operations
        ]
        for future in administrator.create_acls(bindings).values():
            future.result(timeout=10)


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    """Start one broker for the module."""
    with SecuredKafka(PASSWORDS) as broker:
        yield Secured(broker, *broker.authority.issue("client"))


@pytest.fixture
async def installation(
    secured: Secured, topic: str, migrated_sqlite_url: str, tmp_path: Path, run_liuyan: RunLiuyan
) -> Installation:
    """Create a topic for the forum and one for the desk, with access control lists, and a consumer of both."""
    broker = secured.broker
    settings = {
        "LIUYAN_TOPICS": f"{topic}=forum,{topic}-desk=desk",
        "LIUYAN_KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "LIUYAN_KAFKA_SASL_USERNAME": "consumer",
        "LIUYAN_KAFKA_SASL_PASSWORD": PASSWORDS["consumer"],
        "LIUYAN_KAFKA_CA_FILE": str(broker.authority.file),
    }
    installation = Installation(broker.sasl_ssl, topic, migrated_sqlite_url, tmp_path, settings, run_liuyan)
    for name, platform in ((topic, "forum"), (f"{topic}-desk", "desk")):
        await Installation(broker.bootstrap, name, migrated_sqlite_url, tmp_path).create_topic(partitions=1)
        secured.allow(f"User:{platform}", ResourceType.TOPIC, name, AclOperation.WRITE)
        for reader in ("User:consumer", CLIENT):
            secured.allow(reader, ResourceType.TOPIC, name, AclOperation.READ, AclOperation.WRITE)
    secured.allow("User:consumer", ResourceType.GROUP, installation.group, AclOperation.READ)
    return installation


async def publish(connection: Connection, topic: str, platform: str) -> None:
    record = comment("1", "很好", platform=platform)
    async with AIOKafkaProducer(**connection.aiokafka(), enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, record.value, key=record.key)


def stored(installation: Installation, count: int, consumer: Process) -> None:
    installation.wait_for(lambda: installation.comments() == count, seconds=60, process=consumer)


async def test_platforms_write_only_to_their_own_topics(installation: Installation, secured: Secured) -> None:
    with installation.consumer() as consumer:
        await publish(secured.user("forum"), installation.topic, "forum")
        await publish(secured.user("desk"), f"{installation.topic}-desk", "desk")
        for stranger, topic in (
            ("forum", f"{installation.topic}-desk"),
            ("desk", installation.topic),
            ("stranger", installation.topic),
        ):
            with pytest.raises(REFUSED):
                await publish(secured.user(stranger), topic, stranger)
        stored(installation, 2, consumer)
        # The forum's user may write to its topic, but an event of another platform becomes a dead letter.
        await publish(secured.user("forum"), installation.topic, "desk")
        installation.wait_for(lambda: installation.stored() == 3, seconds=30, process=consumer)
        # Its topic is the forum's, so the forum's account sees it.
        rejected = installation.query("SELECT reason, platform FROM dead_letters")
        assert [tuple(row) for row in rejected] == [("platform_not_allowed", "forum")]
        assert installation.run("consumer", "dead-letters", "requeue", "--all").returncode == 0
        installation.wait_for(lambda: installation.stored() == 4, seconds=30, process=consumer)
        assert get(f"{consumer.health()}/readyz")[0] == 200
    done = installation.run("consumer", "status")
    assert done.stderr.splitlines()[-1] == "lag 0"


@pytest.mark.parametrize("name", ["forum.py", "publish_file.py"])
def test_examples_publish_over_tls(installation: Installation, secured: Secured, name: str) -> None:
    environment = {
        "KAFKA_USERNAME": "forum",
        "KAFKA_PASSWORD": PASSWORDS["forum"],
        "KAFKA_CA_FILE": str(secured.broker.authority.file),
    }
    program = Path(__file__).parents[2] / "producer_examples" / name
    (installation.folder / "comments.jsonl").write_bytes((comment("1", "很好").value or b"") + b"\n")
    files = ["comments.jsonl"] if name == "publish_file.py" else []
    command = [sys.executable, str(program), *files, "--kafka", secured.broker.sasl_ssl, "--topic", installation.topic]
    done = subprocess.run(command, env=environment, cwd=installation.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] in ("erased post-4", "published 1 events")


@pytest.mark.parametrize(
    ("listener", "mechanism"),
    [("sasl_ssl", "SCRAM-SHA-256"), ("sasl_ssl", "PLAIN"), ("sasl_plaintext", "SCRAM-SHA-512"), ("ssl", "PLAIN")],
)
async def test_every_listener_and_mechanism(
    installation: Installation, secured: Secured, listener: str, mechanism: str
) -> None:
    settings = {
        "LIUYAN_KAFKA": str(getattr(secured.broker, listener)),
        "LIUYAN_KAFKA_SECURITY_PROTOCOL": listener,
        "LIUYAN_KAFKA_SASL_MECHANISM": mechanism,
        "LIUYAN_KAFKA_CERTIFICATE_FILE": str(secured.certificate),
        "LIUYAN_KAFKA_KEY_FILE": str(secured.key),
    }
    done = installation.run("consumer", "status", **settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "lag 0"


def one_line(installation: Installation, **settings: str) -> str:
    done = installation.run("consumer", "run", **settings)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    line = done.stderr
    assert line.startswith("liuyan: ")
    assert PASSWORDS["consumer"] not in line
    return line


async def test_wrong_settings_are_one_line_errors(installation: Installation, secured: Secured, tmp_path: Path) -> None:
    foreign = Authority(tmp_path / "foreign")
    certificate, _ = foreign.issue("client")
    cases: list[tuple[str, dict[str, str]]] = [
        ("SASL_PASSWORD", {"SASL_PASSWORD": "wrong"}),
        ("SASL_USERNAME", {"SASL_USERNAME": "nobody"}),
        ("certificate verify failed", {"CA_FILE": str(foreign.file)}),
        ("No such file", {"CA_FILE": str(tmp_path / "absent.pem")}),
        ("Cannot use", {"CA_FILE": str(secured.key)}),
        ("Specify a PEM certificate and its key", {"CERTIFICATE_FILE": str(certificate), "KEY_FILE": str(secured.key)}),
        ("SECURITY_PROTOCOL", {"SECURITY_PROTOCOL": "plaintext"}),
        ("authorization failed", {"SASL_USERNAME": "stranger", "SASL_PASSWORD": PASSWORDS["stranger"]}),
    ]
    settings = [{f"LIUYAN_KAFKA_{name}": value for name, value in case.items()} for _, case in cases]
    settings.append({"LIUYAN_KAFKA": secured.broker.ssl, "LIUYAN_KAFKA_SECURITY_PROTOCOL": "ssl"})
    settings.append({"LIUYAN_GROUP": "not-installation"})
    with ThreadPoolExecutor(4) as several:
        lines = list(several.map(lambda case: one_line(installation, **case), settings))
    for line, expected in zip(
        lines, [*(expected for expected, _ in cases), "CERTIFICATE_FILE", "GroupAuthorizationFailed"], strict=True
    ):
        assert expected in line


def test_repr_does_not_contain_the_password() -> None:
    connection = Connection("host:1", "sasl_ssl", username="u", password="secret")
    assert "secret" not in repr(connection)
    with pytest.raises(SettingsError, match="Also set LIUYAN_KAFKA_SASL_USERNAME and"):
        Connection("host:1", "sasl_plaintext", username="u").aiokafka()


async def test_unauthorized_topic_pauses_only_itself(installation: Installation, secured: Secured) -> None:
    desk = f"{installation.topic}-desk"
    with installation.consumer() as consumer:
        await publish(secured.user("forum"), installation.topic, "forum")
        await publish(secured.user("desk"), desk, "desk")
        stored(installation, 2, consumer)
        secured.deny("User:consumer", desk, AclOperation.READ)
        installation.wait_for(
            lambda: f"{desk} 0 (" in get(f"{consumer.health()}/readyz")[1], seconds=60, process=consumer
        )
        await publish(secured.user("forum"), installation.topic, "forum")
        installation.wait_for(lambda: installation.stored() == 3, seconds=60, process=consumer)
        [(topic, reason)] = installation.query(
            "SELECT topic, paused_reason FROM partitions WHERE paused_reason IS NOT NULL"
        )
        assert topic == desk
        assert f"grant READ to the consumer's user, then `liuyan consumer resume {desk} 0`" in reason
        done = installation.run("consumer", "status")
        assert done.returncode == 0, done.stderr
