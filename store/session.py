"""A write transaction at work: runs bulk statements on rows, and refuses what the server would not even read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import Statement, Statements, Values
from store.errors import PermanentStoreError

# What a statement needs beside its rows, in bytes; generous.
STATEMENT_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class WriteSession:
    """A connection within a transaction. ``now`` is the time of what it writes, as text, ``packet_bytes`` the server's
    limit on one statement (None: no limit), ``audit_share`` (0..1) how much of new comments goes into the audit sample.
    ``erasure_key`` is None until the store has checked it."""

    connection: AsyncConnection
    statements: Statements
    now: str
    packet_bytes: int | None
    erasure_key: bytes | None
    audit_share: float

    async def run(self, statement: Statement, rows: Iterable[Values], **parameters: object) -> CursorResult[Any]:
        """Run a bulk statement on rows, mappings that have its columns.

        Raises PermanentStoreError where they hold what UTF-8 cannot say, or exceed the server's packet: it would answer
        by closing the connection, which looks like a server that went away.
        """
        document = statement.rows.document(rows)
        self._check_size(document)
        return await self.connection.execute(statement.sql, {"rows": document, "now": self.now, **parameters})

    async def read(
        self, statement: Statement, rows: Iterable[Values], **parameters: object
    ) -> Iterator[dict[str, Any]]:
        """Run a bulk query on rows; each answer by column; ``position`` is that of the row that it answers, from 1."""
        found = (await self.run(statement, rows, **parameters)).all()
        # One at a time: thousands of dictionaries at once would set off the garbage collector.
        return (dict(zip(statement.answers, row, strict=True)) for row in found)

    def _check_size(self, document: str) -> None:
        try:
            size = len(document.encode())
        except UnicodeEncodeError:
            raise PermanentStoreError("A string holds half of a surrogate pair, which no database stores.") from None
        if self.packet_bytes is None or 2 * size < self.packet_bytes - STATEMENT_BYTES:
            return
        escaped = size + sum(document.count(character) for character in "\"'\\")
        if escaped > self.packet_bytes - STATEMENT_BYTES:
            raise PermanentStoreError(
                f"A statement of {escaped} bytes exceeds the database's max_allowed_packet of {self.packet_bytes}."
            )
