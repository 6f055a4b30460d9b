"""Kafka, MySQL, Prometheus, two consumers and the API, with five weeks of history."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import yaml

from dashboards.generate import FOLDER
from dashboards.preview.history import COUNTERS, Hours, Sample, write_history
from dashboards.preview.load import Load
from dashboards.preview.models import second_model
from dashboards.preview.seed import WEEKS, seed
from dashboards.series import DRIFT, LAST_HOUR_SHARE, PROBABILITIES, PROBABILITY_SHARE
from local_stack.database import UNSYNCED
from local_stack.errors import LocalStackError
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from local_stack.prometheus import Prometheus, promtool
from model.artifact import SHIPPED, read_artifact
from store.store import Store
from tests.api.test_serve import admin_of
from tests.harness import ERASURE_KEY, Installation, Process, free_port, get

VIEWS = ("dashboard_hours", "dashboard_weeks", "dashboard_reviews")
PASSWORD = "a secret of the preview"  # noqa: S105 - of a server that ends with the preview
CONSUMERS = 2
AUDIT_SHARE = 0.02
SCRAPE_SECONDS = 5
# How long the counters are watched at least, whose rates the history continues.
WATCH_SECONDS = 30
BLOCK = "54h"
# The longest waits for programs to start, and for Prometheus to evaluate its rules.
START_SECONDS, RULES_SECONDS = 240.0, 180.0
PAUSES, PAUSE_SECONDS = 6, 15.0
# What the rules record last, and what the API reads from the database last.
RECORDED_LAST = (LAST_HOUR_SHARE, PROBABILITY_SHARE, "liuyan:api_slow:ratio_rate5m", "liuyan:reviews")
READ_LAST = ("liuyan_replay_records_remaining", "liuyan_shadow_lag")


@dataclass(frozen=True)
class Stack:
    """The running servers. ``mysql`` has the arguments of a connection of Grafana's account."""

    prometheus: str
    mysql: dict[str, Any]
    admin: str


@contextmanager
def running_stack(folder: Path, report: Callable[[str], None]) -> Iterator[Stack]:
    """Start everything, with history, and keep a load running while the block runs. Raises LiuyanError."""
    with ExitStack() as stack:
        report("Starting Kafka and MySQL ...")
        kafka = stack.enter_context(Kafka())
        mysql = stack.enter_context(MySQL(UNSYNCED))
        installation = Installation(kafka.bootstrap, "comments", mysql.create_database("liuyan"), folder)
        installation.migrate()
        asyncio.run(installation.create_topic(partitions=4))
        account = _create_account(installation)
        report("Storing five weeks of comments ...")
        asyncio.run(_seed(installation))
        report("Starting two consumers and the API ...")
        bearer = asyncio.run(admin_of(installation.database_url))
        targets, site = _start_programs(stack, installation)
        load = stack.enter_context(Load(installation, site, bearer).running())
        _pause_and_resume(installation, list(targets["liuyan-consumer"].values()))
        report("Promoting a second model, rolling back, and replaying it ...")
        stack.enter_context(second_model(installation))
        prometheus = stack.enter_context(Prometheus(_configure(folder, targets)))
        began = time.time()
        prometheus.start()
        report("Letting Prometheus watch them ...")
        _wait_for_series(prometheus.url, RECORDED_LAST, load)
        samples = _watched(prometheus.url, load)
        prometheus.stop()
        report("Giving Prometheus five weeks of history ...")
        _backfill(folder, prometheus.data, samples, _hours(installation), began)
        prometheus.start()
        _wait_for_series(prometheus.url, (*RECORDED_LAST, DRIFT), load)
        yield Stack(prometheus.url, account, site)


def _create_account(installation: Installation) -> dict[str, Any]:
    """Create Grafana's account, which may read the views only, and return the arguments of its connections."""
    installation.execute(f"CREATE USER 'grafana'@'localhost' IDENTIFIED BY '{PASSWORD}'")
    for view in VIEWS:
        installation.execute(f"GRANT SELECT ON liuyan.{view} TO 'grafana'@'localhost'")
    return {**installation.address(), "user": "grafana", "password": PASSWORD}


async def _seed(installation: Installation) -> None:
    artifact = read_artifact(SHIPPED)
    async with Store.open(installation.database_url, audit_share=AUDIT_SHARE) as store:
        await store.check_ready(ERASURE_KEY.encode())
        await seed(store, datetime.now(UTC), artifact.sha256, artifact.configuration.name)


def _start_programs(stack: ExitStack, installation: Installation) -> tuple[Mapping[str, Mapping[str, str]], str]:
    """Start consumers and API; return their health addresses by job and instance, and the URL of the API."""
    consumers = {f"consumer-{number}": f"127.0.0.1:{free_port()}" for number in range(1, CONSUMERS + 1)}
    processes = []
    for address in consumers.values():
        consumer = stack.enter_context(installation.consumer(LIUYAN_CONSUMER_ADDRESS=address))
        processes.append((consumer, address))
    port, address = free_port(), f"127.0.0.1:{free_port()}"
    settings = installation.environment(LIUYAN_API_ADDRESS=address)
    api = Process(["api", "serve", "--port", str(port)], settings, installation.folder)
    processes.append((stack.enter_context(api), address))
    for process, health in processes:
        installation.wait_for(lambda health=health: _ready(health), seconds=START_SECONDS, process=process)  # type: ignore[misc]
    return {"liuyan-consumer": consumers, "liuyan-api": {"api-1": address}}, f"http://127.0.0.1:{port}"


