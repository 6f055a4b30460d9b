"""The shapes of requests and answers, with the words that a stranger reads in OpenAPI."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from liuyan.api.problems import WITHOUT_NUL
from liuyan.store.comments import Keyset, LabelSource, ShownLabel

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MAXIMUM_TEXTS = 1_000
MAXIMUM_TEXT = 10_000
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _parse_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if RFC3339.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(
        "write the time as RFC 3339 with its offset, like 2026-01-31T08:15:00Z (in a URL a + is written as %2B)"
    )


Time = Annotated[datetime, BeforeValidator(_parse_time)]
Platform = Annotated[
    str,
    Field(
        min_length=1,
        max_length=32,
        pattern="^[a-z0-9_-]+$",
        description="The platform that published the comment: small letters, digits, _ and -.",
        examples=["forum"],
    ),
]
Probability = Annotated[
    float,
    Field(ge=0, le=1, description="Calibrated probability that the text is positive.", examples=[0.9731]),
]
Uncertain = Annotated[
    bool, Field(description="Whether the probability lies in the model's uncertain band.", examples=[False])
]
Sha256 = Annotated[
    str, Field(description="SHA-256 of the model's artifact, which names the model.", examples=["9f" * 32])
]


class CommentQuery(BaseModel):
    """Which comments to list, and which page of them."""

    # A misspelt filter would be ignored in silence and everything be listed: refuse it.
    model_config = ConfigDict(extra="forbid")

    platform: Platform | None = Field(None, description="Only comments of this platform.", examples=["forum"])
    label: ShownLabel | None = Field(None, description="Only comments with this label.", examples=["negative"])
    created_from: Time | None = Field(
        None, description="Only comments written at this time or later.", examples=["2026-01-31T08:15:00Z"]
    )
    created_to: Time | None = Field(
        None, description="Only comments written before this time.", examples=["2026-02-01T00:00:00+08:00"]
    )
    uncertain: bool | None = Field(
        None, description="Only comments of which the model is uncertain, or only the others.", examples=[True]
    )
    after: str | None = Field(None, max_length=100, description="Where to go on: `next` of the page before, as it is.")
    limit: int = Field(50, ge=1, le=200, description="How many comments a page holds at most.", examples=[50])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.created_from and self.created_to and self.created_from >= self.created_to:
            raise ValueError("created_from must be before created_to")
        return self


class Comment(BaseModel):
    """A comment as it stands, with the label that is shown for it."""

    model_config = ConfigDict(from_attributes=True)

    platform: Platform
    id: str = Field(description="The platform's own id of the comment.", examples=["post-1817"])
    text: str = Field(description="The text as it came.", examples=["物流很快，包装也好 👍"])
    version: int = Field(
        description="When this text was written or last edited, in microseconds since 1970 (UTC).",
        examples=[1769818500000000],
    )
    created_at: datetime = Field(description="When the author wrote it.", examples=["2026-01-31T00:15:00Z"])
    edited_at: datetime | None = Field(description="When the author last changed it.", examples=[None])
    author: str | None = Field(description="Who wrote it, as the platform names people.", examples=["u-42"])
    thread: str | None = Field(description="Topic, ticket or page that it belongs to.", examples=["t-7"])
    stored_at: datetime = Field(description="When this text was stored.", examples=["2026-01-31T00:15:00.250000Z"])
    label: ShownLabel | None = Field(
        description="The newest review's label, else the active model's, else the newest other model's.",
        examples=["positive"],
    )
    label_source: LabelSource | None = Field(description="Where the label comes from.", examples=["active_model"])
    probability: Probability | None
    uncertain: Uncertain | None
    model: Sha256 | None


class CommentPage(BaseModel):
    """A page of comments, newest first."""

    items: list[Comment] = Field(description="The comments, newest first.")
    next: str | None = Field(
        description="Pass it as `after`, with the same filters, for the next page; null on the last page.",
        examples=["MTc2OTgxODUwMDAwMDAwMC4xODE3"],
    )


class ModelPrediction(BaseModel):
    """What one model thinks of the text that stands."""

    model_config = ConfigDict(from_attributes=True)

    model: Sha256
    model_name: str = Field(description="The model's name.", examples=["gru-128"])
    active: bool = Field(description="Whether this is the model whose labels are shown.", examples=[True])
    label: ShownLabel = Field(description="The model's label.", examples=["positive"])
    probability: Probability
    uncertain: Uncertain
    predicted_at: datetime = Field(description="When it was stored.", examples=["2026-01-31T00:15:00.250000Z"])


class Version(BaseModel):
    """A text that an edit replaced."""

    model_config = ConfigDict(from_attributes=True)

    version: int = Field(
        description="When that text was written, in microseconds since 1970 (UTC).", examples=[1769818500000000]
    )
    text: str = Field(description="The text as it came.", examples=["物流很快"])
    created_at: datetime = Field(description="When the author wrote it.", examples=["2026-01-31T00:15:00Z"])
    edited_at: datetime | None = Field(description="When the author had last changed it.", examples=[None])
    replaced_at: datetime = Field(
        description="When a newer text took its place.", examples=["2026-01-31T00:20:00.250000Z"]
    )


class DeadLetter(BaseModel):
    """A record with this comment's key that could not become a comment; its content stays in the database."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="The dead letter's number.", examples=[12])
    group: str = Field(description="The consumer group that read the record.", examples=["liuyan"])
    topic: str = Field(description="The topic of the record.", examples=["comments"])
    partition: int = Field(description="Its partition.", examples=[3])
    offset: int = Field(description="Its offset.", examples=[90817])
    record_timestamp: int = Field(
        description="The record's time, in milliseconds since 1970.", examples=[1769818500000]
    )
    reason: str = Field(description="Why, in a word that can be counted.", examples=["invalid_field"])
    detail: str = Field(
        description="Why, in a sentence.", examples=["field text: String should have at least 1 character"]
    )
    stored_at: datetime = Field(description="When it was stored.", examples=["2026-01-31T00:15:00.250000Z"])


