"""Responses about decisions for all comments with the same text."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from store.comments import ShownLabel
from store.groups import GroupState
from store.types import LARGEST_NUMBER

GroupNumber = Annotated[
    int, Field(ge=1, le=LARGEST_NUMBER, description="The number of the decision for the text.", examples=[7])
]


class EarlierDecision(BaseModel):
    """An earlier decision for the text, of which the comment is a later copy."""

    model_config = ConfigDict(from_attributes=True)

    label: ShownLabel = Field(description="The decision's label.", examples=["spam"])
    decided_at: datetime = Field(description="The time of the decision.", examples=["2026-01-31T00:20:00Z"])
    occurrences: int = Field(ge=0, description="Number of comments that got this label.", examples=[312])


class GroupDecision(BaseModel):
    """A decision for all comments with the same text, with its progress."""

    model_config = ConfigDict(from_attributes=True)

    number: GroupNumber
    label: ShownLabel = Field(description="The decision's label.", examples=["spam"])
    state: GroupState = Field(
        description="`storing` and `withdrawing` are in progress; `stored` and `withdrawn` are final.",
        examples=["storing"],
    )
    decided_at: datetime = Field(description="The time of the decision.", examples=["2026-01-31T00:20:00Z"])
    occurrences: int = Field(ge=1, description="Number of comments with the text.", examples=[312])
    more_occurrences: bool = Field(description="Whether there are more than counted.", examples=[False])
    stored: int = Field(ge=0, description="Number of stored reviews.", examples=[200])
    skipped: int = Field(
        ge=0, description="Number of comments that were edited, erased or reviewed individually first.", examples=[1]
    )
    withdrawn: int = Field(ge=0, description="Number of stored reviews that are withdrawn again.", examples=[0])
