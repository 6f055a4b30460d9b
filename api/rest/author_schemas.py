"""Request and response schemas for the erasure of authors and accounts."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from api.problems import WITHOUT_NUL
from api.rest.fields import Platform
from store.author_erasures import AuthorErasure as StoredErasure
from store.author_erasures import ErasureState
from store.authors import Author


class AuthorQuery(BaseModel):
    """An author on a platform."""

    model_config = ConfigDict(extra="forbid")

    platform: Platform
    author: str = Field(
        min_length=1,
        max_length=128,
        pattern=WITHOUT_NUL,
        description="The author's name, exactly as the platform's events write it.",
        examples=["小王"],
    )

    def to_author(self) -> Author:
        """Convert to the store's author."""
        return Author(self.platform, self.author)


class AuthorErasure(BaseModel):
    """A request to erase everything that an author wrote."""

    number: int = Field(description="The request's number.", examples=[4])
    platform: str = Field(description="The platform.", examples=["forum"])
    author: str | None = Field(description="The author's name; null once the request is done.", examples=["小王"])
    state: ErasureState = Field(description="`requested`, `running` or `done`.", examples=["running"])
    ordered_by: str = Field(description="The name of who ordered it.", examples=["小管"])
    ordered_at: datetime = Field(description="When it was ordered.", examples=["2026-01-31T08:00:00Z"])
    comments: int = Field(description="Tombstones ordered so far.", examples=[120])
    dead_letters: int = Field(description="Dead letters deleted so far.", examples=[0])
    finished_at: datetime | None = Field(
        description="When it was done; null before.", examples=["2026-01-31T08:05:00Z"]
    )

    @classmethod
    def of(cls, stored: StoredErasure) -> Self:
        """Convert a request."""
        return cls(**{name: getattr(stored, name) for name in cls.model_fields})


class AuthorErasures(BaseModel):
    """The newest requests."""

    items: list[AuthorErasure] = Field(description="Requests, newest first.")


class AccountErased(BaseModel):
    """An erased account."""

    pseudonym: str = Field(description="What replaces the name.", examples=["erased account 12"])
    request: int = Field(description="The request that erases the account's own texts.", examples=[5])
