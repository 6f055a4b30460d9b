"""Schemas for comparisons of models."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from api.rest.fields import Platform, Probability, Sha256, Time
from registry.comparison_result import ComparisonResult, Sample
from registry.trained_on import TrainedOn
from store.comparisons import Comparison, ComparisonOrder, ComparisonState, ShownExample
from store.types import LARGEST_NUMBER

ModelNumber = Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="A model's number.", examples=[2])]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, examples=[120])]
MONTH = "Month (UTC) in which the comments were written; empty in sums over all months."


class ComparisonRequest(BaseModel):
    """The models to compare, and a filter."""

    model_config = ConfigDict(extra="forbid")

    old: ModelNumber
    new: ModelNumber
    platform: Platform | None = None
    created_from: Time | None = Field(
        None, description="Only comments written from this time on.", examples=["2026-01-01T00:00:00Z"]
    )
    created_to: Time | None = Field(
        None, description="Only comments written before this time.", examples=["2026-02-01T00:00:00Z"]
    )

    def to_order(self) -> ComparisonOrder:
        """Convert the request to the store's order."""
        return ComparisonOrder(self.old, self.new, self.platform, self.created_from, self.created_to)


class ComparedModel(BaseModel):
    """A compared model."""

    number: int = Field(description="The model's number.", examples=[2])
    name: str | None = Field(description="The model's name; null if it was deleted.", examples=["liuyan-gru"])
    sha256: Sha256 | None


class ComparisonSummary(BaseModel):
    """A comparison without its result."""

    number: int = Field(description="The comparison's number.", examples=[5])
    old: ComparedModel
    new: ComparedModel
    platform: str | None = Field(description="Only comments of this platform.", examples=["forum"])
    created_from: datetime | None = Field(description="Only comments written from this time on.")
    created_to: datetime | None = Field(description="Only comments written before this time.")
    ordered_by: str = Field(description="Who ordered it.", examples=["小王"])
    ordered_at: datetime = Field(description="When it was ordered.", examples=["2026-01-31T00:15:00Z"])
    state: ComparisonState = Field(description="`requested`, `running`, `done` or `failed`.", examples=["done"])
    progress: Share = Field(description="The share of comments that have been compared.", examples=[0.4])
    failure: str | None = Field(description="Why it failed.", examples=["The model was deleted."])
    finished_at: datetime | None = Field(description="When it was finished.")

    @classmethod
    def of(cls, one: Comparison) -> Self:
        """Convert a stored comparison."""
        return cls(**_summary(one))


class Comparisons(BaseModel):
    """The newest comparisons."""

    items: list[ComparisonSummary] = Field(description="The comparisons, newest first.")


class FlipCounts(BaseModel):
    """Comments of one platform and month that both models have labelled."""

    model_config = ConfigDict(from_attributes=True)

    platform: str = Field(description="The platform; empty in sums over all platforms.", examples=["forum"])
    month: str = Field(description=MONTH, examples=["2026-01"])
    compared: Count = Field(description="Comments that both models have labelled.")
    old_positive: Count = Field(description="Comments that the old model labels positive.")
    new_positive: Count = Field(description="Comments that the new model labels positive.")
    to_positive: Count = Field(description="Comments that only the new model labels positive.")
    to_negative: Count = Field(description="Comments that only the new model labels negative.")


class BandAgreement(BaseModel):
    """Agreement inside and outside a model's uncertain band."""

    model_config = ConfigDict(from_attributes=True)

    inside: Count = Field(description="Comments inside the band.")
    inside_equal: Count = Field(description="Comments inside the band with equal labels.")
    outside: Count = Field(description="Comments outside the band.")
    outside_equal: Count = Field(description="Comments outside the band with equal labels.")


class Interval(BaseModel):
    """A figure with its 95 % confidence interval."""

    model_config = ConfigDict(from_attributes=True)

    value: float | None = Field(description="The figure; null if it is undefined.", examples=[0.874])
    low: float | None = Field(description="The lower end; null for too few comments.", examples=[0.852])
    high: float | None = Field(description="The upper end; null for too few comments.", examples=[0.893])


class ReliabilityBin(BaseModel):
    """Judged comments with similar probabilities."""

    model_config = ConfigDict(from_attributes=True)

    n: Count = Field(description="Number of comments.")
    probability: Probability
    positive: Share = Field(description="The share that people labelled positive.", examples=[0.9])


class Scores(BaseModel):
    """A model's scores on judged comments."""

    model_config = ConfigDict(from_attributes=True)

    right: Count = Field(description="Comments that the model labels as people did.")
    accuracy: Interval
    macro_f1: Interval
    calibration_error: Interval = Field(description="Expected calibration error over 15 bins.")
    reliability: list[ReliabilityBin] = Field(description="Up to 15 bins by probability, without empty ones.")


