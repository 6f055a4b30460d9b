"""The store: one object that holds the connections, with every verb that the consumer and the api need."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from liuyan.store.batch import Batch, BatchOutcome, ModelRow, PartitionKey, PartitionState


class Store:
    """The database behind Liuyan. Made by ``Store.open``; close it, or use it with ``async with``.

    Every method may raise TransientStoreError (server away; try again) beside the errors that it names.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._erasure_key: bytes | None = None

    @classmethod
    def open(cls, url: str, *, lock_wait_seconds: int = 10) -> Self:
        """Prepare connections to ``url``, without making one yet.

        ``lock_wait_seconds`` bounds how long a stopped writer may hold its locks, and how long others wait for them.
        Raises StoreError when the URL is not of a database that we know.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def check_ready(self, erasure_key: bytes | None = None) -> None:
        """See that the database answers, that its tables are ours and that the erasure key is the one it was made with.

        The key's check value is stored on first use; ``write_batch`` needs the key, a reader may leave it out.
        Raises DatabaseUnavailableError, MigrationsPendingError, ErasureKeyError.
        """
        raise NotImplementedError

    async def write_batch(self, batch: Batch, *, truncate_dead_letters: bool = False) -> BatchOutcome:
        """Store a batch with its offsets in one transaction, or nothing of it.

        ``truncate_dead_letters`` keeps only the beginning of what dead letters hold, for one that is too large.
        Raises FencedError, CommitUnknownError, TransientStoreError, PermanentStoreError.
        """
        raise NotImplementedError

    async def positions(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], PartitionState]:
        """The stored state of the group's partitions in these topics, by (topic, partition)."""
        raise NotImplementedError

    async def begin_partition(self, partition: PartitionKey, start: int, topic_id: str | None) -> PartitionState:
        """Insert a partition that has no row yet at ``start``; give the row that stands, ours or another's."""
        raise NotImplementedError

    async def seek(self, partition: PartitionKey, offset: int, topic_id: str | None) -> PartitionState:
        """Set a partition's next offset and topic id, whatever stands: a person's decision."""
        raise NotImplementedError

    async def pause(self, partition: PartitionKey, reason: str) -> None:
        """Pause a partition as a stored row; an earlier pause keeps its reason. Raises StoreError without a row."""
        raise NotImplementedError

    async def resume(self, partition: PartitionKey) -> None:
        """Release a paused partition. Raises StoreError without a row."""
        raise NotImplementedError

    async def active_model(self) -> ModelRow | None:
        """The model whose predictions are shown."""
        raise NotImplementedError

    async def register_model(
        self, sha256: str, name: str, uncertain_low: float, uncertain_high: float, activate_if_first: bool = True
    ) -> ModelRow:
        """Insert a model if it is absent, and make it active if no model is; two starting at once agree."""
        raise NotImplementedError
