"""Queries and responses of the endpoints that compare periods and explain changes."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from api.drivers import GroupKind
from api.rest.analytics_schemas import AnalyticsQuery, Count, Rows
from store.annotations import AnnotationKind
from store.changes import Baseline
from store.period_sample import LONGEST_PERIOD

Share = Annotated[float, Field(ge=0, le=1)]


class PeriodQuery(AnalyticsQuery):
    """A query with both ends of the period."""

    @model_validator(mode="after")
    def _ended(self) -> Self:
        if self.created_from is None or self.created_to is None:
            raise ValueError("created_from and created_to are required")
        return self


class DriverQuery(PeriodQuery):
    """A query with the period to compare with."""

    baseline: Baseline = Field(
        Baseline.PREVIOUS,
        description="The earlier period: `previous`, or the latest one with the `same_weekdays`.",
        examples=["previous"],
    )

    @model_validator(mode="after")
    def _not_too_long(self) -> Self:
        if self.created_from and self.created_to and self.created_to - self.created_from > LONGEST_PERIOD:
            raise ValueError(f"a change is explained for at most {LONGEST_PERIOD.days} days")
        return self


class ChangeRow(BaseModel):
    """The share of negative comments in both periods, by the shown label."""

    baseline: Baseline = Field(description="The earlier period.", examples=["previous"])
    shift_hours: Count = Field(description="How many hours earlier that period began.", examples=[168])
    comments: Count = Field(description="Comments of the period.", examples=[1840])
    negative: Count = Field(description="Comments of the period shown as negative.", examples=[520])
    comments_before: Count = Field(description="Comments of the earlier period.", examples=[1790])
    negative_before: Count = Field(description="Comments of the earlier period shown as negative.", examples=[395])
    difference: float = Field(
        ge=-1, le=1, description="The share in the period minus the share in the earlier one.", examples=[0.062]
    )
    p_value: Share = Field(description="The two-sided p-value of the difference.", examples=[0.0004])


class ChangeRows(Rows):
    """Comparisons with earlier periods."""

    rows: list[ChangeRow] = Field(
        description="The previous period first; without periods that have no comments, and without the same weekdays "
        "if they are the previous period."
    )


class AnnotationRow(BaseModel):
    """Something that may explain a change."""

    at: datetime = Field(description="When it happened.", examples=["2026-01-31T08:15:00Z"])
    kind: AnnotationKind = Field(
        description="`promotion` or `rollback` of a model, or `notice`: a notice began.", examples=["promotion"]
    )
    title: str = Field(
        description="The name of the model that became active, or the notice's title.", examples=["gru-128"]
    )


class AnnotationRows(Rows):
    """The events of a time range."""

    rows: list[AnnotationRow] = Field(description="Oldest first; the newest 20.")


class DriverRow(BaseModel):
    """A group of comments that contributes to a change. Counts are those of the comments read."""

    kind: GroupKind = Field(
        description="What the comments share: a thread, a word, an author or a platform.", examples=["thread"]
    )
    name: str = Field(description="The thread, word, author or platform.", examples=["t-7"])
    points: float = Field(description="Its part of the difference of both shares.", examples=[0.0254])
    share: float = Field(
        description="`points` divided by the difference. All threads together add up to 1, and so do authors and "
        "platforms; words overlap. Above 1 if other groups changed the other way.",
        examples=[0.41],
    )
    comments: Count = Field(description="Its comments in the period.", examples=[120])
    negative: Count = Field(description="Its comments shown as negative in the period.", examples=[97])
    comments_before: Count = Field(description="Its comments in the earlier period.", examples=[15])
    negative_before: Count = Field(description="Its comments shown as negative in the earlier period.", examples=[4])


class DriverRows(Rows):
    """What contributes to a change."""

    rows: list[DriverRow] = Field(
        description="By kind, the largest contribution first: the groups that chance does not explain (95 % "
        "confidence for all groups of a kind), at most five of each kind."
    )
    change: ChangeRow | None = Field(description="The change; null if one of both periods has no comments.")
    read: Count = Field(description="Comments read of the period: all, or a sample of 5,000.", examples=[1840])
    read_before: Count = Field(description="Comments read of the earlier period.", examples=[1790])
