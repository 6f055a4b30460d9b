"""Requests and responses of the review endpoints."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.problems import WITHOUT_NUL
from api.rest.comment_schemas import Comment, CommentFields, CommentReview, Version
from api.rest.fields import Platform
from api.rest.review_group_schemas import EarlierDecision, GroupNumber
from store.comments import LabelSource, ShownLabel
from store.types import LARGEST_NUMBER

MAXIMUM_AHEAD = 5
MAXIMUM_HELD = 50
MAXIMUM_BULK = 500
Id = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=WITHOUT_NUL,
        description="The comment's id on its platform.",
        examples=["post-1817"],
    ),
]
# Filters on a model's prediction.
VERDICT_FIELDS = frozenset(
    {"label", "uncertain", "undecided", "probability_from", "probability_to", "corrected", "audited"}
)
# Milliseconds in a day; nobody looks at a text for longer.
LONGEST_SHOWN = 86_400_000
Number = Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="The review's number.", examples=[42])]


class QueueName(StrEnum):
    """The review queues."""

    UNCERTAIN = "uncertain"
    AUDIT = "audit"
    SECOND_OPINION = "second_opinion"
    DISPUTED = "disputed"


class CommentName(BaseModel):
    """A comment's platform and id."""

    model_config = ConfigDict(extra="forbid")

    platform: Platform
    id: Id


class CommentNames(BaseModel):
    """Several comments."""

    model_config = ConfigDict(extra="forbid")

    comments: list[CommentName] = Field(min_length=1, max_length=MAXIMUM_HELD, description="The comments.")


class RenewAnswer(BaseModel):
    """Comments that are still leased to you."""

    comments: list[CommentName] = Field(description="The comments.")


class NextRequest(BaseModel):
    """The queue and filter of the next comments."""

    model_config = ConfigDict(extra="forbid")

    queue: QueueName = Field(
        QueueName.UNCERTAIN,
        description="`uncertain`: most uncertain predictions first. `audit`: the random sample; its items are `blind`. "
        "`second_opinion`: comments that others have reviewed and you have not, newest review first. Its items hide "
        "the other labels: `label` and `label_source` are null, and `reviews` is empty. `disputed`: comments on which "
        "two others disagree, oldest dispute first, with their anonymous `opinions`; your review resolves the dispute. "
        "A comment of the audit sample is in no other queue until it has a blind decision.",
    )
    filter: CommentFields = Field(CommentFields.model_validate({}), description="Only comments that match this filter.")
    count: int = Field(1, ge=1, le=MAXIMUM_AHEAD, description="Maximum number of comments to lease.", examples=[3])
    held: list[CommentName] = Field(
        [], max_length=MAXIMUM_HELD, description="Comments that are leased to you already and are not returned again."
    )

    @model_validator(mode="after")
    def _blind(self) -> Self:
        used = self.filter.model_dump(exclude_none=True)
        if self.queue is QueueName.AUDIT and not VERDICT_FIELDS.isdisjoint(used):
            raise ValueError(
                "the audit is blind: leave out the filters label, uncertain, probability_from and probability_to"
            )
        return self


class Neighbour(BaseModel):
    """Another comment of the same thread or author."""

    model_config = ConfigDict(from_attributes=True)

    platform: Platform
    id: Id
    text: str = Field(description="The text as published.", examples=["请问什么时候发货？"])
    created_at: datetime = Field(description="When the author wrote it.", examples=["2026-01-31T00:10:00Z"])
    author: str | None = Field(description="The author's id on the platform.", examples=["u-7"])
    thread: str | None = Field(description="The topic, ticket or page of the comment.", examples=["t-7"])


class AnonymousOpinion(BaseModel):
    """A review without its reviewer."""

    model_config = ConfigDict(from_attributes=True)

    label: ShownLabel = Field(description="The review's label.", examples=["negative"])
    reason: str | None = Field(description="The review's reason.", examples=["反话"])


class ReviewTask(BaseModel):
    """A comment to review with its context, leased to you until `claimed_until`."""

    model_config = ConfigDict(from_attributes=True)

    comment: Comment
    claimed_until: datetime = Field(description="When the lease ends.", examples=["2026-01-31T08:25:00Z"])
    reviews: list[CommentReview] = Field([], description="Its reviews, newest first.")
    earlier_versions: list[Version] = Field(description="Texts that edits replaced, newest first.")
    thread: list[Neighbour] = Field(description="The newest other comments of the thread.")
    author: list[Neighbour] = Field(description="The newest other comments of the author.")
    occurrences: int | None = Field(
        None,
        ge=1,
        description="Number of unreviewed comments with this text, including this one; null in the audit, for second "
        "opinions and in disputes, where comments are reviewed one by one.",
        examples=[312],
    )
    more_occurrences: bool = Field(
        False, description="Whether there are more occurrences than counted.", examples=[False]
    )
    earlier_decision: EarlierDecision | None = Field(
        None, description="The earlier decision for this text, if the comment is a later copy of it."
    )
    blind: bool = Field(
        False,
        description="Whether it waits for the audit: all labels by models and reviewers are null or empty. Send your "
        "review with `blind: true`.",
    )
    opinions: list[AnonymousOpinion] = Field(
        [], description="In the queue `disputed`: the reviews that disagree, oldest first."
    )


class AuditGoal(BaseModel):
    """The progress of the audit."""

    model_config = ConfigDict(from_attributes=True)

    judged: int = Field(ge=0, description="Blind decisions that count for the active model.", examples=[120])
    more: int = Field(
        ge=0,
        description="Estimated number of further blind decisions until the 95 % confidence interval of its accuracy is "
        "±5 points.",
        examples=[74],
    )