class CommentHistory(BaseModel):
    """What became of the events of one comment."""

    model_config = ConfigDict(from_attributes=True)

    comment: Comment | None = Field(description="The comment as it stands; null where only dead letters are known.")
    predictions: list[ModelPrediction] = Field(description="What each model thinks of the text that stands.")
    earlier_versions: list[Version] = Field(description="Texts that edits replaced.")
    dead_letters: list[DeadLetter] = Field(description="Records with this key that broke the contract.")


class PredictionRequest(BaseModel):
    """Texts to label; nothing of them is stored."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Annotated[str, Field(min_length=1, max_length=MAXIMUM_TEXT, pattern=WITHOUT_NUL)]] = Field(
        min_length=1,
        max_length=MAXIMUM_TEXTS,
        description=f"1 to {MAXIMUM_TEXTS} texts of 1 to {MAXIMUM_TEXT} code points each, any Unicode but NUL.",
        examples=[["物流很快，包装也好 👍", "客服一直不回复，再也不来了"]],
    )


class TextPrediction(BaseModel):
    """What the model says of one text."""

    model_config = ConfigDict(from_attributes=True)

    label: Literal["positive", "negative"] = Field(
        description="Positive from a probability of 0.5 on.", examples=["positive"]
    )
    probability: Probability
    uncertain: Uncertain


class PredictionAnswer(BaseModel):
    """The model's answer to each text, in their order."""

    model: Sha256
    predictions: list[TextPrediction] = Field(description="One for each text, in the same order.")


def encode_cursor(keyset: Keyset) -> str:
    """A keyset as the opaque text that clients hand back."""
    microseconds = (keyset.created_at - EPOCH) // MICROSECOND
    return base64.urlsafe_b64encode(f"{microseconds}.{keyset.number}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Keyset:
    """What ``encode_cursor`` made. Raises ValueError."""
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        match = re.fullmatch(r"(-?\d{1,18})\.(\d{1,18})", plain, re.ASCII)
        if match is None:
            raise ValueError(cursor)
        return Keyset(EPOCH + int(match[1]) * MICROSECOND, int(match[2]))
    except (binascii.Error, UnicodeError, OverflowError) as error:
        raise ValueError(cursor) from error
