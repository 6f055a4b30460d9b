"""POST /api/v1/detections: store a text as a comment with a person's label."""

import json
import secrets
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.guard import MediumBodyRoute
from api.i18n import gettext
from api.identity.identity import AsUser
from api.problems import REFUSALS, WITHOUT_NUL, ProblemError, documented
from api.rest.predict_schemas import MAXIMUM_TEXT
from api.services import TheServices
from liuyan.settings import DETECTION_PLATFORM
from liuyan.times import microseconds
from store.comments import ShownLabel
from store.pending_reviews import KeptText, count_pending, keep_text

PLATFORM = DETECTION_PLATFORM
# Limit on one person's pending texts, so that they do not pile up while no consumer runs.
MAXIMUM_PENDING = 500

router = APIRouter(prefix="/api/v1/detections", tags=["predictions"], route_class=MediumBodyRoute)


class KeepRequest(BaseModel):
    """A text to store as a comment, with the caller's label."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=MAXIMUM_TEXT, pattern=WITHOUT_NUL)] = Field(
        description="The text, unchanged.", examples=["物流很快，包装也好 👍"]
    )
    label: ShownLabel = Field(
        description="The right label: the model's, or another one if the model is wrong.",
        examples=["positive"],
    )


class KeptComment(BaseModel):
    """The comment that the text becomes once a consumer has published and stored it."""

    platform: str = Field(description=f"Always `{PLATFORM}`.", examples=[PLATFORM])
    id: str = Field(description="The comment's random id.", examples=["5f0c9a61d7e24b0e8c1a2b3c4d5e6f70"])


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Store a text with its label",
    response_description="The text will be published, stored and reviewed.",
    responses=documented(
        *REFUSALS,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def keep_detection(services: TheServices, identity: AsUser, request: KeepRequest) -> KeptComment:
    """Publish a text as a comment of platform `detect` by the caller, with the caller's label as its review.

    A running consumer publishes it to the first topic in `LIUYAN_TOPICS` that names this platform. The review is
    added once the comment is stored. To label a text without storing it, use `/api/v1/predict`.
    """
    topic = topic_for(services.settings.topics)
    kept = kept_text(request.text, request.label, identity.name, topic, datetime.now(UTC))
    if await services.store.read(count_pending, identity.user_number) >= MAXIMUM_PENDING:
        detail = gettext(
            "%(maximum)s of your texts are already waiting to be stored: ask an administrator whether a consumer is "
            "running."
        ) % {"maximum": MAXIMUM_PENDING}
        raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_waiting", detail, {"Retry-After": "60"})
    async with services.store.writing() as session:
        await keep_text(session, identity.actor, kept, services.now())
    return KeptComment(platform=PLATFORM, id=kept.id)


def topic_for(topics: Mapping[str, AbstractSet[str]]) -> str:
    """Return the first topic bound to the platform `detect`. Raises ProblemError, 409, if there is none."""
    for topic, platforms in topics.items():
        if PLATFORM in platforms:
            return topic
    detail = gettext(
        "No topic is bound to the platform `detect`: an administrator adds `detect=detect` to LIUYAN_TOPICS."
    )
    raise ProblemError(HTTPStatus.CONFLICT, "no_topic", detail)


def kept_text(text: str, label: ShownLabel, author: str, topic: str, now: datetime) -> KeptText:
    """Build the comment event (contract version 1) of a text, with a random id."""
    identifier = secrets.token_hex(16)
    event = {
        "platform": PLATFORM,
        "id": identifier,
        "text": text,
        "created_at": now.isoformat(timespec="microseconds"),
        "author": author,
    }
    return KeptText(
        platform=PLATFORM,
        id=identifier,
        version=microseconds(now),
        topic=topic,
        key=f"{PLATFORM}:{identifier}".encode(),
        value=json.dumps(event, ensure_ascii=False).encode(),
        label=label,
    )
