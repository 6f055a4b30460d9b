"""The store holds the connections and opens transactions; queries and changes are free functions."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store import keys
from store.bulk import Statements, write_statements
from store.clock import DatabaseClock
from store.engine import PoolUsage, open_engine, pool_usage, transaction
from store.errors import StoreError
from store.faults import unavailable
from store.sample import AUDIT_SHARE
from store.session import KnownErasures, WriteSession
from store.types import time_text

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


class Store:
    """The database of Liuyan. Create it with ``Store.open``, and close it or use it with ``async with``.

    Every method may raise TransientStoreError in addition to the errors that it documents.
    """

    def __init__(self, engine: AsyncEngine, answer_seconds: float, audit_share: float = AUDIT_SHARE) -> None:
        self.engine = engine
        self._answer_seconds = answer_seconds
        self._audit_share = audit_share
        self._erasure_keys: Sequence[bytes] = ()
        self._statements: Statements | None = None
        self._packet_bytes: int | None = None
        self._erasures = KnownErasures()
        self._clock = DatabaseClock()

    @classmethod
    def open(
        cls,
        url: str,
        *,
        lock_wait_seconds: int = 10,
        audit_share: float = AUDIT_SHARE,
        answer_seconds: float | None = None,
    ) -> Self:
        """Create a store for ``url`` without connecting yet. Raises StoreError if the URL is not supported.

        ``lock_wait_seconds`` limits how long a frozen writer can hold its locks and how long others wait for them.
        ``audit_share`` (0..1) is the share of new comments in the audit sample. ``answer_seconds`` is the deadline of
        each transaction; the default leaves time to wait for locks.
        """
        # A transaction may wait for locks twice on a busy server; after that the connection is considered cut.
        deadline = 20 + 2 * lock_wait_seconds if answer_seconds is None else answer_seconds
        return cls(open_engine(url, lock_wait_seconds), deadline, audit_share)

    def pool_usage(self) -> PoolUsage:
        """Return how many connections are in use and idle."""
        return pool_usage(self.engine)

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
        """Open a read transaction; ``patient`` removes its deadline."""
        seconds = None if patient else self._answer_seconds
        async with transaction(self.engine, seconds, writes=False) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """Open a write transaction. Raises CommitUnknownError in addition to the errors of the class."""
        async with transaction(self.engine, self._answer_seconds, writes=True) as connection:
            if self._statements is None:  # Distinguishing MySQL from MariaDB requires a connection.
                if connection.dialect.name != "sqlite":
                    self._packet_bytes = (await connection.execute(text("SELECT @@max_allowed_packet"))).scalar_one()
                self._statements = write_statements(connection.dialect)
            now = time_text(await self._clock.now(connection))
            session = WriteSession(
                connection,
                self._statements,
                now,
                self._packet_bytes,
                self._erasure_keys,
                self._audit_share,
                self._erasures,
            )
            yield session
        for committed in session.on_commit:
            committed()

    async def now(self) -> datetime:
        """Return the database's time, in UTC; see DatabaseClock."""
        known = self._clock.known()
        if known is not None:
            return known
        async with self.reading() as connection:
            return await self._clock.now(connection)

    async def check_ready(self, *erasure_keys: bytes) -> None:
        """Check that the database answers, that its tables are up to date and that the erasure keys are complete.

        ``erasure_keys`` are newest first; their check values are stored on first use. Storing batches requires them;
        readers may omit them.
        Raises DatabaseUnavailableError, MigrationsPendingError, ErasureKeyError.
        """
        from store.migrate import check_revision

        try:
            async with self.reading() as connection:
                await connection.run_sync(check_revision)
            if erasure_keys:
                async with self.writing() as session:
                    await keys.check_erasure_keys(session, erasure_keys)
                self._erasure_keys = erasure_keys
        except StoreError as error:
            if error.__cause__ is None:
                raise
            raise unavailable(error, self.engine.url) from error.__cause__

    async def require_erasure_keys(self) -> None:
        """Check that no other process has begun to use an erasure key that this one lacks. Raises ErasureKeyError."""
        await self.read(keys.require_erasure_keys, self._erasure_keys)

    async def read(
        self,
        query: Callable[Concatenate[AsyncConnection, Arguments], Awaitable[Answer]],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Run ``query`` in its own read transaction and return its result. Raises what it raises."""
        async with self.reading() as connection:
            return await query(connection, *args, **kwargs)

    async def write(
        self,
        change: Callable[Concatenate[WriteSession, Arguments], Awaitable[Answer]],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Run ``change`` in its own write transaction and return its result.

        Raises what it raises, and CommitUnknownError.
        """
        async with self.writing() as session:
            return await change(session, *args, **kwargs)
