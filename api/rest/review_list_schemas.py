"""The shapes of the list of reviews."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.rest.fields import Platform, Probability, Time
from api.rest.review_group_schemas import GroupNumber
from api.rest.review_schemas import Id, Number
from store.comments import LabelSource, ShownLabel
from store.review_list import ReviewFilter


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
    group_number: GroupNumber | None = Field(
        description="Set where it is part of a decision for all comments with the same text."
    )


class ReviewPage(BaseModel):
    """A page of reviews, newest first."""

    items: list[ListedReview] = Field(description="The reviews, newest first.")
    next: str | None = Field(
        description="Pass it as `after`, with the same filters, for the next page; null on the last page.",
        examples=["MTc2OTgxODUwMDAwMDAwMC4xODE3"],
    )
