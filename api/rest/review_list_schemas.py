"""Query and rows of the list of reviews."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.rest.fields import Platform, Probability, Time, check_order
from api.rest.review_group_schemas import GroupNumber
from api.rest.review_schemas import Id, Number
from store.comments import LabelSource, ShownLabel
from store.review_list import ReviewFilter
from store.types import LARGEST_NUMBER

AccountNumber = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
ModelNumber = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]


class ReviewFields(BaseModel):
    """Filters of reviews."""

    model_config = ConfigDict(extra="forbid")

    platform: Platform | None = Field(
        None, description="Only reviews of comments of this platform.", examples=["forum"]
    )
    label: ShownLabel | None = Field(None, description="Only reviews with this label.", examples=["negative"])
    reviewed_from: Time | None = Field(
        None, description="Only reviews at this time or later.", examples=["2026-01-31T08:15:00Z"]
    )
    reviewed_to: Time | None = Field(
        None, description="Only reviews before this time.", examples=["2026-02-01T00:00:00+08:00"]
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.reviewed_from, self.reviewed_to, "reviewed_from must be before reviewed_to")
        return self


class ListFields(ReviewFields):
    """Filters of the list."""

    mine: bool = Field(False, description="Only your own reviews.")
    reviewer: AccountNumber | None = Field(
        None, description="Only reviews by the account with this number; 0: by commands.", examples=[3]
    )
    from_model: ModelNumber | None = Field(
        None,
        description="Only reviews of comments that the model with this number had labelled; 0: that none had.",
        examples=[1],
    )
    corrected: bool | None = Field(
        None, description="Only reviews that differ from the model's label, or only the others.", examples=[True]
    )
    counted: bool = Field(
        False,
        description="Only reviews that analytics count: not withdrawn, and of a decision for a text only one.",
    )

    def to_filter(self, own_number: int) -> ReviewFilter:
        """Convert the query to the store's filter; ``own_number`` is the client's account."""
        return ReviewFilter(
            own_number if self.mine else self.reviewer,
            self.platform,
            self.label,
            self.reviewed_from,
            self.reviewed_to,
            model_number=self.from_model,
            corrected=self.corrected,
            counted=self.counted,
        )


class ReviewQuery(ListFields):
    """Filters and page of the list of reviews."""

    after: str | None = Field(None, max_length=100, description="`next` of the previous page.")
    limit: int = Field(50, ge=1, le=200, description="Maximum number of reviews on a page.", examples=[50])


class ListedReview(BaseModel):
    """A review of a comment."""

    model_config = ConfigDict(from_attributes=True)

    number: Number
    platform: Platform
    id: Id
    version: int = Field(description="The version of the reviewed text.", examples=[1769818500000000])
    text: str = Field(description="The reviewed text.", examples=["物流很快"])
    label: ShownLabel = Field(description="The review's label.", examples=["negative"])
    reviewer: str = Field(description="The reviewer's name.", examples=["小王"])
    reason: str | None = Field(description="The review's reason.", examples=["反话"])
    reviewed_at: datetime = Field(description="The time of the review.", examples=["2026-01-31T00:20:00Z"])
    from_label: ShownLabel | None = Field(description="The label that was shown before.", examples=["positive"])
    from_source: LabelSource | None = Field(description="The source of that label.", examples=["active_model"])
    from_probability: Probability | None
    from_uncertain: bool = Field(
        description="Whether `from_label` was the label of a model that was uncertain.", examples=[True]
    )
    stands: bool = Field(description="Whether this is the comment's current review.", examples=[True])
    withdrawn: bool = Field(description="Whether it was withdrawn.", examples=[False])
    too_fast: bool = Field(
        description="Whether it is known to have been faster than the text can be read.", examples=[False]
    )
    group_number: GroupNumber | None = Field(
        description="The number of the decision for all comments with the same text, if it is part of one."
    )


class ReviewPage(BaseModel):
    """A page of reviews, newest first."""

    items: list[ListedReview] = Field(description="The reviews, newest first.")
    next: str | None = Field(
        description="Pass this as `after`, with the same filters, to get the next page; null on the last page.",
        examples=["MTc2OTgxODUwMDAwMDAwMC4xODE3"],
    )
