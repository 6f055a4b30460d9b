"""The shapes of requests for comments and of their answers, with the words that a stranger reads in OpenAPI."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from liuyan.api.rest.fields import Platform, Probability, Sha256, Time, Uncertain
from liuyan.store.comments import LabelSource, ShownLabel


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
