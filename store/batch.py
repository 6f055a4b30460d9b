"""What the consumer hands to the store: one micro-batch, as plain data.

The store decides under lock what each change means; nothing here knows Kafka or the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Label(StrEnum):
    """What a model or a person says of a comment."""

    POSITIVE = "positive"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """A partition of a topic, as the group named ``group`` reads it."""

    group: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Advance:
    """Moves one partition from the offset at which the batch began to the one at which the next begins.

    ``expected`` is compared with the stored offset before ``next_offset`` is set (compare-and-set). ``records_lost`` is
    added to the partition's count; ``pause_reason`` pauses the partition in the same transaction.
    """

    partition: PartitionKey
    expected: int
    next_offset: int
    records_lost: int = 0
    pause_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a platform says of a comment, in one version (microseconds since 1970, UTC); times carry UTC.

    Each field is the column of that name in ``comments``: writing, comparing and reading follow this list.
    """

    text: str
    version: int
    created_at: datetime
    edited_at: datetime | None
    author: str | None
    thread: str | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model says of a text; each field is the column of that name in ``predictions``."""

    label: Label
    probability: float
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """A comment event, labelled."""

    platform: str
    id: str
    content: Content
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An order to erase a comment; ``timestamp`` is the record's, in microseconds since 1970."""

    platform: str
    id: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot become a comment, kept whole with the reason.

    ``reason`` is one of a few words (for counting), ``detail`` the sentence that a person reads; ``timestamp`` is the
    record's in milliseconds since 1970, as Kafka gives it.
    """

    partition: PartitionKey
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class RequeuedRecord:
    """A record that says by ``header``, the value of requeued.DEAD_LETTER_HEADER, that it is a requeued dead letter."""

    partition: PartitionKey
    offset: int
    key: bytes | None
    value: bytes | None
    header: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """One micro-batch: everything in it is stored together with its offsets, or nothing is.

    ``records`` are in the order of arrival, dead letters among them, since a tombstone erases the dead letters of its
    key that came before it and not those behind it. ``model`` is the ``models.number`` whose predictions they carry;
    ``copies`` are those of the records, dead letters among them, that say they are one.
    """

    model: int
    advances: Sequence[Advance]
    records: Sequence[Arrival | Tombstone | DeadLetter] = ()
    copies: Sequence[RequeuedRecord] = ()


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What a stored batch changed, counted in records; ``same`` are redeliveries, ``late`` older than what stands,
    ``erased_before`` not newer than a tombstone that was seen, ``touched`` changed only author, thread or times.

    ``erased`` are tombstones, of comments never seen too; ``dead`` are dead letters.
    """

    new: int = 0
    edited: int = 0
    touched: int = 0
    same: int = 0
    late: int = 0
    erased: int = 0
    erased_before: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class PartitionState:
    """A row of ``partitions``: the position that the database holds. ``paused_reason`` None means that it runs.

    ``starts`` counts the consumers that began to read at ``started_offset`` and did not leave cleanly.
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
        """Consumers that began at the stored offset and neither moved it nor left cleanly."""
        return self.starts if self.started_offset == self.next_offset else 0


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A row of ``models``; probabilities within ``uncertain_low`` .. ``uncertain_high`` are uncertain."""

    number: int
    sha256: str
    name: str
    uncertain_low: float
    uncertain_high: float
    active: bool
    registered_at: datetime = field(compare=False)
