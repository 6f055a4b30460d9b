"""The shapes of models, with the words that a stranger reads in OpenAPI."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from api.rest.fields import Probability, Sha256
from store.batch import ModelRow
from store.promotion import LabelCounts


class RecentLabels(BaseModel):
    """What a model says of the comments written in the last 24 hours."""

    positive: int = Field(description="Comments that it holds positive.", examples=[812])
    negative: int = Field(description="Comments that it holds negative.", examples=[188])
    uncertain: int = Field(description="How many of them are uncertain.", examples=[220])


class Model(BaseModel):
    """A model that was used with this database."""

    number: int = Field(description="Its number here.", examples=[2])
    sha256: Sha256
    name: str = Field(description="What it is called.", examples=["liuyan-gru"])
    active: bool = Field(description="Whether its labels are the ones that are shown.", examples=[True])
    loaded: bool = Field(
        description="Whether this server has loaded it: POST /predict answers with it.", examples=[True]
    )
    uncertain_low: Probability
    uncertain_high: Probability
    registered_at: datetime = Field(description="When it was first used.", examples=["2026-01-31T00:15:00Z"])
    recent: RecentLabels

    @classmethod
    def of(cls, row: ModelRow, counts: LabelCounts, loaded: str) -> Self:
        """A stored model; ``loaded`` is the SHA-256 of the one that this server works with."""
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
    """Every model that was used with this database."""

    items: list[Model] = Field(description="The models, the newest first.")
