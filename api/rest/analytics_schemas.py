"""The shapes of questions to the counts and of their answers, with the words that a stranger reads in OpenAPI."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.rest.fields import Platform, Sha256, Time
from store.analytics import Bucket, CountFilter

# A year by the hour would be 8,760 points, which neither a page nor a person can use.
LONGEST_BY_HOUR = timedelta(days=62)

Count = Annotated[int, Field(ge=0)]
BUCKETS = {"hour": Bucket.HOUR, "day": Bucket.DAY, "week": Bucket.WEEK}


class AnalyticsQuery(BaseModel):
    """What to count, and how to tell it."""

    model_config = ConfigDict(extra="forbid")

    created_from: Time | None = Field(
        None, description="Only what was written in this hour or later.", examples=["2026-01-01T00:00:00Z"]
    )
    created_to: Time | None = Field(
        None, description="Only what was written in hours before this time.", examples=["2026-02-01T00:00:00Z"]
    )
    platform: Platform | None = Field(None, description="Only comments of this platform.", examples=["forum"])
    model: Sha256 | None = Field(
        None, description="Count what this model has labelled; the active model by default.", examples=["9f" * 32]
    )
    format: Literal["json", "csv"] = Field("json", description="JSON, or CSV with a head, in UTF-8.", examples=["csv"])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.created_from and self.created_to and self.created_from >= self.created_to:
            raise ValueError("created_from must be before created_to")
        return self

    def wanted(self) -> CountFilter:
        """The same filter, as the store takes it."""
        return CountFilter(self.created_from, self.created_to, self.platform, self.model)


class ZonedQuery(AnalyticsQuery):
    """The same, by the clock of a time zone."""

    utc_offset: int = Field(
        0,
        ge=-14 * 60,
        le=14 * 60,
        description="Minutes by which the clock of the reader's time zone is ahead of UTC, for the whole range: summer "
        "time is not followed.",
        examples=[480],
    )

    @property
    def offset(self) -> timedelta:
        """The time zone's offset from UTC."""
        return timedelta(minutes=self.utc_offset)


class TimeQuery(ZonedQuery):
    """The same, in buckets of time."""

    bucket: Literal["hour", "day", "week"] = Field(
        "day", description="How long a bucket is; `hour` for at most 62 days.", examples=["day"]
    )

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.bucket == "hour" and not self._within(LONGEST_BY_HOUR):
            raise ValueError(f"at most {LONGEST_BY_HOUR.days} days are told by the hour")
        return self

    def _within(self, length: timedelta) -> bool:
        return bool(self.created_from and self.created_to and self.created_to - self.created_from <= length)


class MixRow(BaseModel):
    """How many comments there are under each label that is shown."""

    model_config = ConfigDict(from_attributes=True)

    comments: Count = Field(description="All of them.", examples=[120])
    positive: Count = Field(description="Shown as positive.", examples=[80])
    negative: Count = Field(description="Shown as negative.", examples=[36])
    unclear: Count = Field(description="Reviewed as unclear.", examples=[3])
    spam: Count = Field(description="Reviewed as spam.", examples=[1])
    uncertain: Count = Field(description="Of which the model is uncertain.", examples=[22])
    reviewed: Count = Field(description="Whose text somebody has reviewed.", examples=[12])
    corrected: Count = Field(description="Whose review says something else than the model.", examples=[5])
    uncertain_positive: Count = Field(
        description="How many of those shown as positive nobody has reviewed although the model is uncertain of them.",
        examples=[11],
    )
    uncertain_negative: Count = Field(description="The same of those shown as negative.", examples=[8])


class TimeRow(MixRow):
    """What was written from ``start`` on, until the next bucket begins."""

    start: datetime = Field(description="When the bucket begins.", examples=["2026-01-31T00:00:00+08:00"])


class PlatformRow(MixRow):
    """What was written on one platform."""

    platform: Platform


