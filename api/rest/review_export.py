"""GET /api/v1/reviews/export: reviewed texts for training, as CSV or JSON lines."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from api.guard import GuardedRoute
from api.identity.identity import AsReviewer
from api.problems import REFUSALS, documented
from api.rest.export_schemas import ExportedReview, ExportFormat, ExportQuery
from api.services import TheServices
from store.export import ReviewedText, export_reviews

MEDIA_TYPES = {ExportFormat.CSV: "text/csv", ExportFormat.JSON_LINES: "application/x-ndjson"}
COLUMNS = tuple(ExportedReview.model_fields)
# Rows that are sent at once: one packet a row would cost more than the row.
AT_ONCE = 100
_EXAMPLE = (
    '{"platform":"forum","id":"post-1817","version":1769818500000000,"text":"物流很快","label":"negative",'
    '"reviewer":"小王","reviewed_at":"2026-01-31T00:20:00Z","model_label":"positive","probability":0.52,"audit":false,'
    '"disputed":false,"occurrences":1}\n'
)

router = APIRouter(prefix="/api/v1/reviews/export", tags=["reviews"], route_class=GuardedRoute)


@router.get(
    "",
    summary="Export reviewed texts",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The reviewed texts: platform, id, version, text, label, reviewer, reviewed_at, "
            "model_label, probability, audit, disputed, occurrences.",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}, "example": _EXAMPLE},
            },
        },
        **documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def export(services: TheServices, _: AsReviewer, query: Annotated[ExportQuery, Query()]) -> StreamingResponse:
    """Export reviewed texts for training: each label with the very text that the reviewer saw.

    Of each text its newest review that was not taken back. Texts on which reviewers differ are left out until somebody
    resolves it; `disputed=true` exports them too, marked, with the last label. Of comments with the same text that were
    decided together one is exported, with their number in `occurrences`, so that a training counts the text once; while
    the comment that was decided for all of them has another label by now, they count as disputed. The texts are written
    exactly as they are stored, so that a training reads what people saw. A spreadsheet program may take a text that
    begins with = + - or @ for a formula: import the CSV with all columns as text there, instead of opening it. An
    export that breaks off ends without the last chunk of its transfer, which every HTTP client reports.
    """
    found = export_reviews(services.store, query.wanted())
    # What is wrong at once is answered as a problem, before the answer has begun.
    first = await anext(found, None)
    parts = _csv(first, found) if query.format is ExportFormat.CSV else _json_lines(first, found)
    name = f"liuyan-reviews.{query.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=MEDIA_TYPES[query.format], headers=headers)


async def _csv(first: ReviewedText | None, others: AsyncIterator[ReviewedText]) -> AsyncIterator[str]:
    yield "\ufeff" + _csv_lines([COLUMNS])  # without the byte order mark Excel does not read UTF-8
    async for rows in _at_once(first, others):
        told = (row.model_dump(mode="json") for row in rows)
        yield _csv_lines([["" if row[name] is None else row[name] for name in COLUMNS] for row in told])


async def _json_lines(first: ReviewedText | None, others: AsyncIterator[ReviewedText]) -> AsyncIterator[str]:
    async for rows in _at_once(first, others):
        yield "".join(f"{row.model_dump_json()}\n" for row in rows)


async def _at_once(
    first: ReviewedText | None, others: AsyncIterator[ReviewedText]
) -> AsyncIterator[list[ExportedReview]]:
    rows = [] if first is None else [ExportedReview.model_validate(first)]
    async for other in others:
        rows.append(ExportedReview.model_validate(other))
        if len(rows) == AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows


def _csv_lines(rows: Sequence[Sequence[object]]) -> str:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue()
