"""/api/v1/models: list models and activate one."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.identity import AsAdmin
from api.problems import REFUSALS, ProblemError, documented
from api.rest.model_schemas import Model, Models
from api.services import Services, TheServices
from store import promotion
from store.promotion import LabelCounts, NoModelError
from store.types import LARGEST_NUMBER

RECENT = timedelta(hours=24)
READING = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)

router = APIRouter(prefix="/api/v1/models", tags=["models"], route_class=GuardedRoute)


@router.get("", summary="List models", response_description="The models.", responses=READING)
async def get_models(services: TheServices, _: AsAdmin) -> Models:
    """List all registered models, with counts of their labels for the last 24 hours' comments."""
    return Models(items=await read_models(services))


@router.post(
    "/{number}/activate",
    summary="Activate a model",
    response_description="The updated model.",
    responses=READING | documented(HTTPStatus.NOT_FOUND),
)
async def activate_model(
    services: TheServices,
    identity: AsAdmin,
    number: Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="The model's number.", examples=[2])],
) -> Model:
    """Show this model's labels from now on. Stored labels do not change; to go back, activate the previous model.

    Running consumers of the previous model exit. When they are restarted, they load this one.
    """
    try:
        await services.store.write(promotion.activate_model, identity.actor, number)
    except NoModelError:
        detail = gettext("There is no model %(number)s.") % {"number": number}
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_model", detail) from None
    return next(model for model in await read_models(services) if model.number == number)


async def read_models(services: Services) -> list[Model]:
    """Return all models, newest first. Raises StoreError and TimeoutError."""
    counts = await services.store.read(promotion.recent_counts, services.now() - RECENT)
    found = await services.store.read(promotion.list_models)
    loaded = services.predictor.model.sha256
    return [Model.of(row, counts.get(row.number, LabelCounts()), loaded) for row in found]
