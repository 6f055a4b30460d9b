"""Response schemas for models."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from api.rest.fields import Probability, Sha256
from store.batch import ModelRow
from store.promotion import LabelCounts


class RecentLabels(BaseModel):
    """A model's labels for the comments written in the last 24 hours."""

    positive: int = Field(description="Comments labelled positive.", examples=[812])
    negative: int = Field(description="Comments labelled negative.", examples=[188])
    uncertain: int = Field(description="Comments of either label that are uncertain.", examples=[220])


class Model(BaseModel):
    """A registered model."""

    number: int = Field(description="The model's number.", examples=[2])
    sha256: Sha256
    name: str = Field(description="The model's name.", examples=["liuyan-gru"])
    active: bool = Field(description="Whether this is the model whose labels are shown.", examples=[True])
    loaded: bool = Field(
        description="Whether this server has loaded the model and uses it for predictions.", examples=[True]
    )
    uncertain_low: Probability
    uncertain_high: Probability
    registered_at: datetime = Field(description="When the model was registered.", examples=["2026-01-31T00:15:00Z"])
    recent: RecentLabels

    @classmethod
    def of(cls, row: ModelRow, counts: LabelCounts, loaded: str) -> Self:
        """Convert a stored model; ``loaded`` is the SHA-256 of the model that this server has loaded."""
        return cls(
            number=row.number,
            sha256=row.sha256,
            name=row.name,
            active=row.active,
            loaded=row.sha256 == loaded,
            uncertain_low=row.uncertain_low,
            uncertain_high=row.uncertain_high,
            registered_at=row.registered_at,
            recent=RecentLabels(positive=counts.positive, negative=counts.negative, uncertain=counts.uncertain),
        )


class Models(BaseModel):
    """All registered models."""

    items: list[Model] = Field(description="The models, newest first.")
