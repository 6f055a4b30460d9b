"""GET /api/v1/analytics/...: changes against earlier periods, what contributes to one, and annotations."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.drivers import explain_change
from api.guard import GuardedRoute
from api.identity.identity import AsReviewer, AsUser
from api.rest.analytics import RESPONSES, respond
from api.rest.analytics_schemas import AnalyticsQuery, Rows
from api.rest.change_schemas import (
    AnnotationRow,
    AnnotationRows,
    ChangeRow,
    ChangeRows,
    DriverQuery,
    DriverRow,
    DriverRows,
    PeriodQuery,
)
from api.services import TheServices
from store.annotations import list_annotations
from store.changes import Change, read_changes

router = APIRouter(prefix="/api/v1/analytics", tags=["analytics"], route_class=GuardedRoute)


@router.get("/changes", summary="Changes against earlier periods", response_model=ChangeRows, responses=RESPONSES)
async def changes(services: TheServices, _: AsUser, query: Annotated[PeriodQuery, Query()]) -> Rows | Response:
    """Compare the share of negative comments with the previous period and with the same weekdays.

    Both earlier periods are as long as the given one. The numbers come from hourly counts in UTC.
    """
    found = await services.store.read(read_changes, query.to_filter())
    return respond(query, ChangeRows(rows=[_change(one) for one in found]))


@router.get("/drivers", summary="What contributes to a change", response_model=DriverRows, responses=RESPONSES)
async def drivers(services: TheServices, _: AsReviewer, query: Annotated[DriverQuery, Query()]) -> Rows | Response:
    """Return the threads, words, authors and platforms that contribute most to a change of the share of negative.

    A group's contribution is the difference of its excess in both periods: its negative comments beyond the earlier
    share, divided by all comments of the period. Periods with more than 5,000 comments are sampled. The result is
    cached for five minutes.
    """
    model, filters = services.predictor.model, query.to_filter()
    found = await services.explained.get(
        (model.sha256, filters, query.baseline),
        lambda: asyncio.create_task(explain_change(services.store, filters, query.baseline, model.words)),
    )
    if found is None:
        return respond(query, DriverRows(rows=[], change=None, read=0, read_before=0))
    rows = [DriverRow.model_validate(asdict(one)) for one in found.drivers]
    answer = DriverRows(rows=rows, change=_change(found.change), read=found.read, read_before=found.read_before)
    return respond(query, answer)


@router.get("/annotations", summary="Annotations of time charts", response_model=AnnotationRows, responses=RESPONSES)
async def annotations(services: TheServices, _: AsUser, query: Annotated[AnalyticsQuery, Query()]) -> Rows | Response:
    """Return what may explain a change: promotions and rollbacks of models, and notices that began.

    They concern all platforms and models, so only the time range filters them.
    """
    found = await services.store.read(list_annotations, query.created_from, query.created_to, services.now())
    return respond(query, AnnotationRows(rows=[AnnotationRow.model_validate(asdict(one)) for one in found]))


def _change(change: Change) -> ChangeRow:
    return ChangeRow(
        baseline=change.baseline,
        shift_hours=change.shift // timedelta(hours=1),
        comments=change.now.comments,
        negative=change.now.negative,
        comments_before=change.before.comments,
        negative_before=change.before.negative,
        difference=change.difference,
        p_value=change.p_value,
    )