class Remaining(BaseModel):
    """The size of the queue."""

    count: int = Field(ge=0, description="Number of comments, counted up to a limit.", examples=[128])
    more: bool = Field(description="Whether there are more than counted.", examples=[False])


class NextAnswer(BaseModel):
    """The next comments to review."""

    items: list[ReviewTask] = Field(description="The comments, in queue order.")
    searched_all: bool = Field(
        description="Whether the whole queue was searched. If false and there are no items, repeat the request."
    )
    remaining: Remaining
    unlabelled: int = Field(
        ge=0,
        description="In the queue `uncertain`: comments of the filter's platform and time range that the active model "
        "has not labelled yet, and that therefore do not wait. 0 in other queues.",
        examples=[0],
    )
    done_today: int = Field(ge=0, description="Number of your reviews since midnight.", examples=[57])
    goal: AuditGoal | None = Field(None, description="In the queue `audit`: the progress of the audit.")


class SeenComment(CommentName):
    """A comment and the text that was seen."""

    version: int = Field(
        ge=-LARGEST_NUMBER - 1,
        le=LARGEST_NUMBER,
        description="The comment's `version` as you saw it.",
        examples=[1769818500000000],
    )
    text_digest: str | None = Field(
        None,
        max_length=64,
        pattern="^[0-9a-f]+$",
        description="The comment's `text_digest` as you saw it. It takes precedence over the version because it also "
        "detects a text that changed within one version.",
        examples=["9f" * 16],
    )


class NewReview(SeenComment):
    """A review to add."""

    label: ShownLabel = Field(description="The label.", examples=["negative"])
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=WITHOUT_NUL)] | None = Field(
        None, description="An optional reason for other reviewers.", examples=["反话"]
    )
    all_occurrences: bool = Field(
        False,
        description="Whether to review all current comments with the same text. The response's `group_number` names "
        "this decision; its progress is at `/api/v1/reviews/groups/{number}`.",
        examples=[True],
    )
    blind: bool = Field(
        False,
        description="Whether this reviews a `blind` comment that is leased to you. It counts for the accuracy of "
        "models unless it was faster than the text can be read; then another reviewer gets the comment.",
    )
    shown_milliseconds: int | None = Field(
        None,
        ge=0,
        le=LONGEST_SHOWN,
        description="How long the text was shown to you, in milliseconds; limited to the age of your lease.",
        examples=[4200],
    )


class AddedReview(BaseModel):
    """A stored review."""

    model_config = ConfigDict(from_attributes=True)

    number: Number
    platform: Platform
    id: Id
    label: ShownLabel = Field(description="The review's label.", examples=["negative"])
    from_label: ShownLabel | None = Field(
        description="The label that was shown before; null after a blind decision.", examples=["positive"]
    )
    from_source: LabelSource | None = Field(description="The source of that label.", examples=["active_model"])
    second_opinion: bool = Field(description="Whether the text has an earlier review.")
    group_number: GroupNumber | None = Field(
        None, description="The number of the decision for all comments with the same text, if it is one."
    )


class BulkReview(BaseModel):
    """One label for many comments."""

    model_config = ConfigDict(extra="forbid")

    label: ShownLabel = Field(description="The label.", examples=["spam"])
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=WITHOUT_NUL)] | None = Field(
        None, description="An optional reason for other reviewers.", examples=["同一条广告"]
    )
    comments: list[SeenComment] = Field(
        min_length=1, max_length=MAXIMUM_BULK, description=f"1 to {MAXIMUM_BULK} comments, each once."
    )


class BulkState(StrEnum):
    """The result for one comment of many."""

    REVIEWED = "reviewed"
    EDITED_MEANWHILE = "edited_meanwhile"
    NO_COMMENT = "no_comment"
    IN_AUDIT = "in_audit"


class BulkResult(BaseModel):
    """The result for one comment."""

    platform: Platform
    id: Id
    state: BulkState = Field(
        description="Whether it was reviewed, or why not. `in_audit`: it waits for the audit, where comments are "
        "reviewed one by one.",
        examples=["reviewed"],
    )
    review: AddedReview | None = Field(description="The stored review, if any.")


class BulkAnswer(BaseModel):
    """The results for all comments."""

    results: list[BulkResult] = Field(description="One result per comment, in the order of the request.")


class GivenReview(CommentName):
    """One of your reviews."""

    number: Number


class WithdrawRequest(BaseModel):
    """Reviews to withdraw."""

    model_config = ConfigDict(extra="forbid")

    reviews: list[GivenReview] = Field(
        min_length=1, max_length=MAXIMUM_HELD, description=f"1 to {MAXIMUM_HELD} of your reviews."
    )


class WithdrawState(StrEnum):
    """The result for one review."""

    WITHDRAWN = "withdrawn"
    NOTHING_TO_UNDO = "nothing_to_undo"
    NO_COMMENT = "no_comment"


class WithdrawResult(BaseModel):
    """The result for one review."""

    number: Number
    state: WithdrawState = Field(description="Whether it was withdrawn, or why not.", examples=["withdrawn"])
    label: ShownLabel | None = Field(
        description="The label that is shown now; null if a blind decision was withdrawn.", examples=["positive"]
    )
    label_source: LabelSource | None = Field(description="The source of that label.", examples=["active_model"])


class WithdrawAnswer(BaseModel):
    """The results for all reviews."""

    results: list[WithdrawResult] = Field(description="One result per review, in the order of the request.")
