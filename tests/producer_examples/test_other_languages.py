"""The examples in Java, JavaScript and Go: built, run on Apache Kafka, and labelled."""

import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from consumer.topics import Topics
from local_stack import host
from local_stack.helm import go
from tests.harness import Installation

EXAMPLES = Path(__file__).parents[2] / "producer_examples"
SOURCES = {"java": "java/Forum.java", "nodejs": "nodejs/forum.mjs", "go": "go/main.go"}
PARTITIONS = 8


def build(language: str, folder: Path) -> list[str]:
    """Copy an example into ``folder``, build it as its first comment says, and return its command."""
    shutil.copytree(EXAMPLES / language, folder)
    if language == "java":
        host.install_java_compiler()
        check(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], folder)
        return ["java", "-cp", "lib/*", "Forum.java"]
    if language == "nodejs":
        host.install_node()
        check(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"], folder)
        return ["node", "forum.mjs"]
    check([go(), "build", "-o", "forum", "."], folder, GOTOOLCHAIN="local")
    return [str(folder / "forum")]


def check(command: list[str], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def partitions_by_key(kafka: str, topic: str) -> dict[bytes, set[int]]:
    """Return the partitions in which each key appears."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    found: dict[bytes, set[int]] = defaultdict(set)
    async with AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    found[record.key].add(record.partition)
    return found


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", sorted(SOURCES))
async def test_comments_of_other_languages_are_labelled(
    kafka: str, topic: str, migrated_url: str, tmp_path: Path, language: str
) -> None:
    command = build(language, tmp_path / "example")
    installation = Installation(kafka, topic, migrated_url, tmp_path)
    await installation.create_topic(partitions=PARTITIONS)
    check([*command, kafka, topic], tmp_path / "example")
    with installation.consumer() as consumer:
        installation.wait_for(lambda: installation.stored() == 6, seconds=60, process=consumer)
    assert installation.number("SELECT COUNT(*) FROM dead_letters") == 0
    stored = dict(
        installation.query(
            "SELECT c.id, c.text FROM comments c JOIN predictions p ON p.comment_number = c.number "
            "WHERE c.platform = :platform AND p.label IN ('positive', 'negative')",
            platform=f"forum-{language}",
        )
    )
    assert stored == {
        "post-1": "夜景模式真的惊艳，推荐 👍",
        "post-2": "固件更新以后对焦快多了，赞",
        "post-3": "两天就到，包装完好",
    }

    found = await partitions_by_key(kafka, topic)
    assert set(found) == {f"forum-{language}:post-{number}".encode() for number in (1, 2, 3, 4)}
    # A client in another language must write the same comment to the same partition.
    other = f"{topic}-python"
    await Topics(kafka).create(other, partitions=PARTITIONS, replication=1, settings={})
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
        for key in found:
            await producer.send_and_wait(other, None, key=key)
    assert await partitions_by_key(kafka, other) == found


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_examples_are_short_and_name_exact_versions(language: str) -> None:
    assert len((EXAMPLES / SOURCES[language]).read_text().splitlines()) < 80
    assert not list((EXAMPLES / language).rglob("*lock*"))
    package = json.loads((EXAMPLES / "nodejs" / "package.json").read_text())
    assert all(re.fullmatch(r"[0-9.]+", version) for version in package["dependencies"].values())


def test_java_client_has_the_version_of_the_broker() -> None:
    client = re.search(r"<artifactId>kafka-clients</artifactId>\s*<version>(.+)</version>", _read("java/pom.xml"))
    pom = (EXAMPLES.parent / "local_stack" / "pom.xml").read_text()
    broker = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>(.+)</version>", pom)
    assert client is not None
    assert broker is not None
    assert client[1] == broker[1]


def _read(name: str) -> str:
    return (EXAMPLES / name).read_text()
