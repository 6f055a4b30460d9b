"""Run the consumer and the API with real servers: they export every declared metric, and comments are never logged."""

import asyncio
import json
from collections.abc import Iterator, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from liuyan.metrics.declared import API_METRICS, CONSUMER_METRICS
from liuyan.metrics.metric import Metric
from liuyan.metrics.process import PROCESS, SHARED
from tests.api.test_serve import admin_of
from tests.harness import Installation, Process, Record, comment, free_port, get, tombstone
from tests.models import register_artifact, write_reordered

pytestmark = [pytest.mark.timeout(180), pytest.mark.programs]
# Characters that no code and no message contains.
MARKER = "鸓鸓这句话不应该出现在日志里鸓鸓"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# Without reviews, replays and shadows these have no values.
WITHOUT_VALUES = {
    *("liuyan_reviews", "liuyan_corrections", "liuyan_audit_sample_comments", "liuyan_audit_accuracy_ratio"),
    *("liuyan_audit_accuracy_lower_ratio", "liuyan_audit_accuracy_upper_ratio"),
    *("liuyan_replay_records_done", "liuyan_replay_records_remaining", "liuyan_replay_comments", "liuyan_shadow_lag"),
}


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_url: str, tmp_path: Path) -> Installation:
    """A migrated database and a topic of two partitions."""
    installation = Installation(kafka, topic, migrated_url, tmp_path)
    installation.settings = {"LIUYAN_LOG_FORMAT": "json", "LIUYAN_LOG_LEVEL": "debug"}
    await installation.create_topic(partitions=2)
    return installation


def samples_of(health: str | None) -> Iterator[tuple[str, str]]:
    """Yield the names of the family and of the sample of everything that a program exports."""
    for family in text_string_to_metric_families(get(f"{health}/metrics")[1]):
        yield family.name, ""
        yield from ((family.name, sample.name) for sample in family.samples)


def assert_exports(health: str | None, declared: tuple[Metric, ...], without_values: Set[str] = frozenset()) -> None:
    exported = list(samples_of(health))
    # In the text format an info is a gauge, whose family has the suffix.
    families = {family.removesuffix("_info") for family, _ in exported}
    assert families == {metric.family for metric in declared}
    names = {sample for _, sample in exported}
    missing = {
        metric.name
        for metric in declared
        if not {metric.name, f"{metric.name}_bucket"} & names and metric.name not in without_values
    }
    assert missing == set()


def lines_of(process: Process, event: str) -> list[dict[str, Any]]:
    """Return the log lines with an event. Every line must be a JSON object."""
    return [line for line in map(json.loads, process.output().splitlines()) if line["event"] == event]


async def test_the_consumer_exports_all_metrics_and_logs_no_comments(installation: Installation) -> None:
    junk = Record(b"forum:9", f'{{"text": "{MARKER}'.encode(), headers=[("traceparent", TRACE.encode())])
    events = [comment(1, MARKER), comment(1, f"{MARKER} 改过了", edited=5), junk, comment(2, "好"), tombstone(2)]
    refused = [comment(3, MARKER * 4), comment(4, "短")]
    with installation.consumer() as consumer:
        installation.wait_for(lambda: "partitions started" in consumer.output(), seconds=60, process=consumer)
        await installation.publish(replace(event, partition=0) for event in events)
        installation.wait_for(lambda: installation.stored() == 5, seconds=30, process=consumer)
        # The database refuses a text: the record becomes a dead letter.
        installation.execute("ALTER TABLE comments MODIFY text VARCHAR(60) NOT NULL")
        await installation.publish(replace(event, partition=0) for event in refused)
        installation.wait_for(lambda: installation.stored() == 7, seconds=30, process=consumer)
        installation.run("consumer", "pause", installation.topic, "1")
        installation.wait_for(lambda: bool(lines_of(consumer, "partition is paused")), seconds=20, process=consumer)
        await asyncio.sleep(2)  # The gauges are set every second.
        assert_exports(consumer.health(), CONSUMER_METRICS)
        exported = get(f"{consumer.health()}/metrics")[1]
    assert 'liuyan_consumer_dead_letters_total{reason="refused_by_database"} 1.0' in exported
    assert 'liuyan_consumer_transactions_total{outcome="refused"}' in exported
    assert f'group="{installation.group}"' in exported
    batches = lines_of(consumer, "batch stored")
    assert sum(batch["records"] for batch in batches) == 7
    assert sum(batch.get("dead", 0) for batch in batches) == 2
    assert all(batch["level"] == "info" and batch["write_seconds"] > 0 for batch in batches)
    first, second = lines_of(consumer, "dead letters stored")
    assert (first["offset"], first["traceparent"], first["error"]) == (2, TRACE, "not_json")
    assert (second["offset"], second["traceparent"], second["error"]) == (5, None, "refused_by_database")
    assert "鸓" not in consumer.output()


