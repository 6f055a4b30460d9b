"""Compare every table with what the reference model computes from the records in Kafka."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from model.labeller import Labeller
from tests.faults.contract import Expected, apply
from tests.harness import ERASURE_KEY, Installation
from tests.models import wrong_predictions

EXAMPLES = 5


@dataclass
class Differences:
    """Counts of missing, unexpected and wrong rows, with a few examples of each."""

    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    def compare(self, table: str, expected: Mapping[Any, Hashable], found: Mapping[Any, Hashable]) -> None:
        """Compare by key, and count missing keys as lost, unexpected ones as duplicated and different rows as wrong."""
        lost = [key for key in expected if key not in found]
        unexpected = [key for key in found if key not in expected]
        wrong = [key for key in expected if key in found and expected[key] != found[key]]
        self.lost += len(lost)
        self.duplicated += len(unexpected)
        self.wrong += len(wrong)
        for name, keys in (("lost", lost), ("unexpected", unexpected), ("wrong", wrong)):
            for key in keys[:EXAMPLES]:
                self.examples.append(f"{table} {name}: {key} expected {expected.get(key)} found {found.get(key)}"[:400])


async def read_expected(kafka: str, topics: list[str]) -> tuple[Expected, int, dict[tuple[str, int], int]]:
    """Read all records from Kafka; return the expected tables, the number of records and the end offsets."""
    expected, count = Expected(), 0
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, isolation_level="read_committed", auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for topic, number in await _partitions(kafka, topics)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    count += 1
                    apply(expected, (tp.topic, tp.partition, record.offset), record.timestamp, record.key, record.value)
    finally:
        await consumer.stop()
    return expected, count, {(tp.topic, tp.partition): end for tp, end in ends.items()}


async def _partitions(kafka: str, topics: list[str]) -> list[tuple[str, int]]:
    from consumer.topics import Topics

    known = Topics(kafka)
    return [(topic, number) for topic in topics for number in range(await known.partitions(topic))]


def compare(
    installation: Installation, expected: Expected, archive: str, labellers: Mapping[str, Labeller]
) -> Differences:
    """Compare every table with ``expected``, except replaced texts of ``archive``, which depend on compaction.

    ``labellers`` are the models by SHA-256; the active one must have labelled every comment.
    """
    differences = Differences()
    identities = dict(installation.query("SELECT number, CONCAT(platform, ':', id) FROM comments"))
    _compare_comments(installation, expected, differences)
    _compare_predictions(installation, expected, labellers, differences)
    replaced = Counter(
        (tuple(identities[number].split(":", 1)), version, content)
        for number, version, content in installation.query("SELECT comment_number, version, text FROM comment_versions")
        if not identities[number].startswith(f"{archive}:")
    )
    differences.compare(
        "comment_versions",
        {
            (identity, version, content): times
            for identity, texts in expected.replaced.items()
            if identity[0] != archive
            for (version, content), times in texts.items()
        },
        replaced,
    )
    letters = installation.query("SELECT topic, `partition`, `offset`, `key`, value FROM dead_letters")
    differences.compare("dead_letters", expected.dead_letters, {tuple(row[:3]): tuple(row[3:]) for row in letters})
    differences.duplicated += len(letters) - len({tuple(row[:3]) for row in letters})
    digests = {_digest(identity): up_to for identity, up_to in expected.erased_up_to.items()}
    differences.compare("erasures", digests, dict(installation.query("SELECT digest, erased_up_to FROM erasures")))
    for table, counts in (
        ("hourly_counts", installation.counts_that_differ()),
        ("count_sums", installation.sums_that_differ()),
        ("comment_counts", installation.comment_counts_that_differ()),
    ):
        differences.wrong += len(counts)
        differences.examples += [f"{table}: {count}" for count in counts[:EXAMPLES]]
    return differences


def _compare_comments(installation: Installation, expected: Expected, differences: Differences) -> None:
    rows = installation.query("SELECT platform, id, text, version, created_at, edited_at, author, thread FROM comments")
    found = {(row[0], row[1]): (*row[2:4], _utc(row[4]), _utc(row[5]), *row[6:]) for row in rows}
    differences.duplicated += len(rows) - len(found)
    expected_rows = {
        identity: (one.text, one.version, one.created_at, one.edited_at, one.author, one.thread)
        for identity, one in expected.comments.items()
    }
    differences.compare("comments", expected_rows, found)


def _compare_predictions(
    installation: Installation, expected: Expected, labellers: Mapping[str, Labeller], differences: Differences
) -> None:
    """Check that each prediction is what its model says about the current text, and that the active model has one."""
    rows = installation.query(
        "SELECT m.sha256, c.platform, c.id, p.label, p.probability FROM predictions p "
        "JOIN comments c ON c.number = p.comment_number JOIN models m ON m.number = p.model_number"
    )
    found = [(model, (platform, id), label, probability) for model, platform, id, label, probability in rows]
    current = [
        (model, expected.comments[identity].text, label, probability)
        for model, identity, label, probability in found
        if identity in expected.comments
    ]
    wrong = wrong_predictions(labellers, current)
    differences.wrong += len(wrong)
    differences.examples += [line[:400] for line in wrong[:EXAMPLES]]
    [(active,)] = installation.query("SELECT sha256 FROM models JOIN active_model ON model_number = number")
    labelled = {identity: active for model, identity, _, _ in found if model == active}
    differences.compare("predictions", dict.fromkeys(expected.comments, active), labelled)


def _digest(identity: tuple[str, str]) -> bytes:
    return hmac.digest(ERASURE_KEY.encode(), f"{identity[0]}:{identity[1]}".encode(), hashlib.sha256)


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)
