"""The broker starts, keeps its data after a kill, can be paused, and explains a failed start."""

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from local_stack import kafka as kafka_module
from local_stack.embedded import EmbeddedBroker
from local_stack.errors import LocalStackError
from local_stack.kafka import Kafka

pytestmark = pytest.mark.server


def end_offset(bootstrap: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "looks", "log_level": 0})
    try:
        end: int = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[1]
    finally:
        consumer.close()
    return end


def publish(bootstrap: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    producer.produce(topic, b"value", partition=0)
    assert producer.flush(20) == 0


def test_data_and_port_survive_kill_and_restart() -> None:
    with Kafka() as broker:
        address = broker.bootstrap
        client = AdminClient({"bootstrap.servers": address, "log_level": 0})
        client.create_topics([NewTopic("kept", 1)])["kept"].result(20)
        publish(address, "kept")

        broker.kill()
        assert not broker.running
        broker.start()
        assert broker.bootstrap == address
        assert end_offset(address, "kept") == 1

        broker.restart()
        publish(address, "kept")
        assert end_offset(address, "kept") == 2

        broker.pause()
        with pytest.raises(KafkaException):
            client.list_topics(timeout=1)
        broker.resume()
        assert "kept" in client.list_topics(timeout=20).topics
        folder = broker.folder
    assert not broker.running
    assert not folder.exists()


def test_failed_start_is_explained() -> None:
    broker = Kafka({"listeners": "NONSENSE"})
    with pytest.raises(LocalStackError, match=r"(?s)Kafka.* log:.*NONSENSE"), broker:
        pass
    assert not broker.folder.exists()


def test_old_java_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_module, "java_version", lambda: 11)
    with pytest.raises(
        LocalStackError, match=r"`java` is version 11\. .*`apt-get install openjdk-17-jre-headless maven`"
    ):
        kafka_module.require_java()


def test_missing_maven_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name == "mvn" else f"/usr/bin/{name}")
    monkeypatch.setattr(kafka_module, "java_version", lambda: 17)
    with pytest.raises(LocalStackError, match=r"`mvn` is missing\. .*`apt-get install openjdk-17-jre-headless maven`"):
        kafka_module.require_java()


def test_embedded_broker_stores_records() -> None:
    with EmbeddedBroker() as broker:
        publish(broker.bootstrap, "first-use-makes-it")
        assert end_offset(broker.bootstrap, "first-use-makes-it") == 1
