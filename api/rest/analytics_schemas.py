"""Queries and responses of the analytics endpoints."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.rest.fields import Platform, Sha256, Time, check_order
from store.analytics import Bucket, CountFilter

# 62 days are 1,488 points; a chart cannot show many more.
LONGEST_BY_HOUR = timedelta(days=62)

Count = Annotated[int, Field(ge=0)]
BUCKETS = {"hour": Bucket.HOUR, "day": Bucket.DAY, "week": Bucket.WEEK}


class AnalyticsQuery(BaseModel):
    """The comments or reviews to count, and the format."""

    model_config = ConfigDict(extra="forbid")

    created_from: Time | None = Field(
        None, description="Only comments written in this hour or later.", examples=["2026-01-01T00:00:00Z"]
    )
    created_to: Time | None = Field(
        None, description="Only comments written in hours before this time.", examples=["2026-02-01T00:00:00Z"]
    )
    platform: Platform | None = Field(None, description="Only comments of this platform.", examples=["forum"])
    model: Sha256 | None = Field(
        None, description="Count this model's labels; by default the active model's.", examples=["9f" * 32]
    )
    format: Literal["json", "csv"] = Field(
        "json", description="JSON, or CSV with a header, in UTF-8.", examples=["csv"]
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.created_from, self.created_to, "created_from must be before created_to")
        return self

    def to_filter(self) -> CountFilter:
        """Convert the query to the store's filter."""
        return CountFilter(self.created_from, self.created_to, self.platform, self.model)


class ZonedQuery(AnalyticsQuery):
    """A query with the time zone of its buckets."""

    utc_offset: int = Field(
        0,
        ge=-14 * 60,
        le=14 * 60,
        description="Minutes by which the time zone is ahead of UTC. It applies to the whole range; daylight saving "
        "time is not considered.",
        examples=[480],
    )

    @property
    def offset(self) -> timedelta:
        """Return the time zone's offset from UTC."""
        return timedelta(minutes=self.utc_offset)


class TimeQuery(ZonedQuery):
    """A query with the length of its time buckets."""

    bucket: Literal["hour", "day", "week"] = Field(
        "day", description="Length of a bucket; `hour` allows at most 62 days.", examples=["day"]
    )

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.bucket == "hour" and not self._within(LONGEST_BY_HOUR):
            raise ValueError(f"the bucket hour allows at most {LONGEST_BY_HOUR.days} days")
        return self

    def _within(self, length: timedelta) -> bool:
        return bool(self.created_from and self.created_to and self.created_to - self.created_from <= length)


class MixRow(BaseModel):
    """Number of comments by shown label."""

    model_config = ConfigDict(from_attributes=True)

    comments: Count = Field(description="All comments.", examples=[120])
    positive: Count = Field(description="Comments shown as positive.", examples=[80])
    negative: Count = Field(description="Comments shown as negative.", examples=[36])
    unclear: Count = Field(description="Comments reviewed as unclear.", examples=[3])
    spam: Count = Field(description="Comments reviewed as spam.", examples=[1])
    uncertain: Count = Field(description="Comments with an uncertain prediction.", examples=[22])
    reviewed: Count = Field(description="Comments whose current text was reviewed.", examples=[12])
    corrected: Count = Field(description="Comments whose review differs from the model's label.", examples=[5])
    uncertain_positive: Count = Field(
        description="Comments shown as positive whose prediction is uncertain and that nobody has reviewed.",
        examples=[11],
    )
    uncertain_negative: Count = Field(
        description="Comments shown as negative whose prediction is uncertain and that nobody has reviewed.",
        examples=[8],
    )


class TimeRow(MixRow):
    """Comments written in one time bucket."""

    start: datetime = Field(description="Start of the bucket.", examples=["2026-01-31T00:00:00+08:00"])


class PlatformRow(MixRow):
    """Comments written on one platform."""

    platform: Platform


class HourRow(MixRow):
    """Comments written in one hour of the week."""

    weekday: int = Field(ge=0, le=6, description="0 is Monday.", examples=[5])
    hour: int = Field(ge=0, le=23, description="The hour of the day.", examples=[20])


