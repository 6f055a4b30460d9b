"""The shapes of what people decide, with the words that a stranger reads in OpenAPI."""

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
        description="The platform's own id of the comment.",
        examples=["post-1817"],
    ),
]
# Filters that say what a model says of a comment.
VERDICT_FIELDS = frozenset({"label", "uncertain", "probability_from", "probability_to"})
# A day: nobody looks at one text for longer.
LONGEST_SHOWN = 86_400_000
Number = Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="The review's number.", examples=[42])]


class QueueName(StrEnum):
    """Which comments are reviewed first."""

    UNCERTAIN = "uncertain"
    AUDIT = "audit"
    SECOND_OPINION = "second_opinion"
    DISPUTED = "disputed"


class CommentName(BaseModel):
    """Which comment."""

    model_config = ConfigDict(extra="forbid")

    platform: Platform
    id: Id


class CommentNames(BaseModel):
    """Several comments."""

    model_config = ConfigDict(extra="forbid")

    comments: list[CommentName] = Field(min_length=1, max_length=MAXIMUM_HELD, description="Which comments.")


class RenewAnswer(BaseModel):
    """Comments that you still hold."""

    comments: list[CommentName] = Field(description="Which comments.")


class NextRequest(BaseModel):
    """Which comments to review next."""

    model_config = ConfigDict(extra="forbid")

    queue: QueueName = Field(
        QueueName.UNCERTAIN,
        description="`uncertain`: those of which the model is least sure first; `audit`: the random sample, whose "
        "items are `blind`; `second_opinion`: what others have reviewed and you have not, the newest review first. Its "
        "items do not tell what the others decided: `label` and `label_source` are null, and `reviews` is empty; "
        "`disputed`: those on which two others differ, the oldest dispute first, with their `opinions` and without "
        "names; your decision resolves it. A comment of the audit sample is in no other queue until somebody has "
        "decided it blindly.",
    )
    filter: CommentFields = Field(
        CommentFields.model_validate({}), description="Only comments that fulfil this; in any queue."
    )
    count: int = Field(1, ge=1, le=MAXIMUM_AHEAD, description="How many to hold at most.", examples=[3])
    held: list[CommentName] = Field(
        [], max_length=MAXIMUM_HELD, description="Comments that you have already: they are not given again."
    )

    @model_validator(mode="after")
    def _blind(self) -> Self:
        given = self.filter.model_dump(exclude_none=True)
        if self.queue is QueueName.AUDIT and not VERDICT_FIELDS.isdisjoint(given):
            raise ValueError(
                "the audit is blind: leave out the filters label, uncertain, probability_from and probability_to"
            )
        return self


class Neighbour(BaseModel):
    """Another comment of the same thread or author."""

    model_config = ConfigDict(from_attributes=True)

    platform: Platform
    id: Id
    text: str = Field(description="The text as it came.", examples=["请问什么时候发货？"])
    created_at: datetime = Field(description="When the author wrote it.", examples=["2026-01-31T00:10:00Z"])
    author: str | None = Field(description="Who wrote it, as the platform names people.", examples=["u-7"])
    thread: str | None = Field(description="Topic, ticket or page that it belongs to.", examples=["t-7"])


class AnonymousOpinion(BaseModel):
    """What somebody decided, without who it was."""

    model_config = ConfigDict(from_attributes=True)

    label: ShownLabel = Field(description="What they decided.", examples=["negative"])
    reason: str | None = Field(description="Why.", examples=["反话"])


class ReviewTask(BaseModel):
    """A comment to review, with what helps to decide; nobody else gets it until `claimed_until`."""

    model_config = ConfigDict(from_attributes=True)

    comment: Comment
    claimed_until: datetime = Field(description="Until when it is held.", examples=["2026-01-31T08:25:00Z"])
    reviews: list[CommentReview] = Field([], description="What people decided of it so far, the newest first.")
    earlier_versions: list[Version] = Field(description="Texts that edits replaced, the newest first.")
    thread: list[Neighbour] = Field(description="The newest others of the same thread.")
    author: list[Neighbour] = Field(description="The newest others of the same author.")
    occurrences: int | None = Field(
        None,
        ge=1,
        description="How many comments without a review have this text, this one included; null where comments are "
        "decided one by one: in the audit, for second opinions and in disputes.",
        examples=[312],
    )
    more_occurrences: bool = Field(
        False, description="Whether there are more occurrences than were counted.", examples=[False]
    )
    earlier_decision: EarlierDecision | None = Field(
        None, description="What was decided for this text before, where the comment is a later copy of it."
    )
    blind: bool = Field(
        False,
        description="Whether it waits for the random audit: everything that a model or a reviewer says of it is null "
        "or empty. Send your decision with `blind: true`.",
    )
    opinions: list[AnonymousOpinion] = Field(
        [], description="In the queue `disputed`: the opinions that differ, the oldest first."
    )


class AuditGoal(BaseModel):
    """How far the random audit has come."""

    model_config = ConfigDict(from_attributes=True)

    judged: int = Field(ge=0, description="Blind decisions that count for the active model.", examples=[120])
    more: int = Field(
        ge=0,
        description="How many more narrow the 95 % interval of its accuracy to five points on each side, as far as can "
        "be told from those so far.",
        examples=[74],
    )


