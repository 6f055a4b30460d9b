"""POST /api/v1/predict: what the model says of texts that are stored nowhere."""

from http import HTTPStatus

from fastapi import APIRouter

from liuyan.api.predictor import BusyError
from liuyan.api.problems import ProblemError, documented
from liuyan.api.rest.predict_schemas import PredictionAnswer, PredictionRequest, TextPrediction
from liuyan.api.services import TheServices

# A full line of requests is worked off in a few seconds.
RETRY_SECONDS = 2

router = APIRouter(prefix="/api/v1/predict", tags=["predictions"])


@router.post(
    "",
    summary="Label texts",
    response_description="One prediction for each text.",
    responses=documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def predict(services: TheServices, request: PredictionRequest) -> PredictionAnswer:
    """Label texts as positive or negative with the model that this server has loaded; nothing is stored.

    The whole body may be 8 MiB. When too many requests wait already, the answer is 503 with `Retry-After`.
    """
    try:
        predictions = await services.predictor.predict(request.texts)
    except BusyError:
        detail = f"Too many predictions wait already: try again in {RETRY_SECONDS} seconds."
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, headers) from None
    return PredictionAnswer(
        model=services.predictor.model,
        predictions=[TextPrediction.model_validate(prediction) for prediction in predictions],
    )
