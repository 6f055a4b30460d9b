"""Step 3: collect records into batches and track the offsets that each batch covers.

Uses neither Kafka nor a clock, so that tests can try any interleaving. The next batch of a partition begins where the
last one ended, so every offset belongs to exactly one batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from aiokafka import TopicPartition


class Sized(Protocol):
    """The sizes of a record that limit a batch."""

    @property
    def tokens(self) -> int:
        """Number of tokens that the network reads."""

    @property
    def size(self) -> int:
        """Bytes of key and value."""


Item = TypeVar("Item", bound=Sized)


@dataclass(frozen=True, slots=True)
class Limits:
    """A batch is full at the first limit reached: records, tokens of all texts, or bytes of keys and values."""

    records: int
    tokens: int
    size: int


@dataclass(frozen=True, slots=True)
class Span:
    """The offsets that a batch covers in one partition, from ``begin`` up to but not including ``end``."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ClosedBatch(Generic[Item]):
    """Records in order of arrival, and the span of every partition that moved, even if it returned no records.

    ``pauses`` maps each partition to pause at the end of its span to the reason. ``polled_at`` is when the last of its
    records was polled, on the clock that the caller of ``add`` uses.
    """

    epoch: int
    records: Sequence[Item]
    spans: Mapping[TopicPartition, Span]
    pauses: Mapping[TopicPartition, str] = field(default_factory=dict)
    polled_at: float = 0.0


class Batcher(Generic[Item]):
    """Collects the open batch. Closed batches carry their epoch, so that batches from before a reset can be dropped."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._records: list[Item] = []
        self._begin: dict[TopicPartition, int] = {}
        self._end: dict[TopicPartition, int] = {}
        self._pauses: dict[TopicPartition, str] = {}
        self._tokens = 0
        self._size = 0
        self._opened_at: float | None = None
        self._arrived_at: float | None = None
        self._polled_at = 0.0

    def clear(self) -> None:
        """Drop the open batch and all partitions. Call ``begin`` for a partition before adding its records."""
        self._begin.clear()
        self._end.clear()
        self._empty()

    def begin(self, partition: TopicPartition, offset: int) -> None:
        """Accept records of a partition from ``offset`` on. Raises ValueError if the partition has begun already."""
        if partition in self._begin:
            raise ValueError(f"{partition} has begun already, at {self._begin[partition]}")
        self._begin[partition] = self._end[partition] = offset

    def add(
        self, records: Sequence[Item], positions: Mapping[TopicPartition, int], *, arrived_at: float, now: float
    ) -> None:
        """Add one poll: its records and each partition's position after it.

        ``arrived_at`` is when the oldest record was published, ``now`` when the records were polled, both in seconds.
        Raises KeyError for a partition that has not begun and ValueError for one that would move backwards.
        """
        for partition, position in positions.items():
            if position < self._end[partition]:
                raise ValueError(f"{partition} moved back from {self._end[partition]} to {position}")
            self._end[partition] = position
        self._records.extend(records)
        self._polled_at = now
        self._tokens += sum([record.tokens for record in records])
        self._size += sum([record.size for record in records])
        if records:
            self.expect(arrived_at=arrived_at, now=now)
        elif self._opened_at is None and self._moved():
            self._opened_at = now

    def expect(self, *, arrived_at: float, now: float) -> None:
        """Open the batch, if it is not open, for records that were polled but are added later. Times as in ``add``."""
        self._opened_at = now if self._opened_at is None else self._opened_at
        self._arrived_at = arrived_at if self._arrived_at is None else min(self._arrived_at, arrived_at)

    def pause(self, partition: TopicPartition, reason: str, now: float) -> None:
        """Pause a partition at its current offset; the open batch closes at once and stores the pause."""
        self._pauses[partition] = reason
        self._opened_at = now if self._opened_at is None else self._opened_at

    def room(self) -> int:
        """Return how many more records fit into the open batch; 0 when any limit is reached."""
        full = self._size >= self._limits.size or self._tokens >= self._limits.tokens
        return 0 if full else max(0, self._limits.records - len(self._records))

    @property
    def opened_at(self) -> float | None:
        """When the open batch began; None while it is empty. A batch may have moved a position without a record."""
        return self._opened_at

    @property
    def arrived_at(self) -> float | None:
        """When the oldest record of the open batch was published; None while it has no record."""
        return self._arrived_at

    @property
    def urgent(self) -> bool:
        """Whether the open batch must close now, because it is full or stores a pause."""
        return self._opened_at is not None and (bool(self._pauses) or self.room() == 0)

    def close(self, epoch: int) -> ClosedBatch[Item]:
        """Close and return the open batch; the next one begins where it ends."""
        spans = {tp: Span(self._begin[tp], self._end[tp]) for tp in (*self._moved(), *self._pauses)}
        closed = ClosedBatch(epoch, tuple(self._records), spans, dict(self._pauses), self._polled_at)
        self._begin.update(self._end)
        self._empty()
        return closed

    def _moved(self) -> list[TopicPartition]:
        return [tp for tp, begin in self._begin.items() if self._end[tp] > begin]

    def _empty(self) -> None:
        self._records = []
        self._pauses.clear()
        self._tokens = self._size = 0
        self._opened_at = self._arrived_at = None
