"""A missing dependency at the start is a one-line error and a non-zero exit status."""

import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from sqlalchemy import make_url

from consumer.event import MAXIMUM_VALUE_BYTES
from local_stack.certificates import Authority
from model.artifact import read_artifact
from tests.harness import ERASURE_KEY, Installation, Process, free_port
from tests.models import write_reordered


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_sqlite_url: str, tmp_path: Path) -> Installation:
    """A migrated database, SQLite for speed, and a topic."""
    installation = Installation(kafka, topic, migrated_sqlite_url, tmp_path)
    await installation.create_topic(partitions=1)
    return installation


def one_line(installation: Installation, *arguments: str, **settings: str) -> str:
    done = installation.run("consumer", "run", *arguments, **settings)
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert line.startswith("liuyan: ")
    assert line.endswith(".")
    return line


def test_missing_broker(installation: Installation) -> None:
    address = f"127.0.0.1:{free_port()}"
    line = one_line(installation, LIUYAN_KAFKA=address)
    assert address in line
    assert "does not answer" in line


def test_missing_topic(installation: Installation) -> None:
    line = one_line(installation, LIUYAN_TOPICS="no-such-topic")
    assert "liuyan consumer create-topic no-such-topic" in line


def test_missing_database_server(installation: Installation, database_url: str) -> None:
    url = make_url(database_url).set(port=free_port())
    line = one_line(installation, LIUYAN_DATABASE_URL=url.render_as_string(hide_password=False))
    assert str(url.port) in line


def test_wrong_password(installation: Installation, database_url: str) -> None:
    url = make_url(database_url).set(password="wrong")
    line = one_line(installation, LIUYAN_DATABASE_URL=url.render_as_string(hide_password=False))
    assert "password" in line
    assert "wrong" not in line


def test_wrong_certificate(installation: Installation, database_url: str, tmp_path: Path) -> None:
    url = make_url(database_url).update_query_dict({"ssl_ca": str(Authority(tmp_path / "foreign").file)})
    line = one_line(installation, LIUYAN_DATABASE_URL=url.render_as_string(hide_password=False))
    assert "TLS" in line
    assert str(url.password) not in line


def test_missing_migrations(installation: Installation, tmp_path: Path) -> None:
    line = one_line(installation, LIUYAN_DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    assert "liuyan store migrate" in line


def test_invalid_settings(installation: Installation) -> None:
    assert "LIUYAN_ERASURE_KEY" in one_line(installation, LIUYAN_ERASURE_KEY="short")


def test_different_erasure_key(installation: Installation) -> None:
    # The first start stores the key's check value before it looks for the topic.
    assert "no-such-topic" in one_line(installation, LIUYAN_TOPICS="no-such-topic")
    line = one_line(installation, LIUYAN_ERASURE_KEY="another key than before")
    assert "LIUYAN_ERASURE_KEY" in line


async def test_a_consumer_stops_when_another_one_uses_a_newer_erasure_key(installation: Installation) -> None:
    several = replace(installation, topic=f"{installation.topic}-several")
    await several.create_topic(partitions=4)

    def started(process: Process) -> bool:
        return "partitions started" in process.output()

    with several.consumer() as first:
        several.wait_for(lambda: started(first), seconds=60, process=first)
        with several.consumer(LIUYAN_ERASURE_KEY=f"a newer key for tests,{ERASURE_KEY}") as second:
            assert first.wait(60) == 1
            assert "LIUYAN_ERASURE_KEY lacks a key" in first.output()
            several.wait_for(lambda: started(second), seconds=60, process=second)
    assert "lacks a key" in one_line(several)


def activate_unavailable(installation: Installation) -> None:
    """Make a model active whose artifact is nowhere."""
    installation.execute(
        "INSERT INTO models (number, sha256, name, uncertain_low, uncertain_high, registered_at, active) "
        f"VALUES (77, '{'0' * 64}', 'gone', 0.4, 0.6, '2026-01-01 00:00:00.000000', NULL)"
    )
    installation.execute("DELETE FROM active_model")
    installation.execute(
        "INSERT INTO active_model (id, model_number, activated_at, activated_by) "
        "VALUES (1, 77, '2026-01-01 00:00:00.000000', 'wang')"
    )


def test_missing_artifact(installation: Installation) -> None:
    activate_unavailable(installation)
    line = one_line(installation)
    assert "model 77 (gone) is not in the database" in line
    assert "`liuyan model register FOLDER`" in line


async def test_artifact_in_a_local_folder_is_used_and_stored(installation: Installation, tmp_path: Path) -> None:
    """Older versions registered models without their artifact."""
    folder = write_reordered(tmp_path / "models" / "other")
    sha256 = read_artifact(folder).sha256
    activate_unavailable(installation)
    installation.execute(f"UPDATE models SET sha256 = '{sha256}' WHERE number = 77")
    with installation.consumer(LIUYAN_MODELS_DIR=str(tmp_path / "models")) as consumer:
        installation.wait_for(lambda: f"model={sha256[:12]}" in consumer.output(), seconds=30, process=consumer)
    assert installation.number("SELECT COUNT(*) FROM model_files WHERE model_number = 77") > 0


def test_port_in_use_is_reported_before_the_model_is_loaded(installation: Installation) -> None:
    with installation.consumer(LIUYAN_CONSUMER_ADDRESS=f"127.0.0.1:{(port := free_port())}") as consumer:
        installation.wait_for(lambda: "consuming" in consumer.output(), seconds=30, process=consumer)
        activate_unavailable(installation)
        line = one_line(installation, LIUYAN_CONSUMER_ADDRESS=f"127.0.0.1:{port}")
        assert str(port) in line


async def test_created_topic_accepts_the_largest_event_and_no_larger_batch(kafka: str, tmp_path: Path) -> None:
    installation = Installation(
        kafka, f"made-{secrets.token_hex(4)}", f"sqlite+aiosqlite:///{tmp_path / 'liuyan.db'}", tmp_path
    )
    done = installation.run("consumer", "create-topic", "--partitions", "1")
    assert done.returncode == 0, done.stderr
    async with AIOKafkaProducer(bootstrap_servers=kafka, max_request_size=4_000_000) as producer:
        await producer.send_and_wait(installation.topic, b"x" * MAXIMUM_VALUE_BYTES, key=b"k" * 161)
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(installation.topic, b"x" * (MAXIMUM_VALUE_BYTES + 70_000))
