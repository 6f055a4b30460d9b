"""/api/v1/models: list and show models, promote one and roll back."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.identity import AsAdmin
from api.problems import REFUSALS, ProblemError, documented
from api.rest.model_schemas import Model, Models, MonthOfModel, Promotion, ShownModel
from api.services import Services, TheServices
from store.audit import Actor
from store.coverage import coverage_by_month, read_totals
from store.model_files import registered_models
from store.models import read_active
from store.promotion import ModelRefusedError, NoModelError, list_models, promote_model, recent_counts, roll_back
from store.types import LARGEST_NUMBER

RECENT = timedelta(hours=24)
READING = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
CHANGING = READING | documented(
    HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
)
Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="The model's number.", examples=[2])]

router = APIRouter(prefix="/api/v1/models", tags=["models"], route_class=GuardedRoute)


@router.get("", summary="List models", response_description="The models.", responses=READING)
async def get_models(services: TheServices, _: AsAdmin) -> Models:
    """List all models with their coverage, and counts of their labels for the last 24 hours' comments."""
    return Models(items=await read_models(services))


@router.get(
    "/{number}",
    summary="Show a model",
    response_description="The model.",
    responses=READING | documented(HTTPStatus.NOT_FOUND),
)
async def get_model(services: TheServices, _: AsAdmin, number: Number) -> ShownModel:
    """Return a model with its coverage by month."""
    model = await _model(services, number)
    months = await services.store.read(coverage_by_month, number)
    return ShownModel(**model.model_dump(), months=[MonthOfModel.of(month) for month in months])


@router.post(
    "/{number}/promote", summary="Promote a model", response_description="The updated model.", responses=CHANGING
)
async def promote(services: TheServices, identity: AsAdmin, number: Number, promotion: Promotion) -> Model:
    """Show this model's labels from now on, instead of those of `instead_of`.

    Refused with 409 if another model has become active, if the model is retired or its artifact is not registered, and,
    unless `incomplete` is true, if the model has not labelled all comments. Running consumers and servers switch to the
    model within seconds. No labels are rewritten.
    """
    active = await services.store.read(read_active)
    instead_of = promotion.instead_of
    if instead_of is None and active is not None:
        instead_of = active.number
    await promote_in_place(services, identity.actor, number, instead_of, incomplete=promotion.incomplete)
    return await _model(services, number)


@router.post(
    "/{number}/rollback",
    summary="Roll back from a model",
    response_description="The model that is active again.",
    responses=CHANGING,
)
async def rollback(services: TheServices, identity: AsAdmin, number: Number) -> Model:
    """Make the model that was active before this one the active model again.

    Refused with 409 if this one is not active, or if no model was active before it. Comments stored or edited since
    the promotion are labelled by the other one in the background.
    """
    return await _model(services, await roll_back_from(services, identity.actor, number))


async def promote_in_place(
    services: Services, actor: Actor, number: int, active: int | None, *, incomplete: bool
) -> None:
    """Promote a model in place of ``active``. Raises ProblemError, StoreError and TimeoutError."""
    totals = (await services.store.read(read_totals)).get(number)
    if totals is not None and totals.coverage.missing and number != active and not incomplete:
        detail = gettext("The model has not labelled %(count)s comments. Replay it first, or send incomplete: true.")
        detail %= {"count": totals.coverage.missing}
        raise ProblemError(HTTPStatus.CONFLICT, "model_incomplete", detail, field="incomplete")
    try:
        await services.store.write(promote_model, actor, number, active)
    except NoModelError:
        raise _no_model(number) from None
    except ModelRefusedError as error:
        raise _problem(error) from None


async def roll_back_from(services: Services, actor: Actor, number: int) -> int:
    """Roll back from a model and return the number of the one that is active. Raises as ``promote_in_place``."""
    try:
        return (await services.store.write(roll_back, actor, number)).number
    except NoModelError:
        raise _no_model(number) from None
    except ModelRefusedError as error:
        raise _problem(error) from None


async def read_models(services: Services) -> list[Model]:
    """Return all models, newest first. Raises StoreError and TimeoutError."""
    counts = await services.store.read(recent_counts, services.now() - RECENT)
    async with services.store.reading() as connection:
        totals, registered = await read_totals(connection), await registered_models(connection)
        found = [model for model in await list_models(connection) if model.number in totals]
    loaded = services.predictor.model.sha256
    return [
        Model.of(row, counts.get(row.number), totals[row.number].coverage, row.number in registered, loaded)
        for row in found
    ]


async def _model(services: Services, number: int) -> Model:
    found = [model for model in await read_models(services) if model.number == number]
    if not found:
        raise _no_model(number)
    return found[0]


def _no_model(number: int) -> ProblemError:
    detail = gettext("There is no model %(number)s.") % {"number": number}
    return ProblemError(HTTPStatus.NOT_FOUND, "no_model", detail)


def _problem(error: ModelRefusedError) -> ProblemError:
    code, detail = {
        "no_artifact": (
            "model_not_registered",
            gettext("The model's artifact is not in the database. Register its folder: liuyan model register FOLDER"),
        ),
        "retired": (
            "model_retired",
            gettext("The model is retired. Register its folder again: liuyan model register FOLDER"),
        ),
        "other_active": (
            "other_model_active",
            gettext("Another model has become active in the meantime. Check the models and decide again."),
        ),
        "no_predecessor": ("no_previous_model", gettext("No model was active before this one.")),
    }.get(error.reason, (error.reason, str(error)))
    return ProblemError(HTTPStatus.CONFLICT, code, detail)
