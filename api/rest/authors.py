"""/api/v1/authors: export and erase what is stored about an author of comments."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import StreamingResponse

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.confirmation import ConfirmedAdmin
from api.identity.identity import AsAdmin
from api.person_exports import send_author
from api.problems import REFUSALS, ProblemError, documented
from api.rest.author_schemas import AuthorErasure, AuthorErasures, AuthorQuery
from api.services import Services, TheServices
from store.author_erasures import list_erasures, order_erasure, read_erasure
from store.types import LARGEST_NUMBER

READING = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
ORDERING = READING | documented(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="The request's number.", examples=[4])]

router = APIRouter(prefix="/api/v1/authors", tags=["privacy"], route_class=GuardedRoute)


@router.get(
    "/export",
    summary="Export an author's data",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One JSON object per line: comments with their versions, predictions and reviews, and dead "
            "letters that name the author.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        },
        **READING,
    },
)
async def export_author(
    services: TheServices, identity: AsAdmin, query: Annotated[AuthorQuery, Query()]
) -> StreamingResponse:
    """Export everything that is stored about an author, as JSON lines. The audit log records it."""
    return await send_author(services, identity.actor, query.to_author())


@router.post(
    "/erasures",
    status_code=HTTPStatus.ACCEPTED,
    summary="Erase an author",
    response_description="The ordered request.",
    responses=ORDERING,
)
async def erase_author(services: TheServices, identity: ConfirmedAdmin, request: AuthorQuery) -> AuthorErasure:
    """Order the permanent erasure of everything that an author wrote.

    A consumer publishes a tombstone for each comment, and repeats it until everything that is in Kafka now has been
    stored. Read `GET /api/v1/authors/erasures/{number}` until its state is `done`. If a request for the author is
    unfinished, that one is returned.
    """
    number = await services.store.write(order_erasure, identity.actor, request.to_author())
    return await _find(services, number)


@router.get("/erasures", summary="List erasures of authors", responses=READING)
async def get_erasures(services: TheServices, _: AsAdmin) -> AuthorErasures:
    """List the newest 100 requests to erase an author, with their progress."""
    return AuthorErasures(items=[AuthorErasure.of(one) for one in await services.store.read(list_erasures)])


@router.get(
    "/erasures/{number}", summary="Get an erasure of an author", responses=READING | documented(HTTPStatus.NOT_FOUND)
)
async def get_erasure(services: TheServices, _: AsAdmin, number: Number) -> AuthorErasure:
    """Return a request and its progress."""
    return await _find(services, number)


async def _find(services: Services, number: int) -> AuthorErasure:
    found = await services.store.read(read_erasure, number)
    if found is None:
        detail = gettext("There is no erasure request %(number)s.") % {"number": number}
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_erasure", detail)
    return AuthorErasure.of(found)
