"""Response schemas for models."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from api.rest.fields import Probability, Sha256
from store.batch import ModelRow
from store.coverage import Coverage, MonthCoverage
from store.promotion import LabelCounts
from store.types import LARGEST_NUMBER


class RecentLabels(BaseModel):
    """A model's labels for the comments written in the last 24 hours."""

    positive: int = Field(description="Comments labelled positive.", examples=[812])
    negative: int = Field(description="Comments labelled negative.", examples=[188])
    uncertain: int = Field(description="Comments of either label that are uncertain.", examples=[220])


class ModelCoverage(BaseModel):
    """How many of the stored comments a model has labelled."""

    comments: int = Field(description="All stored comments.", examples=[1000000])
    labelled: int = Field(description="Comments with a prediction of this model.", examples=[999800])
    missing: int = Field(description="Comments without one.", examples=[200])
    share: float = Field(ge=0, le=1, description="`labelled` / `comments`; 1 without comments.", examples=[0.9998])

    @classmethod
    def of(cls, coverage: Coverage) -> Self:
        """Convert a store's coverage."""
        return cls(
            comments=coverage.comments, labelled=coverage.labelled, missing=coverage.missing, share=coverage.share
        )


class MonthOfModel(BaseModel):
    """The coverage of the comments written in one month."""

    month: str = Field(description="The month, in UTC.", examples=["2026-01"])
    coverage: ModelCoverage

    @classmethod
    def of(cls, month: MonthCoverage) -> Self:
        """Convert a month of the store."""
        return cls(month=month.month, coverage=ModelCoverage.of(month.coverage))


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
    registered: bool = Field(
        description="Whether the model's artifact is in the database. Only such a model can be promoted.",
        examples=[True],
    )
    predecessor: int | None = Field(
        description="Number of the model that was active before this one was promoted.", examples=[1]
    )
    retired_at: datetime | None = Field(
        description="When the model was retired. A retired model cannot be promoted.", examples=[None]
    )
    coverage: ModelCoverage
    recent: RecentLabels

    @classmethod
    def of(cls, row: ModelRow, counts: LabelCounts | None, coverage: Coverage, registered: bool, loaded: str) -> Self:
        """Convert a stored model; ``loaded`` is the SHA-256 of the model that this server has loaded."""
        recent = counts or LabelCounts()
        return cls(
            number=row.number,
            sha256=row.sha256,
            name=row.name,
            active=row.active,
            loaded=row.sha256 == loaded,
            uncertain_low=row.uncertain_low,
            uncertain_high=row.uncertain_high,
            registered_at=row.registered_at,
            registered=registered,
            predecessor=row.predecessor,
            retired_at=row.retired_at,
            coverage=ModelCoverage.of(coverage),
            recent=RecentLabels(positive=recent.positive, negative=recent.negative, uncertain=recent.uncertain),
        )


class ShownModel(Model):
    """A registered model with its coverage by month."""

    months: list[MonthOfModel] = Field(description="Months with comments, newest first.")


class Promotion(BaseModel):
    """How to promote a model."""

    model_config = ConfigDict(extra="forbid")

    instead_of: int | None = Field(
        None,
        ge=1,
        le=LARGEST_NUMBER,
        description="Number of the model that is active; the promotion is refused if another one is. Default: any.",
        examples=[1],
    )
    incomplete: bool = Field(
        False, description="Promote the model although it has not labelled all comments.", examples=[False]
    )


class Models(BaseModel):
    """All registered models."""

    items: list[Model] = Field(description="The models, newest first.")
