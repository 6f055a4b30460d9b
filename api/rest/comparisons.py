"""/api/v1/comparisons: order a comparison of two models and read its result."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.identity import AsAdmin
from api.problems import REFUSALS, ProblemError, documented
from api.rest.comparison_schemas import ComparisonRequest, Comparisons, ComparisonSummary, WholeComparison
from api.services import Services, TheServices
from registry.comparison_result import ComparisonResult, result_from_json
from store.audit import Actor
from store.comparisons import (
    UNFINISHED_LIMIT,
    Comparison,
    ComparisonOrder,
    ComparisonRefusedError,
    ShownExample,
    list_comparisons,
    order_comparison,
    read_comparison,
    read_examples,
)
from store.types import LARGEST_NUMBER

READING = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
CHANGING = READING | documented(
    HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
)
Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="The comparison's number.", examples=[5])]

router = APIRouter(prefix="/api/v1/comparisons", tags=["models"], route_class=GuardedRoute)


@router.get("", summary="List comparisons", response_description="The comparisons.", responses=READING)
async def get_comparisons(
    services: TheServices,
    _: AsAdmin,
    limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of comparisons.")] = 50,
) -> Comparisons:
    """List comparisons of models without their results, newest first."""
    found = await services.store.read(list_comparisons, limit)
    return Comparisons(items=[ComparisonSummary.of(one) for one in found])


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Compare two models",
    response_description="The ordered comparison.",
    responses=CHANGING,
)
async def compare_models(services: TheServices, identity: AsAdmin, request: ComparisonRequest) -> ComparisonSummary:
    """Order a comparison of two models' stored predictions.

    An API process works on it in the background: read `GET /api/v1/comparisons/{number}` until its state is `done`. If
    an equal comparison is unfinished, that one is returned.
    """
    number = await order(services, identity.actor, request.to_order())
    return ComparisonSummary.of((await find(services, number))[0])


@router.get(
    "/{number}",
    summary="Show a comparison",
    response_description="The comparison.",
    responses=READING | documented(HTTPStatus.NOT_FOUND),
)
async def get_comparison(services: TheServices, _: AsAdmin, number: Number) -> WholeComparison:
    """Return a comparison with its figures and examples, once it is done.

    Accuracy on blind decisions is unbiased. If a model was trained on reviews, it is measured only on the half of the
    audit sample that is held back from training. Accuracy on all reviews is biased, because reviewers chose the
    comments.
    """
    return WholeComparison.whole(*await find(services, number))


async def order(services: Services, actor: Actor, wanted: ComparisonOrder) -> int:
    """Order a comparison and return its number. Raises ProblemError, StoreError and TimeoutError."""
    try:
        return await services.store.write(order_comparison, actor, wanted, None)
    except ComparisonRefusedError as error:
        raise _problem(error) from None


async def find(services: Services, number: int) -> tuple[Comparison, ComparisonResult | None, list[ShownExample]]:
    """Return a comparison, its result if it is done, and its examples. Raises ProblemError 404 and StoreError."""
    found = await services.store.read(read_comparison, number)
    if found is None:
        detail = gettext("There is no comparison %(number)s.") % {"number": number}
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_comparison", detail)
    comparison, result = found
    if result is None:
        return comparison, None, []
    return comparison, result_from_json(result), await services.store.read(read_examples, number)


def _problem(error: ComparisonRefusedError) -> ProblemError:
    status, code, detail = {
        "same_model": (HTTPStatus.UNPROCESSABLE_ENTITY, "same_model", gettext("Choose two different models.")),
        "no_model": (HTTPStatus.NOT_FOUND, "no_model", gettext("There is no such model.")),
        "empty_range": (
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "empty_range",
            gettext("The range is empty: its beginning must be before its end."),
        ),
        "too_many": (
            HTTPStatus.CONFLICT,
            "too_many_comparisons",
            gettext("%(count)s comparisons are waiting or running. Wait until one is done.")
            % {"count": UNFINISHED_LIMIT},
        ),
    }.get(error.reason, (HTTPStatus.CONFLICT, error.reason, str(error)))
    return ProblemError(status, code, detail)
