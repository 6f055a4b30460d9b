"""The shapes of decisions for all comments with the same text, with the words that a stranger reads in OpenAPI."""

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
    """What was decided for the same text before; the comment is a later copy."""

    model_config = ConfigDict(from_attributes=True)

    label: ShownLabel = Field(description="What was decided.", examples=["spam"])
    decided_at: datetime = Field(description="When.", examples=["2026-01-31T00:20:00Z"])
    occurrences: int = Field(ge=0, description="How many comments were given this label.", examples=[312])


class GroupDecision(BaseModel):
    """A decision for all comments with the same text, and how far it has come."""

    model_config = ConfigDict(from_attributes=True)

    number: GroupNumber
    label: ShownLabel = Field(description="What was decided.", examples=["spam"])
    state: GroupState = Field(
        description="`storing` and `withdrawing` are in progress; `stored` and `withdrawn` are final.",
        examples=["storing"],
    )
    decided_at: datetime = Field(description="When.", examples=["2026-01-31T00:20:00Z"])
    occurrences: int = Field(ge=1, description="How many comments shared the text.", examples=[312])
    more_occurrences: bool = Field(description="Whether there are more than were counted.", examples=[False])
    stored: int = Field(ge=0, description="How many of their reviews are stored.", examples=[200])
    skipped: int = Field(
        ge=0, description="How many comments were edited, erased or reviewed individually meanwhile.", examples=[1]
    )
    withdrawn: int = Field(ge=0, description="How many of the stored reviews are withdrawn again.", examples=[0])
