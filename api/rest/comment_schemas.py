"""The shapes of requests for comments and of their answers, with the words that a stranger reads in OpenAPI."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.problems import WITHOUT_NUL
from api.rest.fields import Platform, Probability, Sha256, Time, Uncertain
from store.comments import LabelSource, ShownLabel
from store.search import CommentFilter

Part = Annotated[str, Field(min_length=1, max_length=200, pattern=WITHOUT_NUL)]


class CommentFields(BaseModel):
    """Which comments: all that fulfil every filter that is given."""

    # A misspelt filter would be ignored in silence and everything be listed: refuse it.
    model_config = ConfigDict(extra="forbid")

    text: Part | None = Field(
        None, description="Only comments whose text holds this; Latin letters match in either case.", examples=["发票"]
    )
    platform: Platform | None = Field(None, description="Only comments of this platform.", examples=["forum"])
    label: ShownLabel | None = Field(None, description="Only comments with this label.", examples=["negative"])
    uncertain: bool | None = Field(
        None, description="Only comments of which the model is uncertain, or only the others.", examples=[True]
    )
    reviewed: bool | None = Field(
        None, description="Only comments whose text somebody has reviewed, or only the others.", examples=[False]
    )
    probability_from: Probability | None = Field(
        None, description="Only comments whose probability of being positive is at least this.", examples=[0.4]
    )
    probability_to: Probability | None = Field(
        None, description="Only comments whose probability of being positive is at most this.", examples=[0.6]
    )
    created_from: Time | None = Field(
        None, description="Only comments written at this time or later.", examples=["2026-01-31T08:15:00Z"]
    )
    created_to: Time | None = Field(
        None, description="Only comments written before this time.", examples=["2026-02-01T00:00:00+08:00"]
    )
    author: Annotated[Part, Field(max_length=128)] | None = Field(
        None, description="Only comments of this author, as the platform names people.", examples=["u-42"]
    )
    thread: Annotated[Part, Field(max_length=256)] | None = Field(
        None, description="Only comments of this topic, ticket or page.", examples=["t-7"]
    )
    model: Sha256 | None = Field(
        None,
        description="Only comments that this model has labelled, by SHA-256; label and probability are then its.",
        examples=["9f" * 32],
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.created_from and self.created_to and self.created_from >= self.created_to:
            raise ValueError("created_from must be before created_to")
        low, high = self.probability_from, self.probability_to
        if low is not None and high is not None and low > high:
            raise ValueError("probability_from must not be above probability_to")
        return self

    def wanted(self) -> CommentFilter:
        """The same filter, as the store takes it."""
        return CommentFilter(**{name: getattr(self, name) for name in CommentFields.model_fields})


class CommentQuery(CommentFields):
    """Which comments to list, and which page of them."""

    after: str | None = Field(None, max_length=100, description="Where to go on: `next` of the page before, as it is.")
    limit: int = Field(50, ge=1, le=200, description="How many comments a page holds at most.", examples=[50])


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
    text_digest: str = Field(
        description="Tells this text apart from others of the comment; a review names the text that it saw by it.",
        examples=["9f" * 8],
    )
    created_at: datetime = Field(description="When the author wrote it.", examples=["2026-01-31T00:15:00Z"])
    edited_at: datetime | None = Field(description="When the author last changed it.", examples=[None])
    author: str | None = Field(description="Who wrote it, as the platform names people.", examples=["u-42"])
    thread: str | None = Field(description="Topic, ticket or page that it belongs to.", examples=["t-7"])
    stored_at: datetime = Field(description="When this text was stored.", examples=["2026-01-31T00:15:00.250000Z"])
    label: ShownLabel | None = Field(
        description="The newest review's label, else the active model's, else the newest other model's. Where "
        "`uncertain` is true and `label_source` is not `review` it is only what the model leans towards.",
        examples=["positive"],
    )
    label_source: LabelSource | None = Field(description="Where the label comes from.", examples=["active_model"])
    probability: Probability | None
    uncertain: Uncertain | None
    model: Sha256 | None
    disputed: bool = Field(
        description="Whether reviewers differ on it and nobody has resolved that; `label` is then the last opinion.",
        examples=[False],
    )


class CommentPage(BaseModel):
    """A page of comments, newest first."""

    items: list[Comment] = Field(description="The comments, newest first.")
    next: str | None = Field(
        description="Pass it as `after`, with the same filters, for the next page; null on the last page.",
        examples=["MTc2OTgxODUwMDAwMDAwMC4xODE3"],
    )
    searched_to: datetime | None = Field(
        None,
        description="Set when time was up before the page was full: it has looked back to here, and `next` goes on.",
        examples=[None],
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


class CommentReview(BaseModel):
    """What a person decided of a text that the comment has or had, or that an earlier decision was taken back."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="The review's number.", examples=[42])
    version: int = Field(description="The version of the text that was seen.", examples=[1769818500000000])
    text: str = Field(description="The text that was seen.", examples=["物流很快"])
    label: ShownLabel = Field(description="What was decided.", examples=["negative"])
    reviewer: str = Field(description="Who decided.", examples=["小王"])
    reason: str | None = Field(description="Why.", examples=["反话"])
    reviewed_at: datetime = Field(description="When.", examples=["2026-01-31T00:20:00Z"])
    from_label: ShownLabel | None = Field(description="The label that was shown before.", examples=["positive"])
    from_source: LabelSource | None = Field(description="Where that label came from.", examples=["active_model"])
    from_model: Sha256 | None
    from_probability: Probability | None
    stands: bool = Field(description="Whether this label is the one that is shown.", examples=[True])
    withdrawn: bool = Field(description="Whether it was taken back.", examples=[False])
    withdraws: int | None = Field(
        description="Set where this is no decision, but takes back the one of that number.", examples=[None]
    )
    too_fast: bool = Field(
        description="Whether it was made faster than the text can be read, as far as that is known.", examples=[False]
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
    detail: str = Field(description="Why, in a sentence.", examples=["field text: must not be empty"])
    stored_at: datetime = Field(description="When it was stored.", examples=["2026-01-31T00:15:00.250000Z"])


class CommentHistory(BaseModel):
    """What became of the events of one comment."""

    model_config = ConfigDict(from_attributes=True)

    comment: Comment | None = Field(description="The comment as it stands; null where only dead letters are known.")
    predictions: list[ModelPrediction] = Field(description="What each model thinks of the text that stands.")
    earlier_versions: list[Version] = Field(description="Texts that edits replaced.")
    reviews: list[CommentReview] = Field(description="What people decided and took back, the newest first.")
    dead_letters: list[DeadLetter] = Field(description="Records with this key that broke the contract.")
    blind: bool = Field(
        False, description="Whether you hold it in the random audit: what models and people say of it is left out."
    )