class CorrectionsRow(BaseModel):
    """Number of reviews by label, and of corrections."""

    reviews: Count = Field(description="Reviews that were not withdrawn.", examples=[200])
    corrections: Count = Field(description="Reviews whose label differs from the model's.", examples=[17])
    positive: Count = Field(description="Reviews with the label positive.", examples=[90])
    negative: Count = Field(description="Reviews with the label negative.", examples=[95])
    unclear: Count = Field(description="Reviews with the label unclear.", examples=[10])
    spam: Count = Field(description="Reviews with the label spam.", examples=[5])


class ReviewerRow(CorrectionsRow):
    """Reviews by one reviewer."""

    reviewer: str | None = Field(description="The account's name; null for reviews by commands.", examples=["li"])
    reviewer_number: Count = Field(description="The account's number; 0 for reviews by commands.", examples=[3])


class ModelRow(CorrectionsRow):
    """Reviews of one model's labels."""

    model: Sha256 | None
    model_number: Count = Field(description="The model's number; 0 if no model had a label.", examples=[1])
    model_name: str | None = Field(description="The model's name; null if no model had a label.", examples=["gru"])


class AccuracyRow(BaseModel):
    """A model's accuracy on the blind decisions of the audit sample."""

    model: Sha256
    model_name: str = Field(description="The model's name.", examples=["gru"])
    active: bool = Field(description="Whether it is the active model.", examples=[True])
    judged: Count = Field(description="Comments with a blind decision as positive or negative.", examples=[400])
    right: Count = Field(description="Judged comments that the model labels like the review.", examples=[372])
    accuracy: float | None = Field(description="`right` / `judged`; null if nothing was judged.", examples=[0.93])
    low: float | None = Field(description="Lower bound of the 95 % Wilson confidence interval.", examples=[0.901])
    high: float | None = Field(description="Upper bound of the 95 % Wilson confidence interval.", examples=[0.951])


class WordRow(BaseModel):
    """A word that is much more frequent in the comments of one label."""

    model_config = ConfigDict(from_attributes=True)

    side: Literal["positive", "negative"] = Field(
        description="The label in whose comments the word is more frequent.", examples=["positive"]
    )
    word: str = Field(description="The word as the model's segmentation returns it.", examples=["很快"])
    score: float = Field(description="Log-odds ratio with a prior, in standard deviations.", examples=[8.1])
    positive: Count = Field(
        description="Comments of the positive sample that contain it, also inside a longer word.", examples=[61]
    )
    negative: Count = Field(
        description="Comments of the negative sample that contain it, also inside a longer word.", examples=[4]
    )


class Rows(BaseModel):
    """A response with rows of one type."""

    rows: Sequence[BaseModel]


class LabelRows(Rows):
    """A response that counts labelled comments."""

    unlabelled: Count = Field(
        description="Comments of the range and platform that the model has not labelled; the rows do not count them.",
        examples=[0],
    )


class TimeRows(LabelRows):
    """Labels over time."""

    rows: list[TimeRow] = Field(description="Oldest first, without empty buckets.")


class PlatformRows(LabelRows):
    """Labels by platform."""

    rows: list[PlatformRow] = Field(description="Largest platform first.")


class HourRows(LabelRows):
    """Labels by hour of the week."""

    rows: list[HourRow] = Field(description="Monday first, without empty hours.")


class ReviewerRows(Rows):
    """Corrections by reviewer."""

    rows: list[ReviewerRow] = Field(description="Most reviews first.")


class ModelRows(Rows):
    """Corrections by model."""

    rows: list[ModelRow] = Field(description="Newest model first.")


class AccuracyRows(Rows):
    """Accuracy by model."""

    rows: list[AccuracyRow] = Field(description="Newest model first.")


class WordRows(Rows):
    """Keywords of a sample."""

    rows: list[WordRow] = Field(description="Highest score first, positive before negative.")
    positive_comments: Count = Field(description="Number of positive comments read.", examples=[1000])
    negative_comments: Count = Field(description="Number of negative comments read.", examples=[1000])
    positive_from: datetime | None = Field(
        description="When the oldest positive comment read was written.", examples=["2026-01-28T09:12:00Z"]
    )
    negative_from: datetime | None = Field(
        description="When the oldest negative comment read was written.", examples=["2026-01-20T17:40:00Z"]
    )
    newest: datetime | None = Field(
        description="When the newest comment read was written.", examples=["2026-01-31T22:30:00Z"]
    )
    complete: bool = Field(description="Whether the whole sample was read within the time limit.", examples=[True])
