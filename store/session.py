"""A write transaction: run bulk statements, and refuse those that exceed the server's packet size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import Rows, Statement, Statements, Values
from store.errors import PermanentStoreError

# Bytes of a statement besides its rows, generously estimated.
STATEMENT_BYTES = 16_384


@dataclass(slots=True)
class KnownErasures:
    """Whether a session has seen that comments were erased. Erasures are never deleted, so this remains true."""

    exist: bool = False


@dataclass(frozen=True, slots=True)
class WriteSession:
    """A connection in a write transaction.

    ``now`` is the database's time at the beginning, as text. ``packet_bytes`` is the server's limit for one statement
    (None: no limit); ``audit_share`` (0..1) is the share of new comments in the audit sample. ``erasure_keys`` are
    newest first, and empty until the store has checked them. ``erasures`` is shared by the sessions of a store.
    ``on_commit`` are functions to call after the commit.
    """

    connection: AsyncConnection
    statements: Statements
    now: str
    packet_bytes: int | None
    erasure_keys: Sequence[bytes]
    audit_share: float
    erasures: KnownErasures = field(default_factory=KnownErasures)
    on_commit: list[Callable[[], None]] = field(default_factory=list)

    async def run(self, statement: Statement, rows: Iterable[Values], **parameters: object) -> CursorResult[Any]:
        """Run a bulk statement on rows, which are mappings by column.

        Raises PermanentStoreError if they contain lone surrogates or exceed the server's packet size: the server would
        close the connection, which looks like an outage.
        """
        document = self.document(statement.rows, rows)
        return await self.connection.execute(statement.sql, {"rows": document, "now": self.now, **parameters})

    async def read(
        self, statement: Statement, rows: Iterable[Values], **parameters: object
    ) -> Iterator[dict[str, Any]]:
        """Run a bulk query on rows and return its results by column, with the ``position`` of the row, from 1."""
        found = (await self.run(statement, rows, **parameters)).all()
        # Lazily: thousands of dictionaries at once would trigger the garbage collector.
        return (dict(zip(statement.columns, row, strict=True)) for row in found)

    def document(self, rows: Rows, values: Iterable[Values]) -> str:
        """Return the parameter of a bulk statement for these rows. Raises PermanentStoreError like ``run``."""
        try:
            document = rows.document(values)
        except UnicodeEncodeError:
            raise PermanentStoreError("A string contains a lone surrogate, which the database cannot store.") from None
        if self.packet_bytes is not None and len(document) > self.packet_bytes - STATEMENT_BYTES:
            raise PermanentStoreError(
                f"A statement of {len(document)} bytes exceeds the database's max_allowed_packet of "
                f"{self.packet_bytes}."
            )
        return document
