"""The shapes of what people decide, with the words that a stranger reads in OpenAPI."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.problems import WITHOUT_NUL
from api.rest.comment_schemas import Comment, CommentFields, CommentReview, Version
from api.rest.fields import Platform, Probability, Time
from store.comments import LabelSource, ShownLabel
from store.review_list import ReviewFilter
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


class ReviewFields(BaseModel):
    """Which reviews: all that fulfil every filter that is given."""

    model_config = ConfigDict(extra="forbid")

    platform: Platform | None = Field(None, description="Only of comments of this platform.", examples=["forum"])
    label: ShownLabel | None = Field(None, description="Only with this label.", examples=["negative"])
    reviewed_from: Time | None = Field(None, description="Only from this time on.", examples=["2026-01-31T08:15:00Z"])
    reviewed_to: Time | None = Field(
        None, description="Only from before this time.", examples=["2026-02-01T00:00:00+08:00"]
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.reviewed_from and self.reviewed_to and self.reviewed_from >= self.reviewed_to:
            raise ValueError("reviewed_from must be before reviewed_to")
        return self


class ListFields(ReviewFields):
    """Which reviews to list."""

    mine: bool = Field(False, description="Only your own.")

    def wanted(self, own_number: int) -> ReviewFilter:
        """The same filter, as the store takes it; ``own_number`` is the account of whoever asks."""
        reviewer = own_number if self.mine else None
        return ReviewFilter(reviewer, self.platform, self.label, self.reviewed_from, self.reviewed_to)


class ReviewQuery(ListFields):
    """Which reviews to list, and which page of them."""

    after: str | None = Field(None, max_length=100, description="Where to go on: `next` of the page before, as it is.")
    limit: int = Field(50, ge=1, le=200, description="How many reviews a page holds at most.", examples=[50])


class ListedReview(BaseModel):
    """A review of a comment."""

    model_config = ConfigDict(from_attributes=True)

    number: Number
    platform: Platform
    id: Id
    version: int = Field(description="The version of the text that was seen.", examples=[1769818500000000])
    text: str = Field(description="The text that was seen.", examples=["物流很快"])
    label: ShownLabel = Field(description="What was decided.", examples=["negative"])
    reviewer: str = Field(description="Who decided.", examples=["小王"])
    reason: str | None = Field(description="Why.", examples=["反话"])
    reviewed_at: datetime = Field(description="When.", examples=["2026-01-31T00:20:00Z"])
    from_label: ShownLabel | None = Field(description="The label that was shown before.", examples=["positive"])
    from_source: LabelSource | None = Field(description="Where that label came from.", examples=["active_model"])
    from_probability: Probability | None
    stands: bool = Field(description="Whether this label is the one that is shown.", examples=[True])
    withdrawn: bool = Field(description="Whether it was taken back.", examples=[False])
    too_fast: bool = Field(
        description="Whether it was made faster than the text can be read, as far as that is known.", examples=[False]
    )


class ReviewPage(BaseModel):
    """A page of reviews, newest first."""

    items: list[ListedReview] = Field(description="The reviews, newest first.")
    next: str | None = Field(
        description="Pass it as `after`, with the same filters, for the next page; null on the last page.",
        examples=["MTc2OTgxODUwMDAwMDAwMC4xODE3"],
    )
