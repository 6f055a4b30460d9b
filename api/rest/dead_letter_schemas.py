"""Request and response schemas for dead letters."""

import base64
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.problems import WITHOUT_NUL
from api.rest.fields import Time
from store.dead_letter_admin import (
    SETTLED,
    DeadLetterContent,
    DeadLetterFilter,
    DeadLetterState,
    RequeueMessage,
    StoredLetter,
)
from store.types import LARGEST_NUMBER

MAXIMUM_NUMBERS = 500
LetterNumber = Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="The dead letter's number.", examples=[17])]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=WITHOUT_NUL,
        description="Only dead letters with this reason.",
        examples=["invalid_field"],
    ),
]
Topic = Annotated[
    str,
    Field(
        min_length=1,
        max_length=249,
        pattern=WITHOUT_NUL,
        description="Only dead letters of this topic.",
        examples=["comments"],
    ),
]
Since = Annotated[
    Time, Field(description="Only dead letters stored at this time or later.", examples=["2026-01-31T08:15:00Z"])
]


class Content(BaseModel):
    """Bytes of a record: text if they are UTF-8, else base64. Both are null if the record has none."""

    text: str | None = Field(description="The bytes, if they are UTF-8.", examples=['{"platform": "forum"}'])
    base64: str | None = Field(description="The bytes in base64, if they are not UTF-8.", examples=[None])

    @classmethod
    def of(cls, content: bytes | None) -> Self:
        """Convert the bytes of a record."""
        if content is None:
            return cls(text=None, base64=None)
        try:
            return cls(text=content.decode(), base64=None)
        except UnicodeDecodeError:
            return cls(text=None, base64=base64.b64encode(content).decode())


class DeadLetterRecord(BaseModel):
    """A record that broke the contract, and its state."""

    number: LetterNumber
    group: str = Field(description="The consumer group that read the record.", examples=["liuyan"])
    topic: str = Field(description="The record's topic.", examples=["comments"])
    partition: int = Field(description="The record's partition.", examples=[3])
    offset: int = Field(description="The record's offset.", examples=[90817])
    key: Content
    value_bytes: int | None = Field(description="The size of the record's value, in bytes.", examples=[312])
    truncated: bool = Field(
        description="Whether the record was too large and only its beginning is stored.", examples=[False]
    )
    record_timestamp: int = Field(
        description="The record's timestamp, in milliseconds since 1970.", examples=[1769818500000]
    )
    reason: str = Field(description="The reason, as a code.", examples=["invalid_field"])
    detail: str = Field(description="The reason, as a sentence.", examples=["field text: must not be empty"])
    stored_at: datetime = Field(
        description="When the dead letter was stored.", examples=["2026-01-31T00:15:00.250000Z"]
    )
    state: DeadLetterState = Field(description="The dead letter's state.", examples=["open"])
    attempts: int = Field(description="How often the dead letter was requeued.", examples=[0])
    settled_by: str | None = Field(description="Who discarded the dead letter.", examples=[None])
    settled_at: datetime | None = Field(description="When the dead letter was resolved or discarded.", examples=[None])

    @classmethod
    def of(cls, letter: StoredLetter) -> Self:
        """Convert a stored dead letter."""
        values = {name: getattr(letter, name) for name in cls.model_fields if name != "key"}
        return cls(**values, key=Content.of(letter.key))


class DeadLetterPage(BaseModel):
    """A page of dead letters, newest first."""

    items: list[DeadLetterRecord] = Field(description="The dead letters.")
    next: int | None = Field(
        description="Pass this as `before`, with the same filters, to get the next page; null on the last page.",
        examples=[17],
    )


class RecordHeader(BaseModel):
    """A header of a record."""

    name: str = Field(description="The header's name.", examples=["trace"])
    value: Content


class Requeue(BaseModel):
    """A request to publish a dead letter's record again."""

    model_config = ConfigDict(from_attributes=True)

    ordered_by: str = Field(description="Who requested it.", examples=["wang"])
    ordered_at: datetime = Field(description="When it was requested.", examples=["2026-01-31T01:00:00Z"])
    done_at: datetime | None = Field(
        description="When the record was published or the attempt was abandoned; null while it waits for a consumer.",
        examples=["2026-01-31T01:00:02Z"],
    )
    published_partition: int | None = Field(description="The partition of the copy.", examples=[3])
    published_offset: int | None = Field(description="The offset of the copy.", examples=[91002])
    refused: str | None = Field(description="Why the attempt was abandoned.", examples=[None])


class WholeDeadLetter(DeadLetterRecord):
    """A dead letter with the content of its record."""

    value: Content
    headers: list[RecordHeader] = Field(description="The record's headers, in order.")
    orders: list[Requeue] = Field(description="The requests to publish the record again, oldest first.")

    @classmethod
    def whole(cls, letter: StoredLetter, content: DeadLetterContent, orders: list[RequeueMessage]) -> Self:
        """Convert a stored dead letter with its content."""
        return cls(
            **dict(DeadLetterRecord.of(letter)),
            value=Content.of(content.value),
            headers=[RecordHeader(name=name, value=Content.of(value)) for name, value in content.headers],
            orders=[Requeue.model_validate(order) for order in orders],
        )


class DeadLetterSelection(BaseModel):
    """Dead letters to change: by number, or all open ones that match the filters."""

    model_config = ConfigDict(extra="forbid")

    numbers: list[LetterNumber] | None = Field(
        None,
        min_length=1,
        max_length=MAXIMUM_NUMBERS,
        description="The numbers of the dead letters. Either all of them change or none.",
        examples=[[17, 18]],
    )
    all: bool = Field(False, description="All open dead letters that match the filters.", examples=[False])
    reason: Reason | None = None
    topic: Topic | None = None
    since: Since | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        filtered = any(one is not None for one in (self.reason, self.topic, self.since))
        if (self.numbers is not None) == self.all or (filtered and not self.all):
            raise ValueError("give either numbers, or all with or without reason, topic and since")
        return self

    def as_filter(self) -> DeadLetterFilter:
        """Convert the filters of ``all`` to the store's filter."""
        return DeadLetterFilter(self.reason, self.topic, frozenset({DeadLetterState.OPEN}), self.since)


class DeadLetterDeletion(BaseModel):
    """Dead letters to delete: by number, or all that match the filters."""

    model_config = ConfigDict(extra="forbid")

    numbers: list[LetterNumber] | None = Field(
        None,
        min_length=1,
        max_length=MAXIMUM_NUMBERS,
        description="The numbers of the dead letters. Either all of them are deleted or none.",
        examples=[[17, 18]],
    )
    all: bool = Field(False, description="All dead letters that match the filters.", examples=[False])
    state: list[DeadLetterState] | None = Field(
        None,
        min_length=1,
        description="Only dead letters in one of these states. Default: resolved and discarded.",
        examples=[["discarded"]],
    )
    reason: Reason | None = None
    topic: Topic | None = None
    since: Since | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        filtered = any(one is not None for one in (self.state, self.reason, self.topic, self.since))
        if (self.numbers is not None) == self.all or (filtered and not self.all):
            raise ValueError("give either numbers, or all with or without state, reason, topic and since")
        return self

    def as_filter(self) -> DeadLetterFilter:
        """Convert the filters of ``all`` to the store's filter."""
        states = frozenset(self.state) if self.state else SETTLED
        return DeadLetterFilter(self.reason, self.topic, states, self.since)


class DeadLettersChanged(BaseModel):
    """The number of dead letters changed."""

    changed: int = Field(description="Dead letters that were changed.", examples=[2])
