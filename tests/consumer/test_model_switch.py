"""Running consumers switch to a promoted model without a restart, with real processes, Kafka and a real database."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.harness import Installation, Process, get, real_comments
from tests.models import load_labellers, promote, register_artifact, write_reordered, wrong_predictions

pytestmark = pytest.mark.timeout(240)

ROWS = (
    "SELECT m.sha256, c.text, p.label, p.probability FROM predictions p "
    "JOIN comments c ON c.number = p.comment_number JOIN models m ON m.number = p.model_number"
)


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic of four partitions; processes have an empty cache."""
    installation = Installation(kafka, topic, migrated_url, tmp_path, {"LIUYAN_CACHE_DIR": str(tmp_path / "cache")})
    await installation.create_topic(partitions=4)
    return installation


def checks(process: Process) -> dict[str, tuple[bool, str]]:
    """Return the checks of /readyz by name."""
    body = json.loads(get(f"{process.health()}/readyz")[1])
    return {one["name"]: (one["ok"], one["detail"]) for one in body["checks"]}


def is_labelled(installation: Installation, model: int, count: int) -> bool:
    """Return whether ``count`` comments have a prediction of this model and none waits for one."""
    labelled = installation.number("SELECT COUNT(*) FROM predictions WHERE model_number = :model", model=model)
    waiting = installation.number("SELECT COUNT(*) FROM missing_predictions")
    scans = installation.number("SELECT COUNT(*) FROM missing_scans")
    return (labelled, waiting, scans) == (count, 0, 0)


async def test_a_running_consumer_switches_to_the_promoted_model(installation: Installation, tmp_path: Path) -> None:
    other = write_reordered(tmp_path / "other")
    records = real_comments(3_000)
    with installation.consumer() as consumer:
        await installation.publish(records[:1_000])
        installation.wait_for(lambda: installation.stored() == 1_000, seconds=60, process=consumer)
        assert checks(consumer)["model"][0]
        assert "model 1" in checks(consumer)["model"][1]
        number = await register_artifact(installation.database_url, other)
        publishing = asyncio.create_task(installation.publish(records[1_000:2_000]))
        await promote(installation.database_url, number)
        began = time.monotonic()
        installation.wait_for(lambda: "model 2" in checks(consumer)["model"][1], seconds=10, process=consumer)
        assert time.monotonic() - began < 10
        await publishing
        installation.wait_for(lambda: "model switched" in consumer.output(), seconds=10, process=consumer)
        installation.wait_for(lambda: installation.stored() == 2_000, seconds=60, process=consumer)
        await installation.publish(records[2_000:])
        # The scan labels those from before the promotion too, because they are only minutes old.
        installation.wait_for(lambda: is_labelled(installation, number, 3_000), seconds=60, process=consumer)
        assert checks(consumer)["model"][0]
    rows = installation.query(ROWS)
    assert wrong_predictions(load_labellers(other), rows) == []
    assert len({sha256 for sha256, *_ in rows}) == 2
    by_first = "SELECT COUNT(*) FROM predictions WHERE model_number = 1"
    assert 1_000 <= installation.number(by_first) < 3_000
    assert installation.counts_that_differ() == []
    assert installation.sums_that_differ() == []


async def test_without_the_artifact_it_continues_for_the_grace_time_and_then_takes_no_records(
    installation: Installation, tmp_path: Path
) -> None:
    other = write_reordered(tmp_path / "other")
    records = real_comments(900)
    cache = tmp_path / "cache"
    cache.write_text("not a folder")
    with installation.consumer(LIUYAN_MODEL_GRACE_SECONDS="12") as consumer:
        await installation.publish(records[:300])
        installation.wait_for(lambda: installation.stored() == 300, seconds=60, process=consumer)
        number = await register_artifact(installation.database_url, other)
        await promote(installation.database_url, number)
        installation.wait_for(lambda: not checks(consumer)["model"][0], seconds=10, process=consumer)
        assert "LIUYAN_CACHE_DIR" in checks(consumer)["model"][1]
        await installation.publish(records[300:600])
        installation.wait_for(lambda: installation.stored() == 600, seconds=10, process=consumer)
        assert is_queued(installation)
        installation.wait_for(lambda: "takes no records" in checks(consumer)["model"][1], seconds=20, process=consumer)
        await asyncio.sleep(1)  # A poll that began before may still return records.
        await installation.publish(records[600:])
        await asyncio.sleep(5)
        assert installation.stored() == 600
        assert get(f"{consumer.health()}/livez")[0] == 200
        metrics = get(f"{consumer.health()}/metrics")[1]
        assert "liuyan_consumer_assigned_partitions 4.0" in metrics
        assert "liuyan_consumer_backpressure 1.0" in metrics
        # It resumes by itself as soon as the artifact can be loaded.
        cache.unlink()
        installation.wait_for(lambda: installation.stored() == 900, seconds=45, process=consumer)
        installation.wait_for(lambda: is_labelled(installation, number, 900), seconds=60, process=consumer)
        assert checks(consumer)["model"][0]
    assert wrong_predictions(load_labellers(other), installation.query(ROWS)) == []
    assert installation.number("SELECT COUNT(*) FROM predictions WHERE model_number = 1") == 600
    assert installation.counts_that_differ() == []


def is_queued(installation: Installation) -> bool:
    return installation.number("SELECT COUNT(*) FROM missing_predictions") == 300
