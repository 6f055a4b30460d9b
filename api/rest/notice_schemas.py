"""Request and response schemas for notices."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from api.markdown import render_markdown
from api.problems import WITHOUT_CONTROL, WITHOUT_NUL
from api.rest.fields import Time, check_order
from store.notices import Notice as StoredNotice
from store.notices import NoticeState, NoticeText
from store.types import LARGEST_NUMBER

MAXIMUM_BODY = 20_000
FIRST_YEAR, LAST_YEAR = 1970, 9998
NoticeNumber = Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="The notice's number.", examples=[3])]


class WhichNotices(StrEnum):
    """Which notices to list: the ones shown now, or all."""

    CURRENT = "current"
    ALL = "all"


class NoticeRequest(BaseModel):
    """The content of a notice and its time range."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=1,
        max_length=200,
        pattern=WITHOUT_CONTROL,
        description="The title, on one line.",
        examples=["维护通知"],
    )
    body: str = Field(
        "",
        max_length=MAXIMUM_BODY,
        pattern=WITHOUT_NUL,
        description="The body in Markdown. Raw HTML is shown as text, and images are left out.",
        examples=["周六 **22:00** 起停机一小时。"],
    )
    pinned: bool = Field(False, description="Whether the notice is shown above the others.", examples=[False])
    starts_at: Time | None = Field(
        None, description="When the notice appears; null means now.", examples=["2026-01-31T08:00:00+08:00"]
    )
    ends_at: Time | None = Field(
        None, description="When the notice disappears; null means never.", examples=["2026-02-01T08:00:00+08:00"]
    )

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _within_reason(cls, value: datetime | None) -> datetime | None:
        # A time zone conversion at the limits of datetime would overflow.
        if value is not None and not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise ValueError(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.starts_at, self.ends_at, "starts_at must be before ends_at")
        return self

    def as_text(self, now: datetime) -> NoticeText:
        """Convert the request for the store. ``now`` is the default of ``starts_at``."""
        return NoticeText(self.title, self.body, self.pinned, self.starts_at or now, self.ends_at)


class Notice(BaseModel):
    """A notice."""

    number: NoticeNumber
    title: str = Field(description="The title.", examples=["维护通知"])
    body: str = Field(description="The body in Markdown.", examples=["周六 **22:00** 起停机一小时。"])
    html: str = Field(
        description="The body as sanitized HTML.",
        examples=["<p>周六 <strong>22:00</strong> 起停机一小时。</p>\n"],
    )
    pinned: bool = Field(description="Whether the notice is shown above the others.", examples=[False])
    state: NoticeState = Field(description="Whether the notice is shown now, and if not, why.", examples=["current"])
    starts_at: datetime = Field(description="When the notice appears.", examples=["2026-01-31T00:00:00Z"])
    ends_at: datetime | None = Field(
        description="When the notice disappears; null means never.", examples=["2026-02-01T00:00:00Z"]
    )
    created_by: str = Field(description="Who created the notice.", examples=["wang"])
    created_at: datetime = Field(description="When the notice was created.", examples=["2026-01-30T09:12:00Z"])
    edited_by: str | None = Field(description="Who last edited the notice.", examples=["li"])
    edited_at: datetime | None = Field(
        description="When the notice was last edited.", examples=["2026-01-30T10:00:00Z"]
    )

    @classmethod
    def of(cls, stored: StoredNotice, now: datetime) -> Self:
        """Convert a stored notice, with its state at ``now``."""
        values = {name: getattr(stored, name) for name in cls.model_fields if name not in ("html", "state")}
        return cls(**values, html=str(render_markdown(stored.body)), state=stored.state(now))


class NoticePage(BaseModel):
    """The current notices, pinned ones first, or a page of all notices, newest first."""

    items: list[Notice] = Field(description="The notices.")
    next: int | None = Field(
        description="Pass this as `before` to get the next page; null on the last page.", examples=[None]
    )
