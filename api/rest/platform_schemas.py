"""Queries and responses of the endpoints that a platform may read."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.rest.analytics_schemas import BUCKETS, LONGEST_BY_HOUR
from api.rest.dead_letter_schemas import Content, LetterNumber, Reason
from api.rest.fields import Probability, Time, Uncertain, check_order
from store.analytics import Bucket, CountFilter
from store.comments import LabelledComment, LabelSource, ShownLabel
from store.dead_letter_admin import DeadLetterState
from store.rejected import Rejected
from store.search import CommentFilter
from store.types import LARGEST_NUMBER

Count = Annotated[int, Field(ge=0)]
Limit = Annotated[int, Field(ge=1, le=200, description="Maximum number of items on a page.", examples=[50])]


class _Range(BaseModel):
    # A misspelled filter that was ignored would return too much.
    model_config = ConfigDict(extra="forbid")

    created_from: Time | None = Field(
        None, description="Only comments written at this time or later.", examples=["2026-01-01T00:00:00Z"]
    )
    created_to: Time | None = Field(
        None, description="Only comments written before this time.", examples=["2026-02-01T00:00:00Z"]
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.created_from, self.created_to, "created_from must be before created_to")
        return self


class LabelQuery(_Range):
    """Filters and page of a platform's labels."""

    label: ShownLabel | None = Field(None, description="Only comments with this label.", examples=["negative"])
    after: str | None = Field(None, max_length=100, description="`next` of the previous page.")
    limit: Limit = 50

    def to_filter(self, platform: str) -> CommentFilter:
        """Convert the query to the store's filter for one platform."""
        return CommentFilter(platform, self.label, self.created_from, self.created_to)


class TrendQuery(_Range):
    """Time range and buckets of a platform's trend."""

    bucket: Literal["hour", "day", "week"] = Field(
        "day", description="Length of a bucket; `hour` allows at most 62 days.", examples=["day"]
    )
    utc_offset: int = Field(
        0,
        ge=-14 * 60,
        le=14 * 60,
        description="Minutes by which the time zone of the buckets is ahead of UTC.",
        examples=[480],
    )

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        limited = self.created_from and self.created_to and self.created_to - self.created_from <= LONGEST_BY_HOUR
        if self.bucket == "hour" and not limited:
            raise ValueError(f"the bucket hour allows at most {LONGEST_BY_HOUR.days} days")
        return self

    def to_filter(self, platform: str) -> CountFilter:
        """Convert the query to the store's filter for one platform. Its limits are rounded down to the hour."""
        return CountFilter(self.created_from, self.created_to, platform)

    @property
    def length(self) -> Bucket:
        """Return the length of the buckets."""
        return BUCKETS[self.bucket]

    @property
    def offset(self) -> timedelta:
        """Return the time zone's offset from UTC."""
        return timedelta(minutes=self.utc_offset)


class RejectedQuery(BaseModel):
    """Filter and page of a platform's rejected events."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None
    before: int | None = Field(None, ge=1, le=LARGEST_NUMBER, description="`next` of the previous page.")
    limit: Limit = 50


class LabelledText(BaseModel):
    """A comment of the platform with its label."""

    id: str = Field(description="The comment's id on its platform.", examples=["post-1817"])
    text: str = Field(description="The text as the platform published it.", examples=["物流很快，包装也好 👍"])
    thread: str | None = Field(description="The topic, ticket or page that the comment belongs to.", examples=["t-7"])
    created_at: datetime = Field(description="When the author wrote the comment.", examples=["2026-01-31T00:15:00Z"])
    edited_at: datetime | None = Field(description="When the author last edited the comment.", examples=[None])
    label: ShownLabel | None = Field(
        description="The label; null until a model has labelled it.", examples=["positive"]
    )
    reviewed: bool = Field(description="Whether a person decided the label.", examples=[False])
    probability: Probability | None
    uncertain: Uncertain | None

    @classmethod
    def of(cls, comment: LabelledComment) -> Self:
        """Convert a stored comment, without its author and its reviewers."""
        values = {name: getattr(comment, name) for name in cls.model_fields if name != "reviewed"}
        return cls(**values, reviewed=comment.label_source is LabelSource.REVIEW)


class LabelPage(BaseModel):
    """A page of labels, newest comments first."""

    items: list[LabelledText] = Field(description="The comments, newest first.")
    next: str | None = Field(
        description="Pass this as `after`, with the same filters, to get the next page; null on the last page.",
        examples=["MTc2OTgxODUwMDAwMDAwMC4xNw"],
    )


class TrendRow(BaseModel):
    """Comments written in one time bucket, by label."""

    model_config = ConfigDict(from_attributes=True)

    start: datetime = Field(description="Start of the bucket.", examples=["2026-01-31T00:00:00+08:00"])
    comments: Count = Field(description="All comments.", examples=[120])
    positive: Count = Field(description="Comments shown as positive.", examples=[80])
    negative: Count = Field(description="Comments shown as negative.", examples=[36])
    unclear: Count = Field(description="Comments reviewed as unclear.", examples=[3])
    spam: Count = Field(description="Comments reviewed as spam.", examples=[1])
    uncertain: Count = Field(description="Comments with an uncertain prediction.", examples=[22])


class Trend(BaseModel):
    """A platform's labels over time."""

    rows: list[TrendRow] = Field(description="Oldest first, without empty buckets.")


class RejectedEvent(BaseModel):
    """An event that was not stored. Its content is not returned: find it in the topic by partition and offset."""

    number: LetterNumber
    topic: str = Field(description="The record's topic.", examples=["comments"])
    partition: int = Field(description="The record's partition.", examples=[3])
    offset: int = Field(description="The record's offset.", examples=[90817])
    key: Content
    record_timestamp: int = Field(
        description="The record's timestamp, in milliseconds since 1970.", examples=[1769818500000]
    )
    reason: str = Field(description="The reason, as a code.", examples=["invalid_field"])
    detail: str = Field(description="The reason, as a sentence.", examples=["field text: must not be empty"])
    stored_at: datetime = Field(description="When it was rejected.", examples=["2026-01-31T00:15:00.250000Z"])
    state: DeadLetterState = Field(
        description="`open`, `requeued` (an operator publishes it again), `resolved` (that copy was stored) or "
        "`discarded` (an operator set it aside).",
        examples=["open"],
    )

    @classmethod
    def of(cls, event: Rejected) -> Self:
        """Convert a rejected record."""
        values = {name: getattr(event, name) for name in cls.model_fields if name != "key"}
        return cls(**values, key=Content.of(event.key))


class RejectedPage(BaseModel):
    """A page of rejected events, newest first."""

    items: list[RejectedEvent] = Field(description="The rejected events.")
    next: int | None = Field(
        description="Pass this as `before`, with the same filter, to get the next page; null on the last page.",
        examples=[17],
    )


class ReasonCount(BaseModel):
    """How many events were rejected for one reason."""

    reason: str = Field(description="The reason, as a code.", examples=["invalid_field"])
    events: Count = Field(description="Events rejected for it.", examples=[12])


class ReasonCounts(BaseModel):
    """The newest 10,000 rejected events by reason."""

    rows: list[ReasonCount] = Field(description="Most frequent first.")