class McNemarTest(BaseModel):
    """McNemar's test of the hypothesis that both models are equally accurate."""

    model_config = ConfigDict(from_attributes=True)

    only_old_right: Count = Field(description="Comments on which only the old model is right.")
    only_new_right: Count = Field(description="Comments on which only the new model is right.")
    p: Share = Field(description="Two-sided p-value.", examples=[0.012])
    exact: bool = Field(
        description="Whether it is from the binomial distribution; otherwise it is from chi-squared.", examples=[True]
    )


class JudgedScores(BaseModel):
    """Both models' scores on comments that people have labelled."""

    model_config = ConfigDict(from_attributes=True)

    sample: Sample = Field(
        description="`audit`: blind decisions on the random audit sample. `held_back`: those on the half of it that is "
        "never used for training. `reviews`: all reviewed comments, a biased choice.",
        examples=["audit"],
    )
    judged: Count = Field(description="Comments labelled positive or negative by people.")
    old: Scores
    new: Scores
    change: Interval = Field(description="The new model's accuracy minus the old one's.")
    mcnemar: McNemarTest


class Figures(BaseModel):
    """The figures of a comparison."""

    model_config = ConfigDict(from_attributes=True)

    total: FlipCounts
    by_platform: list[FlipCounts] = Field(description="By platform, most comments first.")
    by_month: list[FlipCounts] = Field(description="By month, oldest first.")
    cells: list[FlipCounts] = Field(description="By platform and month.")
    only_old: Count = Field(description="Comments that only the old model has labelled; not compared.")
    only_new: Count = Field(description="Comments that only the new model has labelled; not compared.")
    neither: Count = Field(description="Comments that neither model has labelled.")
    old_band: BandAgreement
    new_band: BandAgreement
    unbiased: JudgedScores
    reviews: JudgedScores
    old_trained_on: TrainedOn = Field(
        description="Reviews that the old model was trained on: `none`, `database` (without the comments held back), "
        "`file` (which may contain comments held back) or `unknown`.",
        examples=["none"],
    )
    new_trained_on: TrainedOn = Field(description="The same for the new model.", examples=["database"])


class DecidingWord(BaseModel):
    """A word with its contribution to a label."""

    start: int = Field(description="Start of the word in code points.", examples=[2])
    end: int = Field(description="End of the word.", examples=[4])
    contribution: float = Field(
        description="How far the logit falls without the word: above 0 it points to positive.", examples=[1.25]
    )


class FlippedComment(BaseModel):
    """A comment whose labels differ. Erased comments are left out."""

    platform: Platform
    id: str = Field(description="The comment's id.", examples=["post-1817"])
    text: str | None = Field(description="The text; null if it was edited since the comparison.", examples=["物流很快"])
    old_probability: Probability
    new_probability: Probability
    old_words: list[DecidingWord] | None = Field(
        description="The words that decided the old model's label; null without the text or the model's artifact."
    )
    new_words: list[DecidingWord] | None = Field(description="The same for the new model.")

    @classmethod
    def of(cls, one: ShownExample) -> Self:
        """Convert an example."""
        example = one.example
        return cls(
            platform=one.platform,
            id=one.id,
            text=one.text,
            old_probability=example.old_probability,
            new_probability=example.new_probability,
            old_words=_words(one.text, example.old_words),
            new_words=_words(one.text, example.new_words),
        )


class WholeComparison(ComparisonSummary):
    """A comparison with its result."""

    result: Figures | None = Field(description="The figures; null unless the state is `done`.")
    examples: list[FlippedComment] = Field(description="Up to ten comments of each direction, chosen evenly.")

    @classmethod
    def whole(cls, one: Comparison, result: ComparisonResult | None, examples: Sequence[ShownExample]) -> Self:
        """Convert a stored comparison with its result and examples."""
        return cls(
            **_summary(one),
            result=None if result is None else Figures.model_validate(result),
            examples=[FlippedComment.of(example) for example in examples],
        )


def _summary(one: Comparison) -> dict[str, object]:
    fields = ("number", "platform", "created_from", "created_to", "ordered_by", "ordered_at", "state", "progress")
    values: dict[str, object] = {name: getattr(one, name) for name in (*fields, "failure", "finished_at")}
    old = ComparedModel(number=one.old_model_number, name=one.old_name, sha256=one.old_sha256)
    return values | {
        "old": old,
        "new": ComparedModel(number=one.new_model_number, name=one.new_name, sha256=one.new_sha256),
    }


def _words(text: str | None, stored: str | None) -> list[DecidingWord] | None:
    if text is None or stored is None:
        return None
    return [DecidingWord(start=start, end=end, contribution=value) for start, end, value in json.loads(stored)]
