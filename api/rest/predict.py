"""POST /api/v1/predict: label texts without storing them."""

from http import HTTPStatus

from fastapi import APIRouter

from api.guard import LargeBodyRoute
from api.i18n import gettext
from api.identity.identity import AsUser
from api.predictor import BusyError
from api.problems import REFUSALS, ProblemError, documented
from api.rest.predict_schemas import PredictionAnswer, PredictionRequest, TextPrediction, WordContribution
from api.services import TheServices

# A full queue drains within a few seconds.
RETRY_SECONDS = 2

router = APIRouter(prefix="/api/v1/predict", tags=["predictions"], route_class=LargeBodyRoute)


@router.post(
    "",
    summary="Label texts",
    response_description="One prediction for each text.",
    response_model_exclude_none=True,
    responses=documented(
        *REFUSALS,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def predict(services: TheServices, _: AsUser, request: PredictionRequest) -> PredictionAnswer:
    """Label texts as positive or negative with the server's model. Nothing is stored.

    The body may have up to 8 MiB. If too many requests are queued, the response is 503 with `Retry-After`.
    """
    model = services.predictor.model
    try:
        predictions = [TextPrediction.model_validate(one) for one in await model.predict(request.texts)]
        if request.explain:
            for text, prediction in zip(request.texts, predictions, strict=True):
                words = (await model.explain(text)).words
                prediction.words = [WordContribution.model_validate(word) for word in words]
    except BusyError:
        raise busy() from None
    return PredictionAnswer(model=model.sha256, predictions=predictions)


def busy() -> ProblemError:
    """Return the problem of a full prediction queue."""
    detail = gettext("Too many predictions are waiting: try again in %(seconds)s seconds.") % {"seconds": RETRY_SECONDS}
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, {"Retry-After": str(RETRY_SECONDS)})
