"""Request and response schemas for comments."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.problems import WITHOUT_NUL
from api.rest.fields import Platform, Probability, Sha256, Time, Uncertain, check_order
from store.comments import LabelSource, ShownLabel
from store.search import Audited, CommentFilter

Part = Annotated[str, Field(min_length=1, max_length=200, pattern=WITHOUT_NUL)]


class CommentFields(BaseModel):
    """Filters for comments. A comment must match all of them."""

    # A misspelled filter that was ignored would list every comment.
    model_config = ConfigDict(extra="forbid")

    text: Part | None = Field(
        None,
        description="Only comments whose text contains this; Latin letters match in either case.",
        examples=["发票"],
    )
    platform: Platform | None = Field(None, description="Only comments of this platform.", examples=["forum"])
    label: ShownLabel | None = Field(None, description="Only comments with this label.", examples=["negative"])
    uncertain: bool | None = Field(
        None, description="Only comments with an uncertain label, or only the others.", examples=[True]
    )
    reviewed: bool | None = Field(
        None, description="Only comments whose current text is reviewed, or only the others.", examples=[False]
    )
    probability_from: Probability | None = Field(
        None, description="Only comments with at least this probability.", examples=[0.4]
    )
    probability_to: Probability | None = Field(
        None, description="Only comments with at most this probability.", examples=[0.6]
    )
    created_from: Time | None = Field(
        None, description="Only comments written at this time or later.", examples=["2026-01-31T08:15:00Z"]
    )
    created_to: Time | None = Field(
        None, description="Only comments written before this time.", examples=["2026-02-01T00:00:00+08:00"]
    )
    author: Annotated[Part, Field(max_length=128)] | None = Field(
        None, description="Only comments by this author, by the platform's id.", examples=["u-42"]
    )
    thread: Annotated[Part, Field(max_length=256)] | None = Field(
        None, description="Only comments in this topic, ticket or page.", examples=["t-7"]
    )
    model: Sha256 | None = Field(
        None,
        description="Only comments that this model has labelled; their label and probability are this model's.",
        examples=["9f" * 32],
    )

    undecided: bool | None = Field(
        None, description="Only uncertain comments without a review, or only the others.", examples=[True]
    )
    utc_hour_of_week: int | None = Field(
        None,
        ge=0,
        le=167,
        description="Only comments written in this hour of the week in UTC; 0 is Monday from 0:00 to 1:00.",
        examples=[9],
    )

    corrected: bool | None = Field(
        None,
        description="Only comments whose review differs from the model's label, or only the others.",
        examples=[True],
    )
    audited: Audited | None = Field(
        None,
        description="Only comments with a blind decision as positive or negative, with which the model's label agrees "
        "(`right`), does not (`wrong`), or either (`any`). Of a `model` that was trained on reviews, only those that "
        "were held back.",
        examples=["wrong"],
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.created_from, self.created_to, "created_from must be before created_to")
        low, high = self.probability_from, self.probability_to
        if low is not None and high is not None and low > high:
            raise ValueError("probability_from must not be above probability_to")
        return self

    def to_filter(self) -> CommentFilter:
        """Convert the query to the store's filter."""
        return CommentFilter(**{name: getattr(self, name) for name in CommentFields.model_fields})


class CommentQuery(CommentFields):
    """Filters and page of the list of comments."""

    after: str | None = Field(None, max_length=100, description="`next` of the previous page.")
    limit: int = Field(50, ge=1, le=200, description="Maximum number of comments on a page.", examples=[50])


class Comment(BaseModel):
    """A comment with its current text and label."""

    model_config = ConfigDict(from_attributes=True)

    platform: Platform
    id: str = Field(description="The comment's id on its platform.", examples=["post-1817"])
    text: str = Field(description="The text as the platform published it.", examples=["物流很快，包装也好 👍"])
    version: int = Field(
        description="When the text was written or last edited, in microseconds since 1970 (UTC).",
        examples=[1769818500000000],
    )
    text_digest: str = Field(
        description="Identifies this text among the comment's versions. A review refers to the text by it.",
        examples=["9f" * 8],
    )
    created_at: datetime = Field(description="When the author wrote the comment.", examples=["2026-01-31T00:15:00Z"])
    edited_at: datetime | None = Field(description="When the author last edited the comment.", examples=[None])
    author: str | None = Field(description="The author's id on the platform.", examples=["u-42"])
    thread: str | None = Field(description="The topic, ticket or page that the comment belongs to.", examples=["t-7"])
    stored_at: datetime = Field(description="When the text was stored.", examples=["2026-01-31T00:15:00.250000Z"])
    label: ShownLabel | None = Field(
        description="The label of the newest review, else of the active model, else of the newest other model. If "
        "`uncertain` is true and `label_source` is not `review`, the model only leans towards it.",
        examples=["positive"],
    )
    label_source: LabelSource | None = Field(description="The source of the label.", examples=["active_model"])
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
        description="Pass this as `after`, with the same filters, to get the next page; null on the last page.",
        examples=["MTc2OTgxODUwMDAwMDAwMC4xODE3"],
    )
    searched_to: datetime | None = Field(
        None,
        description="Set if the search reached its time limit: how far back it searched. `next` continues from there.",
        examples=[None],
    )


