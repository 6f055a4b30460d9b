"""The data that the consumer passes to the store: one micro-batch, independent of Kafka and the model.

The store decides under lock what each event changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Label(StrEnum):
    """The label of a prediction."""

    POSITIVE = "positive"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """A partition of a topic, as read by a consumer group."""

    group: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Advance:
    """Advances a partition from the offset at which the batch begins to the next one to read.

    ``next_offset`` is set only if the stored offset equals ``expected`` (compare-and-set). ``records_lost`` is added to
    the partition's count; ``pause_reason`` pauses the partition in the same transaction.
    """

    partition: PartitionKey
    expected: int
    next_offset: int
    records_lost: int = 0
    pause_reason: str | None = None


# There is one of each of these three for every comment. Named tuples, because a frozen dataclass takes four times as
# long to create.
class Content(NamedTuple):
    """One version of a comment as its platform published it. ``version`` is in microseconds since 1970; times are UTC.

    Each field is a column of ``comments``; writing, comparing and reading use this list.
    """

    text: str
    version: int
    created_at: datetime
    edited_at: datetime | None
    author: str | None
    thread: str | None


class Prediction(NamedTuple):
    """A model's prediction for a text; each field is a column of ``predictions``."""

    label: Label
    probability: float
    uncertain: bool


class Arrival(NamedTuple):
    """A labelled comment event."""

    platform: str
    id: str
    content: Content
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A request to erase a comment; ``timestamp`` is the record's, in microseconds since 1970."""

    platform: str
    id: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be stored as a comment, with the reason.

    ``reason`` is one of a few codes, for counting; ``detail`` is a sentence for people. ``timestamp`` is the record's,
    in milliseconds since 1970. ``platform`` published it and may see it; None if that is not certain.
    """

    partition: PartitionKey
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: int
    reason: str
    detail: str
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class RequeuedRecord:
    """A record with the header requeued.DEAD_LETTER_HEADER, whose value is ``header``: a copy of a dead letter."""

    partition: PartitionKey
    offset: int
    key: bytes | None
    value: bytes | None
    header: bytes


# The model of a batch without comments.
NO_MODEL = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """One micro-batch, stored with its offsets in one transaction.

    ``records`` are in order of arrival and include dead letters: a tombstone erases only the dead letters of its key
    that precede it. ``model`` is the ``models.number`` of the predictions. ``copies`` are the records, including
    failed ones, that are marked as copies of dead letters.
    """

    model: int
    advances: Sequence[Advance]
    records: Sequence[Arrival | Tombstone | DeadLetter] = ()
    copies: Sequence[RequeuedRecord] = ()


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The records of a stored batch, counted by effect.

    ``touched``: only author, thread or times changed. ``same``: redelivered. ``late``: older than the current version.
    ``erased``: tombstones, including those of unknown comments. ``erased_before``: not newer than an earlier tombstone.
    ``purged_before``: created before the retention horizon. ``dead``: dead letters.
    """

    new: int = 0
    edited: int = 0
    touched: int = 0
    same: int = 0
    late: int = 0
    erased: int = 0
    erased_before: int = 0
    purged_before: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class PartitionState:
    """A row of ``partitions`` with the stored offset. ``paused_reason`` is None unless the partition is paused.

    ``starts`` counts consumers that began to read at ``started_offset`` and did not stop cleanly.
    """

    partition: PartitionKey
    next_offset: int
    topic_id: str | None
    records_lost: int
    paused_reason: str | None
    paused_at: datetime | None
    updated_at: datetime
    started_offset: int | None = None
    starts: int = 0

    @property
    def failed_starts(self) -> int:
        """Consumers that began at the stored offset and neither advanced it nor stopped cleanly."""
        return self.starts if self.started_offset == self.next_offset else 0


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A row of ``models``; probabilities from ``uncertain_low`` to ``uncertain_high`` are uncertain.

    ``predecessor`` is the number of the model that was active before this one was promoted. ``trained_on`` says whether
    it was trained on reviews: none, database or file; None if it was registered by an earlier version.
    """

    number: int
    sha256: str
    name: str
    uncertain_low: float
    uncertain_high: float
    active: bool
    registered_at: datetime = field(compare=False)
    predecessor: int | None = None
    retired_at: datetime | None = None
    trained_on: str | None = None

    @property
    def trained_on_reviews(self) -> bool:
        """Whether it is known to have been trained on reviews."""
        return self.trained_on not in (None, "none")