async def test_shadows_and_replays_log_in_the_same_form(installation: Installation) -> None:
    with installation.consumer() as consumer:
        await installation.publish([comment(1, MARKER), comment(2, "好")])
        installation.wait_for(lambda: installation.stored() == 2, seconds=60, process=consumer)
        other = write_reordered(installation.folder / "other")
        number = str(await register_artifact(installation.database_url, other))
        with installation.consumer("--shadow", number) as shadow:
            installation.wait_for(lambda: bool(lines_of(shadow, "shadowing")), seconds=60, process=shadow)
            await installation.publish([comment(3, f"{MARKER}！")])
            installation.wait_for(lambda: bool(lines_of(shadow, "predictions stored")), seconds=60, process=shadow)
            assert_exports(f"http://{lines_of(shadow, 'shadowing')[0]['health']}", (*SHARED, *PROCESS))
    [batch] = lines_of(shadow, "predictions stored")
    assert (batch["level"], batch["records"], batch["added"]) == ("info", 1, 1)
    replayed = installation.run("consumer", "replay", number)
    assert replayed.returncode == 0, replayed.stderr
    lines = [json.loads(line) for line in replayed.stderr.splitlines()]
    assert sum(line["added"] for line in lines if line["event"] == "predictions stored") == 2
    assert "鸓" not in shadow.output() + replayed.stdout + replayed.stderr


async def test_the_api_exports_all_metrics_and_logs_no_comments(installation: Installation) -> None:
    with installation.consumer() as consumer:
        await installation.publish([comment(1, MARKER), comment(2, "好")])
        installation.wait_for(lambda: installation.stored() == 2, seconds=60, process=consumer)
    bearer = await admin_of(installation.database_url)
    port = free_port()
    with Process(["api", "serve", "--port", str(port)], installation.environment(), installation.folder) as process:
        installation.wait_for(lambda: bool(lines_of(process, "serving")), seconds=60, process=process)
        serving = lines_of(process, "serving")[0]
        async with httpx.AsyncClient(base_url=serving["url"], headers=bearer, timeout=30) as client:
            await use(client)
            health = serving["health"]
            installation.wait_for(lambda: "liuyan_sessions{" in get(f"{health}/metrics")[1], seconds=20)
            await asyncio.sleep(0.5)
            assert_exports(health, API_METRICS, WITHOUT_VALUES)
            installation.execute("ALTER TABLE comments RENAME COLUMN author TO writer")
            failed = await client.get("/api/v1/comments", params={"text": MARKER})
            assert failed.status_code == 500
        event = "Exception in ASGI application\n"
        installation.wait_for(lambda: bool(lines_of(process, event)), seconds=10, process=process)
        [line] = lines_of(process, "request failed")
        assert line["request_id"] == failed.json()["request_id"]
        [server_line] = lines_of(process, event)
        assert (server_line["logger"], server_line["request_id"]) == ("uvicorn.error", line["request_id"])
        assert "Unknown column" in server_line["exception"]
    assert "鸓" not in process.output()


async def use(client: httpx.AsyncClient) -> None:
    """Send the marker in every place where a comment can be sent, validly and invalidly."""
    assert (await client.post("/api/v1/predict", json={"texts": [MARKER]})).status_code == 200
    assert (await client.get("/api/v1/comments", params={"text": MARKER})).json()["items"]
    assert (await client.get(f"/api/v1/comments/forum/{MARKER}")).status_code == 404
    assert (await client.post("/api/v1/predict", content=f'{{"texts": ["{MARKER}'.encode())).status_code in (400, 422)
    assert (await client.post("/api/v1/predict", json={"texts": MARKER})).status_code == 422
    assert (await client.get("/api/v1/comments", params={"label": MARKER})).status_code == 422
    assert (await client.get(f"/{MARKER}")).status_code == 404
    headers = {"Content-Type": "text/plain"}
    assert (await client.post("/api/v1/predict/file", content=MARKER.encode(), headers=headers)).status_code < 500
    named = [(b"X-Request-ID", MARKER.encode()), (b"User-Agent", MARKER.encode())]
    assert (await client.get("/api/v1/comments", headers=named)).status_code == 200
