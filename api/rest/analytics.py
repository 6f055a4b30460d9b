"""GET /api/v1/analytics/...: labels, reviews, accuracy and keywords, as JSON or CSV."""

import asyncio
import csv
import io
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.guard import GuardedRoute
from api.identity.identity import AsReviewer, AsUser
from api.keyword_samples import LABELS, LabelSample
from api.keywords import find_keywords
from api.problems import REFUSALS, documented
from api.rest.analytics_schemas import (
    BUCKETS,
    AccuracyRow,
    AccuracyRows,
    AnalyticsQuery,
    HourRow,
    HourRows,
    ModelRow,
    ModelRows,
    PlatformRow,
    PlatformRows,
    ReviewerRow,
    ReviewerRows,
    Rows,
    TimeQuery,
    TimeRow,
    TimeRows,
    WordRow,
    WordRows,
    ZonedQuery,
)
from api.services import Services, TheServices
from store.analytics import Mix, mix_by_hour_of_week, mix_by_platform, mix_over_time
from store.comments import ShownLabel
from store.corrections import (
    AuditAccuracy,
    Corrections,
    ReviewerCorrections,
    audit_accuracy,
    corrections_by_model,
    corrections_by_reviewer,
)
from store.coverage import count_unlabelled
from store.intervals import wilson
from store.search import CommentFilter

router = APIRouter(prefix="/api/v1/analytics", tags=["analytics"], route_class=GuardedRoute)
# Keywords returned for each label.
MAXIMUM_KEYWORDS = 20
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    **documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
}


@router.get("/labels", summary="Labels over time", response_model=TimeRows, responses=RESPONSES)
async def labels_over_time(services: TheServices, _: AsUser, query: Annotated[TimeQuery, Query()]) -> Rows | Response:
    """Return the number of comments written in each hour, day or week, by label.

    The numbers come from hourly counts in UTC, so the response time does not depend on the number of comments. A
    correction counts at the time its comment was written.
    """
    bucket = BUCKETS[query.bucket]
    found = await services.store.read(mix_over_time, query.to_filter(), bucket, query.offset)
    rows = [TimeRow(start=one.start, **_mix(one.mix)) for one in found]
    return respond(query, TimeRows(rows=rows, unlabelled=await _unlabelled(services, query)))


@router.get("/platforms", summary="Labels by platform", response_model=PlatformRows, responses=RESPONSES)
async def labels_by_platform(
    services: TheServices, _: AsUser, query: Annotated[AnalyticsQuery, Query()]
) -> Rows | Response:
    """Return the number of comments of each platform in a time range, by label."""
    found = await services.store.read(mix_by_platform, query.to_filter())
    rows = [PlatformRow(platform=one.platform, **_mix(one.mix)) for one in found]
    return respond(query, PlatformRows(rows=rows, unlabelled=await _unlabelled(services, query)))


@router.get("/hours", summary="Labels by hour of the week", response_model=HourRows, responses=RESPONSES)
async def labels_by_hour(services: TheServices, _: AsUser, query: Annotated[ZonedQuery, Query()]) -> Rows | Response:
    """Return the number of comments written in each of the 168 hours of a week, by label."""
    found = await services.store.read(mix_by_hour_of_week, query.to_filter(), query.offset)
    rows = [HourRow(weekday=one.weekday, hour=one.hour, **_mix(one.mix)) for one in found]
    return respond(query, HourRows(rows=rows, unlabelled=await _unlabelled(services, query)))


@router.get("/reviewers", summary="Corrections by reviewer", response_model=ReviewerRows, responses=RESPONSES)
async def reviewers(services: TheServices, _: AsReviewer, query: Annotated[AnalyticsQuery, Query()]) -> Rows | Response:
    """Return the number of reviews and corrections of each reviewer.

    The range applies to the time of the review, not of the comment.
    """
    found = await services.store.read(corrections_by_reviewer, query.to_filter())
    return respond(query, ReviewerRows(rows=[_reviewer(one) for one in found]))


