"""The shapes of notices, with the words that a stranger reads in OpenAPI."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from api.markdown import render_markdown
from api.problems import WITHOUT_CONTROL, WITHOUT_NUL
from api.rest.fields import Time
from store.notices import Notice as StoredNotice
from store.notices import NoticeState, NoticeText
from store.types import LARGEST_NUMBER

MAXIMUM_BODY = 20_000
FIRST_YEAR, LAST_YEAR = 1970, 9998
NoticeNumber = Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="The notice's number.", examples=[3])]


class WhichNotices(StrEnum):
    """Those that everybody is shown now, or every one."""

    CURRENT = "current"
    ALL = "all"


class NoticeRequest(BaseModel):
    """What a notice says, and when it is shown."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=1,
        max_length=200,
        pattern=WITHOUT_CONTROL,
        description="One line that says what it is about.",
        examples=["维护通知"],
    )
    body: str = Field(
        "",
        max_length=MAXIMUM_BODY,
        pattern=WITHOUT_NUL,
        description="The rest, in Markdown; markup of its own is shown as text, and pictures are left out.",
        examples=["周六 **22:00** 起停机一小时。"],
    )
    pinned: bool = Field(False, description="Whether it stands above the others.", examples=[False])
    starts_at: Time | None = Field(
        None, description="From when on it is shown; null is at once.", examples=["2026-01-31T08:00:00+08:00"]
    )
    ends_at: Time | None = Field(
        None, description="Until when it is shown; null is for good.", examples=["2026-02-01T08:00:00+08:00"]
    )

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _within_reason(cls, value: datetime | None) -> datetime | None:
        # Calendars end there, and a time zone would lead past their end.
        if value is not None and not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise ValueError(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            raise ValueError("starts_at must be before ends_at")
        return self

    def as_text(self, now: datetime) -> NoticeText:
        """What the store takes. ``now`` is when a notice begins that says nothing about that."""
        return NoticeText(self.title, self.body, self.pinned, self.starts_at or now, self.ends_at)


class Notice(BaseModel):
    """A notice as it stands."""

    number: NoticeNumber
    title: str = Field(description="What it is about.", examples=["维护通知"])
    body: str = Field(description="The rest, in Markdown.", examples=["周六 **22:00** 起停机一小时。"])
    html: str = Field(
        description="The body as HTML that holds nothing harmful.",
        examples=["<p>周六 <strong>22:00</strong> 起停机一小时。</p>\n"],
    )
    pinned: bool = Field(description="Whether it stands above the others.", examples=[False])
    state: NoticeState = Field(description="Whether it is shown now, and if not, why.", examples=["current"])
    starts_at: datetime = Field(description="From when on it is shown.", examples=["2026-01-31T00:00:00Z"])
    ends_at: datetime | None = Field(
        description="Until when it is shown; null is for good.", examples=["2026-02-01T00:00:00Z"]
    )
    created_by: str = Field(description="Who wrote it.", examples=["wang"])
    created_at: datetime = Field(description="When it was written.", examples=["2026-01-30T09:12:00Z"])
    edited_by: str | None = Field(description="Who last changed it.", examples=["li"])
    edited_at: datetime | None = Field(description="When it was last changed.", examples=["2026-01-30T10:00:00Z"])

    @classmethod
    def of(cls, stored: StoredNotice, now: datetime) -> Self:
        """A stored notice as it is at ``now``."""
        values = {name: getattr(stored, name) for name in cls.model_fields if name not in ("html", "state")}
        return cls(**values, html=str(render_markdown(stored.body)), state=stored.state(now))


class NoticePage(BaseModel):
    """Some notices: the current ones with the pinned first, or all, the newest first."""

    items: list[Notice] = Field(description="The notices.")
    next: int | None = Field(
        description="Pass it as `before` for older ones; null where there are none.", examples=[None]
    )
