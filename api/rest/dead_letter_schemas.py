"""The shapes of dead letters, with the words that a stranger reads in OpenAPI."""

import base64
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.problems import WITHOUT_NUL
from api.rest.fields import Time
from store.dead_letter_admin import DeadLetterContent, DeadLetterFilter, DeadLetterState, RequeueMessage, StoredLetter
from store.types import LARGEST_NUMBER

MAXIMUM_NUMBERS = 500
LetterNumber = Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="The letter's number.", examples=[17])]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=WITHOUT_NUL,
        description="Only letters of this reason.",
        examples=["invalid_field"],
    ),
]
Topic = Annotated[
    str,
    Field(
        min_length=1,
        max_length=249,
        pattern=WITHOUT_NUL,
        description="Only letters of this topic.",
        examples=["comments"],
    ),
]
Since = Annotated[
    Time, Field(description="Only letters stored at this time or later.", examples=["2026-01-31T08:15:00Z"])
]


class Content(BaseModel):
    """Bytes: as text where they are UTF-8, else as base64; both null where there are none."""

    text: str | None = Field(description="The bytes, where they are UTF-8.", examples=['{"platform": "forum"}'])
    base64: str | None = Field(description="The bytes, where they are not UTF-8.", examples=[None])

    @classmethod
    def of(cls, content: bytes | None) -> Self:
        """Bytes of a record."""
        if content is None:
            return cls(text=None, base64=None)
        try:
            return cls(text=content.decode(), base64=None)
        except UnicodeDecodeError:
            return cls(text=None, base64=base64.b64encode(content).decode())


class DeadLetterRecord(BaseModel):
    """A record that broke the contract, and what became of it."""

    number: LetterNumber
    group: str = Field(description="The consumer group that read the record.", examples=["liuyan"])
    topic: str = Field(description="The topic of the record.", examples=["comments"])
    partition: int = Field(description="Its partition.", examples=[3])
    offset: int = Field(description="Its offset.", examples=[90817])
    key: Content
    value_bytes: int | None = Field(description="How long its value was, in bytes.", examples=[312])
    truncated: bool = Field(
        description="Whether it was too large for the database, which keeps its beginning.", examples=[False]
    )
    record_timestamp: int = Field(description="Its time, in milliseconds since 1970.", examples=[1769818500000])
    reason: str = Field(description="Why, in a word that can be counted.", examples=["invalid_field"])
    detail: str = Field(description="Why, in a sentence.", examples=["field text: must not be empty"])
    stored_at: datetime = Field(description="When it was stored.", examples=["2026-01-31T00:15:00.250000Z"])
    state: DeadLetterState = Field(description="What became of it.", examples=["open"])
    attempts: int = Field(description="How often it was requeued.", examples=[0])
    settled_by: str | None = Field(description="Who put it aside.", examples=[None])
    settled_at: datetime | None = Field(description="When it was settled.", examples=[None])

    @classmethod
    def of(cls, letter: StoredLetter) -> Self:
        """A stored letter."""
        values = {name: getattr(letter, name) for name in cls.model_fields if name != "key"}
        return cls(**values, key=Content.of(letter.key))


class DeadLetterPage(BaseModel):
    """Dead letters, the newest first."""

    items: list[DeadLetterRecord] = Field(description="The letters.")
    next: int | None = Field(
        description="Pass it as `before`, with the same filters, for older ones; null where there are none.",
        examples=[17],
    )


class RecordHeader(BaseModel):
    """A header of a record."""

    name: str = Field(description="Its name.", examples=["trace"])
    value: Content


class Order(BaseModel):
    """An order to publish a letter again."""

    model_config = ConfigDict(from_attributes=True)

    ordered_by: str = Field(description="Who gave it.", examples=["wang"])
    ordered_at: datetime = Field(description="When.", examples=["2026-01-31T01:00:00Z"])
    done_at: datetime | None = Field(
        description="When it was carried out, or given up; null while it waits for a consumer.",
        examples=["2026-01-31T01:00:02Z"],
    )
    published_partition: int | None = Field(description="Where the copy lies.", examples=[3])
    published_offset: int | None = Field(description="Where in it.", examples=[91002])
    refused: str | None = Field(description="Why it was given up.", examples=[None])


class WholeDeadLetter(DeadLetterRecord):
    """A dead letter with what the record held."""

    value: Content
    headers: list[RecordHeader] = Field(description="The record's headers, in their order.")
    orders: list[Order] = Field(description="The orders to publish it again, the oldest first.")

    @classmethod
    def whole(cls, letter: StoredLetter, content: DeadLetterContent, orders: list[RequeueMessage]) -> Self:
        """A stored letter with its content."""
        return cls(
            **dict(DeadLetterRecord.of(letter)),
            value=Content.of(content.value),
            headers=[RecordHeader(name=name, value=Content.of(value)) for name, value in content.headers],
            orders=[Order.model_validate(order) for order in orders],
        )


class DeadLetterSelection(BaseModel):
    """Which letters: either by number, or every open one that the filters leave."""

    model_config = ConfigDict(extra="forbid")

    numbers: list[LetterNumber] | None = Field(
        None, min_length=1, max_length=MAXIMUM_NUMBERS, description="These letters, all or none.", examples=[[17, 18]]
    )
    all: bool = Field(False, description="Every open letter that the filters below leave.", examples=[False])
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
        """What the store takes for ``all``."""
        return DeadLetterFilter(self.reason, self.topic, frozenset({DeadLetterState.OPEN}), self.since)


class DeadLettersChanged(BaseModel):
    """How many letters changed."""

    changed: int = Field(description="Letters that were not in that state before.", examples=[2])
