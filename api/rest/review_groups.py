"""/api/v1/reviews/groups: decisions for all comments with the same text, and their progress."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.identity import AsReviewer
from api.problems import REFUSALS, ProblemError, documented
from api.rest.review_group_schemas import GroupDecision
from api.services import TheServices
from store.groups import read_group
from store.types import LARGEST_NUMBER

router = APIRouter(prefix="/api/v1/reviews/groups", tags=["reviews"], route_class=GuardedRoute)


@router.get(
    "/{number}",
    summary="Get a decision for a text",
    response_description="The decision and its progress.",
    responses=documented(
        *REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
    ),
)
async def get_group(
    services: TheServices,
    _: AsReviewer,
    number: Annotated[
        int, Path(ge=1, le=LARGEST_NUMBER, description="The decision's number: `group_number` of a review.")
    ],
) -> GroupDecision:
    """Return a decision for all comments with the same text and how many of its reviews are stored or withdrawn.

    The first review is stored with the decision; the server stores the others in the background, several hundred at a
    time.
    """
    found = await services.store.read(read_group, number)
    if found is None:
        detail = gettext("There is no decision number %(number)s.") % {"number": number}
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_group", detail)
    return GroupDecision.model_validate(found)
