"""The store: one object that holds the connections, with every verb that the consumer and the api need."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store import keys, models, partitions
from store.batch import Batch, BatchOutcome, ModelRow, PartitionKey, PartitionState
from store.bulk import Statements, write_statements
from store.engine import open_engine, transaction
from store.errors import StoreError
from store.faults import unavailable
from store.sample import AUDIT_SHARE, AuditSample
from store.session import WriteSession
from store.types import time_text
from store.write import write_rows


class Store:
    """The database behind Liuyan. Made by ``Store.open``; close it, or use it with ``async with``.

    Every method may raise TransientStoreError (server away; try again) beside the errors that it names.
    """

    def __init__(self, engine: AsyncEngine, answer_seconds: float, audit_share: float = AUDIT_SHARE) -> None:
        self.engine = engine
        self._answer_seconds = answer_seconds
        self._audit_share = audit_share
        self._erasure_key: bytes | None = None
        self._statements: Statements | None = None
        self._packet_bytes: int | None = None

    @classmethod
    def open(cls, url: str, *, lock_wait_seconds: int = 10, audit_share: float = AUDIT_SHARE) -> Self:
        """Prepare connections to ``url``, without making one yet.

        ``lock_wait_seconds`` bounds how long a stopped writer may hold its locks, and how long others wait for them;
        ``audit_share`` (0..1) is how much of the comments that ``write_batch`` stores goes into the audit sample.
        Raises StoreError when the URL is not of a database that we know.
        """
        # A transaction may wait for locks twice, and the server may be busy; after that it is held to be cut off.
        return cls(open_engine(url, lock_wait_seconds), 20 + 2 * lock_wait_seconds, audit_share)

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def reading(self, *, patient: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection to read with, for queries that have a module of their own; ``patient`` sets no limit of time."""
        seconds = None if patient else self._answer_seconds
        async with transaction(self.engine, seconds, writes=False) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """A write transaction; CommitUnknownError beside the errors of the class."""
        async with transaction(self.engine, self._answer_seconds, writes=True) as connection:
            if self._statements is None:  # Only a connection knows whether the server is MySQL or MariaDB.
                if connection.dialect.name != "sqlite":
                    self._packet_bytes = (await connection.execute(text("SELECT @@max_allowed_packet"))).scalar_one()
                self._statements = write_statements(connection.dialect)
            yield WriteSession(connection, self._statements, time_text(datetime.now(UTC)), self._packet_bytes)

    async def check_ready(self, erasure_key: bytes | None = None) -> None:
        """See that the database answers, that its tables are ours and that the erasure key is the one it was made with.

        The key's check value is stored on first use; ``write_batch`` needs the key, a reader may leave it out.
        Raises DatabaseUnavailableError, MigrationsPendingError, ErasureKeyError.
        """
        from store.migrate import check_revision

        try:
            async with self.reading() as connection:
                await connection.run_sync(check_revision)
            if erasure_key is not None:
                async with self.writing() as session:
                    await keys.check_erasure_key(session, erasure_key)
                self._erasure_key = erasure_key
        except StoreError as error:
            if error.__cause__ is None:
                raise
            raise unavailable(error, self.engine.url) from error.__cause__

    async def write_batch(self, batch: Batch, *, truncate_dead_letters: bool = False) -> BatchOutcome:
        """Store a batch with its offsets in one transaction, or nothing of it.

        ``truncate_dead_letters`` keeps only the beginning of what dead letters hold, for one that is too large.
        Raises FencedError, CommitUnknownError, TransientStoreError, PermanentStoreError.
        """
        if self._erasure_key is None:
            raise StoreError("The erasure key is not known: call check_ready with it before write_batch.")
        sample = AuditSample.of(self._erasure_key, self._audit_share)
        async with self.writing() as session:
            return await write_rows(session, batch, self._erasure_key, sample, truncate_dead_letters)

    async def positions(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], PartitionState]:
        """The stored state of the group's partitions in these topics, by (topic, partition)."""
        async with self.reading() as connection:
            return await partitions.read_positions(connection, group, topics)

    async def begin_partition(self, partition: PartitionKey, start: int, topic_id: str | None) -> PartitionState:
        """Insert a partition that has no row yet at ``start``; give the row that stands, ours or another's."""
        async with self.writing() as session:
            return await partitions.begin(session, partition, start, topic_id)

    async def seek(self, partition: PartitionKey, offset: int, topic_id: str | None) -> PartitionState:
        """Set a partition's next offset and topic id, whatever stands: a person's decision."""
        async with self.writing() as session:
            return await partitions.seek(session, partition, offset, topic_id)

    async def pause(self, partition: PartitionKey, reason: str) -> None:
        """Pause a partition as a stored row; an earlier pause keeps its reason. Raises StoreError without a row."""
        async with self.writing() as session:
            await partitions.pause(session, partition, reason)

    async def resume(self, partition: PartitionKey) -> None:
        """Release a paused partition. Raises StoreError without a row."""
        async with self.writing() as session:
            await partitions.resume(session, partition)

    async def count_starts(self, states: Sequence[PartitionState]) -> None:
        """Count a consumer that begins to read these partitions at their stored offsets."""
        async with self.writing() as session:
            for state in states:
                await partitions.count_start(session, state)

    async def take_back_starts(self, offsets: Mapping[PartitionKey, int]) -> None:
        """A consumer that began at these offsets leaves cleanly."""
        async with self.writing() as session:
            for key, offset in offsets.items():
                await partitions.take_back_start(session, key, offset)

    async def count_partitions(self) -> tuple[int, int]:
        """How many partitions have a row, of all groups, and how many of them are paused."""
        async with self.reading() as connection:
            return await partitions.count(connection)

    async def active_model(self) -> ModelRow | None:
        """The model whose predictions are shown."""
        async with self.reading() as connection:
            return await models.read_active(connection)

    async def register_model(
        self, sha256: str, name: str, uncertain_low: float, uncertain_high: float, activate_if_first: bool = True
    ) -> ModelRow:
        """Insert a model if it is absent, and make it active if no model is; two starting at once agree."""
        arguments = (sha256, name, uncertain_low, uncertain_high, activate_if_first)
        try:
            async with self.writing() as session:
                return await models.register(session, *arguments)
        except StoreError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
        async with self.writing() as session:  # Another one became active meanwhile.
            return await models.register(session, *arguments)
