"""A write transaction: run bulk statements, several in one round trip, and refuse those that exceed the server's packet
size."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bulk import Statements
from store.errors import PermanentStoreError
from store.packets import Result, run_packet
from store.statement_builder import Rows, Statement, TupleRows, Values

# Bytes of a statement besides its rows, generously estimated.
STATEMENT_BYTES = 16_384


@dataclass(slots=True)
class KnownErasures:
    """Whether a session has seen that comments were erased. Erasures are never deleted, so this remains true."""

    exist: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A statement and its parameters; ``size`` is an upper limit of its bytes."""

    statement: Statement
    parameters: Mapping[str, object]

    @property
    def size(self) -> int:
        """The bytes of the statement, generously estimated. Documents are ASCII where size is limited."""
        return STATEMENT_BYTES + sum(len(one) for one in self.parameters.values() if isinstance(one, str))


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
        """Run a bulk statement on rows, which are mappings by column. Raises PermanentStoreError like ``call``."""
        call = self.call(statement, rows, **parameters)
        return await self.connection.execute(statement.sql, call.parameters)

    async def read(
        self, statement: Statement, rows: Iterable[Values], **parameters: object
    ) -> Iterator[dict[str, Any]]:
        """Run a bulk query on rows and return its results by column, with the ``position`` of the row, from 1."""
        found = (await self.run(statement, rows, **parameters)).all()
        # Lazily: thousands of dictionaries at once would trigger the garbage collector.
        return (dict(zip(statement.columns, row, strict=True)) for row in found)

    async def run_all(self, calls: Iterable[Call]) -> list[Result]:
        """Run statements in order, and return their results, whose values have the driver's types.

        Servers get as many of them in one packet as its size permits, which saves round trips and the time of the
        driver. A statement that fails prevents those after it, as if they were run one by one.
        """
        results: list[Result] = []
        for packet in self._packets(calls):
            statements = [(call.statement.sql, call.parameters) for call in packet]
            results += await self.connection.run_sync(run_packet, statements)
        return results

    def _packets(self, calls: Iterable[Call]) -> Iterator[list[Call]]:
        """Group calls by the server's packet size."""
        packet: list[Call] = []
        size = 0
        for call in calls:
            if packet and self.packet_bytes is not None and size + call.size > self.packet_bytes:
                yield packet
                packet, size = [], 0
            packet.append(call)
            size += call.size
        if packet:
            yield packet

    def call(self, statement: Statement, rows: Iterable[Values] | TupleRows = (), **parameters: object) -> Call:
        """Return a call of a bulk statement on rows, which are mappings by column or tuples.

        Raises PermanentStoreError if they contain lone surrogates or exceed the server's packet size: the server would
        close the connection, which looks like an outage.
        """
        if statement.rows is None:
            return Call(statement, parameters)
        return Call(statement, {"rows": self.document(statement.rows, rows), "now": self.now, **parameters})

    def document(self, rows: Rows, values: Iterable[Values] | TupleRows) -> str:
        """Return the parameter of a bulk statement for these rows. Raises PermanentStoreError like ``call``."""
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
