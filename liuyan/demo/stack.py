"""Start the demo's broker and database: the embedded broker and SQLite, or Apache Kafka and MySQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from local_stack.database import UNSYNCED
from local_stack.embedded import EmbeddedBroker
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL


class StackName(StrEnum):
    """The kind of broker and database."""

    EMBEDDED = "embedded"
    REAL = "real"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running broker and an empty database; ``creates_topics`` is whether the broker creates topics on first use."""

    title: str
    bootstrap: str
    database_url: str
    creates_topics: bool


@contextmanager
def started_stack(name: StackName, folder: Path) -> Iterator[Stack]:
    """Start broker and database while the block runs. Raises LocalStackError."""
    with embedded_stack(folder) if name is StackName.EMBEDDED else real_stack() as stack:
        yield stack


@contextmanager
def embedded_stack(folder: Path) -> Iterator[Stack]:
    """Start librdkafka's in-process broker, with an SQLite file in ``folder``."""
    with EmbeddedBroker() as broker:
        url = f"sqlite+aiosqlite:///{folder / 'liuyan.db'}"
        yield Stack(f"Kafka at {broker.bootstrap} (embedded), SQLite", broker.bootstrap, url, creates_topics=True)


@contextmanager
def real_stack() -> Iterator[Stack]:
    """Download Apache Kafka and MySQL if necessary, and start both in parallel."""
    broker, database = Kafka(), MySQL(UNSYNCED)
    try:
        for server in (broker, database):
            server.download()
        starting = Console(stderr=True).status("Starting Apache Kafka and MySQL ...")
        with starting, ThreadPoolExecutor(2) as both:
            list(both.map(lambda server: server.start(), (broker, database)))
        url = database.create_database("liuyan")
        yield Stack(f"Apache Kafka at {broker.bootstrap}, MySQL", broker.bootstrap, url, creates_topics=False)
    finally:
        broker.close()
        database.close()
