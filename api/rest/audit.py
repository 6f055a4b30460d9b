"""GET /api/v1/audit: the audit log, for admins."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.guard import GuardedRoute
from api.identity.identity import AsAdmin
from api.problems import REFUSALS, WITHOUT_NUL, documented
from api.rest.cursor import encode_cursor, read_cursor
from api.rest.fields import Time, check_order
from api.services import TheServices
from store.audit import AuditFilter, Via, list_records
from store.types import LARGEST_NUMBER

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], route_class=GuardedRoute)


class AuditQuery(BaseModel):
    """Filters and page of the audit log."""

    model_config = ConfigDict(extra="forbid")

    user: int | None = Field(None, ge=0, le=LARGEST_NUMBER, description="Only changes by this account.", examples=[3])
    user_name: str | None = Field(
        None, max_length=128, pattern=WITHOUT_NUL, description="Only changes by the account that had this name then."
    )
    token: int | None = Field(
        None, ge=0, le=LARGEST_NUMBER, description="Only changes with the token of this number.", examples=[12]
    )
    action: str | None = Field(
        None,
        max_length=64,
        pattern=WITHOUT_NUL,
        description="Only changes of this kind, or of this group if it ends with a dot.",
        examples=["user.", "review.add"],
    )
    object_kind: str | None = Field(
        None, max_length=32, pattern=WITHOUT_NUL, description="Only changes to objects of this kind.", examples=["user"]
    )
    object_id: str | None = Field(
        None,
        max_length=200,
        pattern=WITHOUT_NUL,
        description="Only changes to the object with this id; `platform:id` for a comment.",
        examples=["3"],
    )
    at_from: Time | None = Field(
        None, description="Only changes at this time or later.", examples=["2026-01-31T00:00:00Z"]
    )
    at_to: Time | None = Field(None, description="Only changes before this time.", examples=["2026-02-01T00:00:00Z"])
    after: str | None = Field(None, max_length=100, description="`next` of the previous page.")
    limit: int = Field(50, ge=1, le=200, description="Maximum number of changes on a page.", examples=[50])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.at_from, self.at_to, "at_from must be before at_to")
        return self


class Change(BaseModel):
    """A record of the audit log."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="The change's number.", examples=[901])
    at: datetime = Field(description="When the change was made.")
    user_number: int | None = Field(
        description="The account that made the change; null for a command or without signing in.", examples=[3]
    )
    user_name: str = Field(description="The account's name at that time; may be empty.", examples=["小王"])
    via: Via = Field(
        description="Whether a session, a token or a command made the change, or somebody who was not signed in."
    )
    address: str | None = Field(description="The client's address.", examples=["192.0.2.7"])
    token_number: int | None = Field(description="The number of the token that was used, if any.", examples=[12])
    request_id: str | None = Field(
        description="The id of the request, as in the log of the API.", examples=["4f1c8a52d0b94e7bb3c1a2d9"]
    )
    action: str = Field(description="The kind of change.", examples=["user.disable"])
    object_kind: str = Field(description="The kind of object that was changed.", examples=["user"])
    object_id: str = Field(description="The object's id; a digest for a comment.", examples=["4"])
    detail: dict[str, Any] = Field(description="Details of the change, without comment texts and secrets.")


class ChangePage(BaseModel):
    """A page of changes, newest first."""

    items: list[Change] = Field(description="The changes, newest first.")
    next: str | None = Field(
        description="Pass this as `after` to get the next page; null on the last page.",
        examples=["MTc2OTgxODUwMDAwMDAwMC4xODE3"],
    )


@router.get(
    "",
    summary="List the audit log",
    responses=documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def get_changes(services: TheServices, _: AsAdmin, query: Annotated[AuditQuery, Query()]) -> ChangePage:
    """List changes, newest first, page by page."""
    after = read_cursor(query.after)
    async with services.store.reading() as connection:
        page = await list_records(connection, filter_of(query), after, query.limit)
    return ChangePage(
        items=[Change.model_validate(one) for one in page.items], next=encode_cursor(page.next) if page.next else None
    )


def filter_of(query: AuditQuery) -> AuditFilter:
    """Convert the query to the store's filter."""
    return AuditFilter(
        user_number=query.user,
        user_name=query.user_name,
        token_number=query.token,
        action=query.action,
        object_kind=query.object_kind,
        object_id=query.object_id,
        at_from=query.at_from,
        at_to=query.at_to,
    )
