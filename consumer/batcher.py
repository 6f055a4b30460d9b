"""Step 3: collect records until a batch is worth writing, and keep the books on offsets.

Plain bookkeeping without Kafka or a clock of its own, so that any interleaving can be tested. For each partition it
knows where the open batch began and where the next one will: what lies between belongs to exactly one batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from aiokafka import TopicPartition


class Sized(Protocol):
    """What the batcher needs to know of a record."""

    @property
    def tokens(self) -> int:
        """How many tokens the network will run over."""

    @property
    def size(self) -> int:
        """Bytes of key and value."""


Item = TypeVar("Item", bound=Sized)


@dataclass(frozen=True, slots=True)
class Limits:
    """A batch closes on the first of these; ``padded_tokens`` is its records times its longest text."""

    records: int
    padded_tokens: int
    size: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Span:
    """The offsets that a batch takes from one partition: from ``begin`` up to, but without, ``end``."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ClosedBatch(Generic[Item]):
    """Records in order of arrival, and the span of every partition that moved, also of those without a record.

    ``pauses`` gives the reason to pause a partition at the end of its span.
    """

    epoch: int
    records: Sequence[Item]
    spans: Mapping[TopicPartition, Span]
    pauses: Mapping[TopicPartition, str] = field(default_factory=dict)


class Batcher(Generic[Item]):
    """The open batch. ``epoch`` is stamped on what it closes, so that batches from before a reset can be told."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._records: list[Item] = []
        self._begin: dict[TopicPartition, int] = {}
        self._end: dict[TopicPartition, int] = {}
        self._pauses: dict[TopicPartition, str] = {}
        self._longest = 0
        self._size = 0
        self._opened_at: float | None = None

    def clear(self) -> None:
        """Forget the open batch and every partition: each must ``begin`` anew before its records are taken."""
        self._begin.clear()
        self._end.clear()
        self._empty()

    def begin(self, partition: TopicPartition, offset: int) -> None:
        """Take records of a partition from ``offset`` on. Raises ValueError when the open batch has it already."""
        if partition in self._begin:
            raise ValueError(f"{partition} was begun at {self._begin[partition]} already")
        self._begin[partition] = self._end[partition] = offset

    def add(self, records: Sequence[Item], positions: Mapping[TopicPartition, int], now: float) -> None:
        """Add one poll: its records, and the position of each partition behind it. ``now`` is in seconds.

        Raises ValueError when a partition was not begun or would move backwards.
        """
        for partition, position in positions.items():
            if position < self._end[partition]:
                raise ValueError(f"{partition} moved back from {self._end[partition]} to {position}")
            self._end[partition] = position
        self._records.extend(records)
        self._longest = max(self._longest, *(record.tokens for record in records)) if records else self._longest
        self._size += sum(record.size for record in records)
        if self._opened_at is None and self._moved():
            self._opened_at = now

    def pause(self, partition: TopicPartition, reason: str, now: float) -> None:
        """End a partition where it is: the open batch is due at once and pauses it."""
        self._pauses[partition] = reason
        self._opened_at = now if self._opened_at is None else self._opened_at

    def room(self) -> int:
        """How many more records the open batch takes; 0 when it is full by any measure."""
        full = self._size >= self._limits.size or self._longest * len(self._records) >= self._limits.padded_tokens
        return 0 if full else max(0, self._limits.records - len(self._records))

    def seconds_left(self, now: float) -> float | None:
        """Seconds until the open batch is old enough to close; None while nothing is in it."""
        if self._opened_at is None:
            return None
        return 0.0 if self._pauses else max(0.0, self._opened_at + self._limits.age_seconds - now)

    def due(self, now: float) -> bool:
        """Whether the open batch is full or old enough to close."""
        return self._opened_at is not None and (self.room() == 0 or self.seconds_left(now) == 0.0)

    def close(self, epoch: int) -> ClosedBatch[Item]:
        """Hand out the open batch; the next one begins where it ends."""
        spans = {tp: Span(self._begin[tp], self._end[tp]) for tp in (*self._moved(), *self._pauses)}
        closed = ClosedBatch(epoch, tuple(self._records), spans, dict(self._pauses))
        self._begin.update(self._end)
        self._empty()
        return closed

    def _moved(self) -> list[TopicPartition]:
        return [tp for tp, begin in self._begin.items() if self._end[tp] > begin]

    def _empty(self) -> None:
        self._records = []
        self._pauses.clear()
        self._longest = self._size = 0
        self._opened_at = None