class HourRow(MixRow):
    """What was written in one hour of the week."""

    weekday: int = Field(ge=0, le=6, description="0 is Monday.", examples=[5])
    hour: int = Field(ge=0, le=23, description="The hour of the day.", examples=[20])


class CorrectionsRow(BaseModel):
    """How many reviews were given, and how many of them contradict what the model had said."""

    reviews: Count = Field(description="Reviews, without those that were taken back.", examples=[200])
    corrections: Count = Field(description="Reviews that say something else than the model.", examples=[17])
    positive: Count = Field(description="Reviews that say positive.", examples=[90])
    negative: Count = Field(description="Reviews that say negative.", examples=[95])
    unclear: Count = Field(description="Reviews that say unclear.", examples=[10])
    spam: Count = Field(description="Reviews that say spam.", examples=[5])


class ReviewerRow(CorrectionsRow):
    """What one reviewer did."""

    reviewer: str | None = Field(description="The account's name; null for reviews by commands.", examples=["li"])


class ModelRow(CorrectionsRow):
    """What reviewers did with the labels of one model."""

    model: Sha256 | None
    model_name: str | None = Field(description="The model's name; null where no model had labelled.", examples=["gru"])


class AccuracyRow(BaseModel):
    """How right a model is by the blind decisions on the audit sample, which is chosen at random."""

    model: Sha256
    model_name: str = Field(description="The model's name.", examples=["gru"])
    active: bool = Field(description="Whether it is the active model.", examples=[True])
    judged: Count = Field(description="Comments that were blindly decided as positive or negative.", examples=[400])
    right: Count = Field(description="Of these, those that the model labels as the decision does.", examples=[372])
    accuracy: float | None = Field(description="Their share; null where nothing was judged.", examples=[0.93])
    low: float | None = Field(description="Where the share begins, at 95 % confidence (Wilson).", examples=[0.901])
    high: float | None = Field(description="Where it ends.", examples=[0.951])


class WordRow(BaseModel):
    """A word that is much more frequent on one side."""

    model_config = ConfigDict(from_attributes=True)

    side: Literal["positive", "negative"] = Field(description="The side that it tells of.", examples=["positive"])
    word: str = Field(description="The word, as the model reads it.", examples=["很快"])
    score: float = Field(description="How sure that is, in standard deviations of the log-odds.", examples=[8.1])
    positive: Count = Field(description="Comments of the positive sample that hold it.", examples=[61])
    negative: Count = Field(description="Comments of the negative sample that hold it.", examples=[4])


class Rows(BaseModel):
    """An answer that is rows of one kind."""

    rows: Sequence[BaseModel]


class TimeRows(Rows):
    """The labels over time."""

    rows: list[TimeRow] = Field(description="Oldest first; a bucket in which nothing was written is left out.")


class PlatformRows(Rows):
    """The labels by platform."""

    rows: list[PlatformRow] = Field(description="The largest platform first.")


class HourRows(Rows):
    """The labels by hour of the week."""

    rows: list[HourRow] = Field(description="From Monday on; an hour in which nothing was written is left out.")


class ReviewerRows(Rows):
    """Corrections by reviewer."""

    rows: list[ReviewerRow] = Field(description="The most busy first.")


class ModelRows(Rows):
    """Corrections by model."""

    rows: list[ModelRow] = Field(description="The newest model first.")


class AccuracyRows(Rows):
    """Accuracy by model."""

    rows: list[AccuracyRow] = Field(description="The newest model first.")


class WordRows(Rows):
    """The most telling words of a sample."""

    rows: list[WordRow] = Field(description="The most telling first, positive before negative.")
    positive_comments: Count = Field(description="How many positive comments were read.", examples=[1000])
    negative_comments: Count = Field(description="How many negative comments were read.", examples=[1000])
    complete: bool = Field(description="Whether all of the sample was read before time was up.", examples=[True])
