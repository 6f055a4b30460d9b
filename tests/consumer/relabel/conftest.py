"""An installation with a second model, and helpers to compare its predictions with the comments."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from consumer.connection import Connection
from consumer.status import PartitionStatus, read_status
from consumer.topics import Topics
from liuyan.settings import Settings
from model.labeller import load_labeller
from registry.register import register
from store.audit import Actor
from store.check import recount, recount_sums
from store.store import Store
from tests.faults.load import PARTITIONS
from tests.harness import ERASURE_KEY, Installation, Process
from tests.registry.artifacts import write_model

WANG = Actor(None, "wang", "command", None)
PREDICTED = (
    "SELECT c.platform, c.id, c.text, p.label, p.probability, p.uncertain FROM comments c "
    "LEFT JOIN predictions p ON p.comment_number = c.number AND p.model_number = :model"
)


@dataclass
class Relabelled(Installation):
    """An installation with a second model, whose network has random weights. ``model`` is its number."""

    artifact: Path = Path()
    model: int = 0

    def replay(self, *arguments: str, **settings: str) -> Process:
        """Start `liuyan consumer replay` with the second model."""
        command = ["consumer", "replay", str(self.model), *arguments]
        return Process(command, self.environment(**settings), self.folder)

    def shadow(self) -> Process:
        """Start a shadow of the second model."""
        return Process(["consumer", "run", "--shadow", str(self.model)], self.environment(), self.folder)

    def replayed(self, *arguments: str) -> str:
        """Replay to the end and return the last line of the output."""
        with self.replay(*arguments) as process:
            assert process.wait(240) == 0, process.output()
            return process.output().strip().splitlines()[-1]

    def refused(self, *arguments: str) -> str:
        """Return the error of `liuyan consumer replay ARGUMENTS`, which must be one line."""
        done = self.run("consumer", "replay", *arguments)
        assert done.returncode in (1, 2), done.stdout + done.stderr
        lines = [line for line in done.stderr.splitlines() if not re.match(r"\d{4}-", line)]
        assert len(lines) == 1, done.stderr
        return lines[0]

    def loaded_settings(self) -> Settings:
        """Return the settings of the installation's processes."""
        return Settings(
            kafka=self.kafka,
            topics={self.topic: frozenset()},
            group=self.group,
            database_url=SecretStr(self.database_url),
            erasure_key=SecretStr(ERASURE_KEY),
            cache_dir=self.folder / "cache",
        )

    def labelled(self) -> int:
        """Return the number of predictions of the second model."""
        return self.number("SELECT COUNT(*) FROM predictions WHERE model_number = :model", model=self.model)

    def consume(self, records: int) -> None:
        """Let a consumer store everything up to this sum of offsets."""
        with self.consumer() as consumer:
            self.wait_for(lambda: self.stored() == records, seconds=240, process=consumer)

    def differences(self) -> list[Any]:
        """Return comments without the prediction that the second model makes for their current text."""
        rows = self.query(PREDICTED, model=self.model)
        labeller = load_labeller(self.artifact, answer_cache_size=0)
        expected = [
            one for at in range(0, len(rows), 512) for one in labeller.predict([r[2] for r in rows[at : at + 512]])
        ]
        return [
            row
            for row, one in zip(rows, expected, strict=True)
            if row[3] != one.label or abs(row[4] - one.probability) > 1e-5 or bool(row[5]) != one.uncertain
        ]

    async def count_differences(self) -> list[object]:
        """Return counts and sums that differ from the rows."""
        async with Store.open(self.database_url) as store, store.reading() as connection:
            return [*await recount(connection), *await recount_sums(connection)]

    async def status(self) -> list[PartitionStatus]:
        async with Store.open(self.database_url) as store:
            topics = [topic.partition("=")[0] for topic in self.environment()["LIUYAN_TOPICS"].split(",")]
            return await read_status(store, Connection(self.kafka), self.group, topics)

    async def add_model(self, seed: int = 7) -> None:
        """Register the second model."""
        write_model(self.artifact, seed)
        async with Store.open(self.database_url) as store:
            await store.check_ready(ERASURE_KEY.encode())
            self.model = (await register(store, self.artifact, WANG)).model.number


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_url: str, tmp_path: Path) -> Relabelled:
    """A migrated database and a topic of eight partitions; the second model is registered, and nothing is stored."""
    settings = {"LIUYAN_CACHE_DIR": str(tmp_path / "cache")}
    installation = Relabelled(kafka, topic, migrated_url, tmp_path, settings, artifact=tmp_path / "second")
    await Topics(kafka).create(topic, partitions=PARTITIONS, replication=1, settings={})
    await installation.add_model()
    return installation