def _pause_and_resume(installation: Installation, consumers: list[str]) -> None:
    """Pause a partition as a person does, and resume it when its consumer has reset, so that resets have a series.

    A consumer that starts the partition at that moment, after a rebalance, does not reset: then again.
    """
    paused = 'liuyan_consumer_resets_total{cause="row_paused"}'

    def reset() -> bool:
        return any(paused in get(f"http://{one}/metrics")[1] for one in consumers)

    for _ in range(PAUSES):
        installation.run("consumer", "pause", installation.topic, "3")
        with suppress(AssertionError):
            installation.wait_for(reset, seconds=PAUSE_SECONDS)
        installation.run("consumer", "resume", installation.topic, "3")
        if reset():
            return
    raise AssertionError(f"no consumer has reset after {PAUSES} pauses")


def _ready(address: str) -> bool:
    try:
        return get(f"http://{address}/readyz")[0] == 200
    except OSError:
        return False


def _configure(folder: Path, targets: Mapping[str, Mapping[str, str]]) -> Path:
    """Write Prometheus's configuration, with the rules as they are except that all are evaluated often."""
    rules = (
        (FOLDER / "prometheus" / "rules.yml").read_text().replace("interval: 5m\n", f"interval: {SCRAPE_SECONDS}s\n")
    )
    (folder / "rules.yml").write_text(rules)
    jobs = [
        {
            "job_name": job,
            "static_configs": [
                {"targets": [address], "labels": {"instance": instance}} for instance, address in instances.items()
            ],
        }
        for job, instances in targets.items()
    ]
    seconds = f"{SCRAPE_SECONDS}s"
    configuration = {
        "global": {"scrape_interval": seconds, "evaluation_interval": seconds},
        "rule_files": ["rules.yml"],
        "scrape_configs": jobs,
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))
    return path


def instant(url: str, expression: str) -> list[dict[str, Any]]:
    """Return the current values of a PromQL expression. Raises httpx.HTTPStatusError if Prometheus refuses it."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, timeout=60)
    answer.raise_for_status()
    values: list[dict[str, Any]] = answer.json()["data"]["result"]
    return values


def _watched(url: str, load: Load) -> list[Sample]:
    """Return every series with its value, and its rate if it is a counter, after the API has read all its gauges."""
    everything = '{__name__=~".+", __name__!~"ALERTS.*|scrape_.*"}'
    before = {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in instant(url, everything)}
    began = time.monotonic()
    _wait_for_series(url, READ_LAST, load)
    time.sleep(max(0.0, WATCH_SECONDS - (time.monotonic() - began)))
    samples, seconds = [], time.monotonic() - began
    for one in instant(url, everything):
        labels, value = one["metric"], float(one["value"][1])
        grown = value - before.get(tuple(sorted(labels.items())), 0.0)
        is_counter = labels["__name__"].endswith(COUNTERS)
        samples.append(Sample(labels, value, max(0.0, grown) / seconds if is_counter else 0.0))
    # Without history this is not recorded yet.
    models = {sample.labels["model"] for sample in samples if sample.name == f"{PROBABILITIES}_count" and sample.rate}
    return [*samples, *(Sample({"__name__": DRIFT, "model": model}, 0.0, 0.0) for model in models)]


def _hours(installation: Installation) -> Hours:
    rows = installation.query(
        "SELECT platform, hour, comments, predicted_negative FROM dashboard_hours WHERE active = 1"
    )
    return {
        (platform, hour.replace(tzinfo=UTC).timestamp()): (int(comments), int(negative))
        for platform, hour, comments, negative in rows
    }


def _backfill(folder: Path, data: Path, samples: list[Sample], hours: Hours, ends: float) -> None:
    """Write the history as blocks into Prometheus's data folder. Raises LocalStackError."""
    path = folder / "history.txt"
    with path.open("w") as file:
        file.writelines(write_history(samples, hours, ends - WEEKS * 7 * 86_400, ends))
    # promtool reads the whole file once per block, so blocks of two hours would take minutes.
    create = ["create-blocks-from", f"--max-block-duration={BLOCK}", "openmetrics", "--quiet"]
    command = [promtool(), "tsdb", *create, str(path), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise LocalStackError(f"promtool cannot create the history: {done.stderr.strip()}")
    path.unlink()


def _wait_for_series(url: str, names: Sequence[str], load: Load) -> None:
    """Wait until all series have values. Raises LocalStackError."""
    deadline = time.monotonic() + RULES_SECONDS
    while missing := [name for name in names if not instant(url, name)]:
        load.check()
        if time.monotonic() > deadline:
            raise LocalStackError(f"Prometheus has no values of {', '.join(missing)} after {RULES_SECONDS:.0f} s.")
        time.sleep(1)
