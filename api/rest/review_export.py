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
from api.identity.observations import Observation
from api.problems import REFUSALS, documented
from api.rest.export_schemas import ExportedReview, ExportFormat, ExportQuery
from api.services import TheServices
from store.export import ReviewedText, export_reviews

MEDIA_TYPES = {ExportFormat.CSV: "text/csv", ExportFormat.JSON_LINES: "application/x-ndjson"}
COLUMNS = tuple(ExportedReview.model_fields)
# Sending each row alone would cost more than the row.
ROWS_PER_CHUNK = 100
_EXAMPLE = (
    '{"platform":"forum","id":"post-1817","version":1769818500000000,"text":"物流很快","label":"negative",'
    '"reviewer":"小王","reviewed_at":"2026-01-31T00:20:00Z","model_label":"positive","probability":0.52,"audit":false,'
    '"disputed":false,"occurrences":1,"held_back":false,"by_user":false}\n'
)

router = APIRouter(prefix="/api/v1/reviews/export", tags=["reviews"], route_class=GuardedRoute)


@router.get(
    "",
    summary="Export reviewed texts",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The reviewed texts: platform, id, version, text, label, reviewer, reviewed_at, "
            "model_label, probability, audit, disputed, occurrences, held_back, by_user.",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}, "example": _EXAMPLE},
            },
        },
        **documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def export(
    services: TheServices, identity: AsReviewer, query: Annotated[ExportQuery, Query()]
) -> StreamingResponse:
    """Export reviewed texts for training, exactly as the reviewers saw them.

    Each text has its newest review that was not withdrawn. Texts with an unresolved dispute between reviewers are left
    out; `disputed=true` includes and marks them, with the last label. Comments with the same text that were reviewed
    together are exported once, with their number in `occurrences`, so that training counts the text once; they are
    disputed if the comment that was reviewed for all of them has another label by now. Labels that accounts with the
    role user gave in text detection are left out; `user_labels=true` includes and marks them. Texts are not escaped: a
    spreadsheet program may treat a text that starts with = + - or @ as a formula, so import the CSV with all columns as
    text instead of opening it. If an export fails, the response ends without its last chunk, which every HTTP client
    reports as an error.
    """
    filters = query.model_dump(mode="json", exclude_defaults=True)
    observed = Observation("review.export", "reviews", "", str(identity.user_number), filters)
    await services.observations.record(services.store, identity.actor, observed)
    found = export_reviews(services.store, query.to_filter())
    # Read the first row now: an error can become a problem only before the response starts.
    first = await anext(found, None)
    parts = _csv(first, found) if query.format is ExportFormat.CSV else _json_lines(first, found)
    name = f"liuyan-reviews.{query.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=MEDIA_TYPES[query.format], headers=headers)


async def _csv(first: ReviewedText | None, others: AsyncIterator[ReviewedText]) -> AsyncIterator[str]:
    yield "\ufeff" + _csv_lines([COLUMNS])  # Excel recognizes UTF-8 only by the byte order mark.
    async for rows in _chunks(first, others):
        values = (row.model_dump(mode="json") for row in rows)
        yield _csv_lines([["" if row[name] is None else row[name] for name in COLUMNS] for row in values])


async def _json_lines(first: ReviewedText | None, others: AsyncIterator[ReviewedText]) -> AsyncIterator[str]:
    async for rows in _chunks(first, others):
        yield "".join(f"{row.model_dump_json()}\n" for row in rows)


async def _chunks(
    first: ReviewedText | None, others: AsyncIterator[ReviewedText]
) -> AsyncIterator[list[ExportedReview]]:
    rows = [] if first is None else [ExportedReview.model_validate(first)]
    async for other in others:
        rows.append(ExportedReview.model_validate(other))
        if len(rows) == ROWS_PER_CHUNK:
            yield rows
            rows = []
    if rows:
        yield rows


def _csv_lines(rows: Sequence[Sequence[object]]) -> str:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue()