@router.get("/models", summary="Corrections by model", response_model=ModelRows, responses=RESPONSES)
async def reviewed_models(
    services: TheServices, _: AsReviewer, query: Annotated[AnalyticsQuery, Query()]
) -> Rows | Response:
    """Return the number of reviews and corrections of each model's labels.

    The range applies to the time of the review, not of the comment.
    """
    found = await services.store.read(corrections_by_model, query.to_filter())
    rows = [
        ModelRow(model=one.model, model_number=one.model_number, model_name=one.model_name, **_done(one.done))
        for one in found
    ]
    return respond(query, ModelRows(rows=rows))


@router.get("/accuracy", summary="Accuracy on the audit sample", response_model=AccuracyRows, responses=RESPONSES)
async def accuracy(services: TheServices, _: AsReviewer, query: Annotated[AnalyticsQuery, Query()]) -> Rows | Response:
    """Return the accuracy of each model on a random sample of all comments.

    Only blind decisions count: those that reviewers made in the queue `audit`, without seeing a model's label, and not
    faster than they could read. A later review does not replace them; an edit of the text removes them.
    """
    found = await services.store.read(audit_accuracy, query.to_filter())
    return respond(query, AccuracyRows(rows=[_accuracy(one) for one in found]))


@router.get("/keywords", summary="Keywords", response_model=WordRows, responses=RESPONSES)
async def keywords(services: TheServices, _: AsReviewer, query: Annotated[AnalyticsQuery, Query()]) -> Rows | Response:
    """Return the words that are more frequent in positive than in negative comments, and the reverse.

    They come from the newest comments of each label, at most a thousand. A background task keeps the samples of ranges
    without an end in the past up to date; others are cached for five minutes. The score is a log-odds ratio with a
    prior, in standard deviations.
    """
    filter = CommentFilter(
        platform=query.platform, created_from=query.created_from, created_to=query.created_to, model=query.model
    )
    sample = await services.keywords.get(services.store, services.predictor.model, filter, services.now())
    positive, negative = (sample[label] for label in LABELS)
    found = await asyncio.to_thread(find_keywords, positive.texts(), negative.texts(), MAXIMUM_KEYWORDS)
    rows = [
        WordRow(side=side, word=one.word, score=one.score, positive=one.positive, negative=one.negative)
        for side, found_words in ((ShownLabel.POSITIVE, found.positive), (ShownLabel.NEGATIVE, found.negative))
        for one in found_words
    ]
    answer = WordRows(
        rows=rows,
        positive_comments=len(positive.entries),
        negative_comments=len(negative.entries),
        positive_from=_oldest(positive),
        negative_from=_oldest(negative),
        newest=max((side.entries[0].created_at for side in (positive, negative) if side.entries), default=None),
        complete=positive.complete and negative.complete,
    )
    return respond(query, answer)


def _oldest(side: LabelSample) -> datetime | None:
    return side.entries[-1].created_at if side.entries else None


async def _unlabelled(services: Services, query: AnalyticsQuery) -> int:
    return await services.store.read(count_unlabelled, query.to_filter())


def _mix(mix: Mix) -> dict[str, int]:
    return {"comments": mix.comments, **asdict(mix)}


def _reviewer(found: ReviewerCorrections) -> ReviewerRow:
    return ReviewerRow(reviewer=found.name, reviewer_number=found.reviewer_number, **_done(found.done))


def _done(done: Corrections) -> dict[str, int]:
    counts = {"reviews": done.reviews, "corrections": done.corrections}
    return counts | {label.value: n for label, n in done.labels.items()}


def _accuracy(found: AuditAccuracy) -> AccuracyRow:
    low, high = wilson(found.right, found.judged) if found.judged else (None, None)
    return AccuracyRow(
        model=found.model,
        model_name=found.model_name,
        active=found.active,
        judged=found.judged,
        right=found.right,
        accuracy=found.right / found.judged if found.judged else None,
        low=low,
        high=high,
    )


def respond(query: AnalyticsQuery, answer: Rows) -> Rows | Response:
    """Return the answer or, for the format csv, its rows as CSV."""
    return answer if query.format == "json" else as_csv(answer)


def as_csv(answer: Rows) -> Response:
    """Convert the rows of an answer to CSV with a header."""
    [kind] = get_args(type(answer).model_fields["rows"].annotation)
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, list(kind.model_fields))
    writer.writeheader()
    writer.writerows(row.model_dump(mode="json") for row in answer.rows)
    # Spreadsheets recognize UTF-8 only by the byte order mark.
    return Response(written.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8")