class ModelPrediction(BaseModel):
    """A model's prediction for the current text."""

    model_config = ConfigDict(from_attributes=True)

    model: Sha256
    model_name: str = Field(description="The model's name.", examples=["gru-128"])
    active: bool = Field(description="Whether this is the active model.", examples=[True])
    label: ShownLabel = Field(description="The model's label.", examples=["positive"])
    probability: Probability
    uncertain: Uncertain
    predicted_at: datetime = Field(
        description="When the prediction was stored.", examples=["2026-01-31T00:15:00.250000Z"]
    )


class Version(BaseModel):
    """An earlier text of the comment."""

    model_config = ConfigDict(from_attributes=True)

    version: int = Field(
        description="When the text was written, in microseconds since 1970 (UTC).", examples=[1769818500000000]
    )
    text: str = Field(description="The text as the platform published it.", examples=["物流很快"])
    created_at: datetime = Field(description="When the author wrote the comment.", examples=["2026-01-31T00:15:00Z"])
    edited_at: datetime | None = Field(description="When the author had last edited the comment.", examples=[None])
    replaced_at: datetime = Field(
        description="When a newer text replaced it.", examples=["2026-01-31T00:20:00.250000Z"]
    )


class CommentReview(BaseModel):
    """A review of a current or earlier text, or the withdrawal of a review."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="The review's number.", examples=[42])
    version: int = Field(description="The version of the reviewed text.", examples=[1769818500000000])
    text: str = Field(description="The reviewed text.", examples=["物流很快"])
    label: ShownLabel = Field(description="The reviewer's label.", examples=["negative"])
    reviewer: str = Field(description="The reviewer's name.", examples=["小王"])
    reason: str | None = Field(description="The reviewer's reason.", examples=["反话"])
    reviewed_at: datetime = Field(description="When the review was made.", examples=["2026-01-31T00:20:00Z"])
    from_label: ShownLabel | None = Field(description="The label before the review.", examples=["positive"])
    from_source: LabelSource | None = Field(description="The source of that label.", examples=["active_model"])
    from_model: Sha256 | None
    from_probability: Probability | None
    from_uncertain: bool = Field(
        description="Whether `from_label` was the label of a model that was uncertain.", examples=[True]
    )
    stands: bool = Field(description="Whether this review determines the comment's current label.", examples=[True])
    withdrawn: bool = Field(description="Whether the review was withdrawn.", examples=[False])
    withdraws: int | None = Field(
        description="Set if this entry is a withdrawal: the number of the withdrawn review.", examples=[None]
    )
    group_number: int | None = Field(
        description="The number of the decision for all comments with the same text, if it is part of one.",
        examples=[None],
    )
    too_fast: bool = Field(
        description="Whether the review was made faster than the text can be read, if known.", examples=[False]
    )


class DeadLetter(BaseModel):
    """A dead letter with this comment's key, without its content."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="The dead letter's number.", examples=[12])
    group: str = Field(description="The consumer group that read the record.", examples=["liuyan"])
    topic: str = Field(description="The record's topic.", examples=["comments"])
    partition: int = Field(description="The record's partition.", examples=[3])
    offset: int = Field(description="The record's offset.", examples=[90817])
    record_timestamp: int = Field(
        description="The record's timestamp, in milliseconds since 1970.", examples=[1769818500000]
    )
    reason: str = Field(description="The reason, as a code.", examples=["invalid_field"])
    detail: str = Field(description="The reason, as a sentence.", examples=["field text: must not be empty"])
    stored_at: datetime = Field(
        description="When the dead letter was stored.", examples=["2026-01-31T00:15:00.250000Z"]
    )


class CommentHistory(BaseModel):
    """A comment with its history."""

    model_config = ConfigDict(from_attributes=True)

    comment: Comment | None = Field(description="The comment; null if there are only dead letters.")
    predictions: list[ModelPrediction] = Field(description="Each model's prediction for the current text.")
    earlier_versions: list[Version] = Field(description="Earlier texts of the comment.")
    reviews: list[CommentReview] = Field(description="Reviews and withdrawals, newest first.")
    dead_letters: list[DeadLetter] = Field(description="Dead letters with this comment's key.")
    blind: bool = Field(
        False, description="Whether you hold the comment in the random audit: labels and predictions are left out."
    )