class Remaining(BaseModel):
    """How many comments wait."""

    count: int = Field(ge=0, description="So many, counted up to a limit.", examples=[128])
    more: bool = Field(description="Whether there are more than were counted.", examples=[False])


class NextAnswer(BaseModel):
    """What to review next."""

    items: list[ReviewTask] = Field(description="The comments, in the order of the queue.")
    searched_all: bool = Field(
        description="Whether the queue was looked through: without items it is empty then, else ask again."
    )
    remaining: Remaining
    done_today: int = Field(ge=0, description="How many reviews you have made since midnight.", examples=[57])
    goal: AuditGoal | None = Field(None, description="In the queue `audit`: how far the audit has come.")


class SeenComment(CommentName):
    """Which comment, and which of its texts was seen."""

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
        description="The comment's `text_digest` as you saw it, in place of the version: it also knows a text that "
        "was changed within one version.",
        examples=["9f" * 16],
    )


class NewReview(SeenComment):
    """What you decide of a comment."""

    label: ShownLabel = Field(description="What it is.", examples=["negative"])
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=WITHOUT_NUL)] | None = Field(
        None, description="Why, if that helps others.", examples=["反话"]
    )
    all_occurrences: bool = Field(
        False,
        description="Whether the decision is for every current comment with the same text, as the queue offers it. "
        "`group_number` of the answer is that decision's; its progress is at `/api/v1/reviews/groups/{number}`.",
        examples=[True],
    )
    blind: bool = Field(
        False,
        description="Whether this decides a `blind` task that you hold. It then counts for the accuracy of models, "
        "unless it was made faster than the text can be read; such a comment goes to somebody else.",
    )
    shown_milliseconds: int | None = Field(
        None,
        ge=0,
        le=LONGEST_SHOWN,
        description="How long you had the text before you, in milliseconds; no longer than you have held the comment.",
        examples=[4200],
    )


class AddedReview(BaseModel):
    """A review that was stored."""

    model_config = ConfigDict(from_attributes=True)

    number: Number
    platform: Platform
    id: Id
    label: ShownLabel = Field(description="What was decided.", examples=["negative"])
    from_label: ShownLabel | None = Field(
        description="The label that was shown before; null after a blind decision.", examples=["positive"]
    )
    from_source: LabelSource | None = Field(description="Where that label came from.", examples=["active_model"])
    second_opinion: bool = Field(description="Whether an earlier review of the same text stands beside it.")
    group_number: GroupNumber | None = Field(
        None, description="The number of the decision for all comments with the same text, where it is one."
    )


class BulkReview(BaseModel):
    """One label for many comments."""

    model_config = ConfigDict(extra="forbid")

    label: ShownLabel = Field(description="What they are.", examples=["spam"])
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=WITHOUT_NUL)] | None = Field(
        None, description="Why, if that helps others.", examples=["同一条广告"]
    )
    comments: list[SeenComment] = Field(
        min_length=1, max_length=MAXIMUM_BULK, description=f"1 to {MAXIMUM_BULK} comments, each once."
    )


class BulkState(StrEnum):
    """What became of one comment of many."""

    REVIEWED = "reviewed"
    EDITED_MEANWHILE = "edited_meanwhile"
    NO_COMMENT = "no_comment"
    IN_AUDIT = "in_audit"


class BulkResult(BaseModel):
    """What became of one comment."""

    platform: Platform
    id: Id
    state: BulkState = Field(
        description="Whether it was reviewed; else why not. `in_audit`: it waits for the random audit, where somebody "
        "decides it alone.",
        examples=["reviewed"],
    )
    review: AddedReview | None = Field(description="The review, where it was stored.")


class BulkAnswer(BaseModel):
    """What became of each comment."""

    results: list[BulkResult] = Field(description="One for each comment, in the order of the request.")


class GivenReview(CommentName):
    """A review of yours."""

    number: Number


class WithdrawRequest(BaseModel):
    """Reviews to take back."""

    model_config = ConfigDict(extra="forbid")

    reviews: list[GivenReview] = Field(
        min_length=1, max_length=MAXIMUM_HELD, description=f"1 to {MAXIMUM_HELD} of your reviews."
    )


class WithdrawState(StrEnum):
    """What became of one review."""

    WITHDRAWN = "withdrawn"
    NOTHING_TO_UNDO = "nothing_to_undo"
    NO_COMMENT = "no_comment"


class WithdrawResult(BaseModel):
    """What became of one review."""

    number: Number
    state: WithdrawState = Field(description="Whether it was taken back; else why not.", examples=["withdrawn"])
    label: ShownLabel | None = Field(
        description="The label that is shown now; null where a blind decision was taken back.", examples=["positive"]
    )
    label_source: LabelSource | None = Field(description="Where it comes from.", examples=["active_model"])


class WithdrawAnswer(BaseModel):
    """What became of each review."""

    results: list[WithdrawResult] = Field(description="One for each review, in the order of the request.")
