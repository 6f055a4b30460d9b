"""POST /api/v1/predict/file: label each line of a file and stream the predictions."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from email.message import Message
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from api.guard import LargeBodyRoute
from api.i18n import gettext
from api.identity.identity import AsUser
from api.predictor import BusyError
from api.problems import REFUSALS, FieldProblem, ProblemError, documented
from api.rest.predict import busy
from api.rest.predict_schemas import MAXIMUM_FILE_LINES, MAXIMUM_TEXT, FileHead, FileQuery, LinePrediction, PreviewLine
from api.services import TheServices
from api.text_file import Line, Lines, preview_lines, read_lines, translate
from liuyan.text_files import workbook
from liuyan.text_files.columns import ColumnOptions
from liuyan.text_files.errors import TextFileError
from liuyan.text_files.table import Format
from model.labeller import Prediction

FORMATS: dict[str, Format] = {
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/x-ndjson": "jsonl",
    "text/plain": "lines",
    workbook.MEDIA_TYPE: "csv",
}
MEDIA_TYPE = "application/x-ndjson"
_EXAMPLE = "text\n物流很快，包装也好 👍\n客服一直不回复，再也不来了\n"
_BODY: dict[str, Any] = {
    "required": True,
    "description": f"Up to {MAXIMUM_FILE_LINES:,} texts of up to {MAXIMUM_TEXT:,} code points each, 8 MiB in total. "
    "The encoding is taken from the `charset` of the Content-Type, then from a byte order mark; otherwise it is UTF-8, "
    "or GB18030 if the decoded text looks like Chinese. In CSV, the column of comments is detected by its name or "
    "content; in JSON lines, the field is detected by its name. In plain text, each line is a text.",
    "content": {media: {"schema": {"type": "string"}, "example": _EXAMPLE} for media in ("text/csv", "text/plain")},
}

router = APIRouter(prefix="/api/v1/predict/file", tags=["predictions"], route_class=LargeBodyRoute)


@router.post(
    "",
    summary="Label the lines of a file",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "JSON lines: first the detected layout and the number of texts, then one line per text, in "
            "order.",
            "content": {
                MEDIA_TYPE: {
                    "schema": {"type": "string"},
                    "example": '{"model":"9f…","texts":1,"format":"csv","encoding":"UTF-8","separator":null,'
                    '"header":true,"column":1,"name":"text","multiline":0,"empty":0}\n{"label":"positive","probability":0.9731,'
                    '"uncertain":false,"row":2,"text":"物流很快，包装也好 👍"}\n',
                }
            },
        },
        **documented(
            *REFUSALS,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
    openapi_extra={"requestBody": _BODY},
)
async def predict_file(
    services: TheServices, _: AsUser, request: Request, query: Annotated[FileQuery, Query()]
) -> StreamingResponse:
    """Label each text of a file with the server's model. Nothing is stored, not even temporarily on disk.

    The body is the file itself. The response starts before the whole file is labelled, so that clients can show
    progress. A response with fewer lines than its first line announces was interrupted.
    """
    model = services.predictor.model
    read = await _read(request, query)
    lines = read.lines
    if query.preview:
        head = FileHead.of(model.sha256, len(lines), read.layout, read.columns)
        return StreamingResponse(iter([_preview(head, lines)]), media_type=MEDIA_TYPE)
    answers = model.predict_in_parts([line.text for line in lines])
    try:
        first = await anext(answers)
    except BusyError:
        raise busy() from None
    if query.format == "xlsx":
        predictions = first + [one async for part in answers for one in part]
        content = await asyncio.to_thread(_workbook, read, predictions)
        return StreamingResponse(iter([content]), media_type=workbook.MEDIA_TYPE)
    head = FileHead.of(model.sha256, len(lines), read.layout, read.columns)
    # A proxy that buffers the response would freeze the client's progress bar.
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(
        _json_lines(head, lines, first, answers, query.cells), headers=headers, media_type=MEDIA_TYPE
    )


async def _read(request: Request, query: FileQuery) -> Lines:
    declared = Message()
    declared["content-type"] = request.headers.get("content-type", "")
    format = FORMATS.get(declared.get_content_type())
    if format is None or "content-type" not in request.headers:
        detail = gettext(
            "Send the file itself, with the header Content-Type: text/csv, text/plain, application/x-ndjson or the "
            "type of an .xlsx workbook."
        )
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    content, encoding = await request.body(), declared.get_content_charset()
    wanted = ColumnOptions(query.column, header=query.header)

    def read() -> Lines:
        is_workbook = declared.get_content_type() == workbook.MEDIA_TYPE
        table, charset = (workbook.csv_of(content), "utf-8") if is_workbook else (content, encoding)
        if query.preview:
            return preview_lines(table, format=format, wanted=wanted, encoding=charset)
        limits = {"maximum_lines": MAXIMUM_FILE_LINES, "maximum_text": MAXIMUM_TEXT}
        return read_lines(table, format=format, wanted=wanted, encoding=charset, **limits)

    try:
        return await asyncio.to_thread(read)
    except TextFileError as error:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable_file", translate(error), errors=_hints(error)
        ) from None


def _hints(error: TextFileError) -> list[FieldProblem]:
    """Return the request fields that would let the file be read. The page has its own hints."""
    if error.needs == "column":
        return [FieldProblem(field="query.column", detail=gettext("Give its name or number as ?column=."))]
    if error.needs == "encoding":
        detail = gettext("Convert it to UTF-8, or declare its encoding as the charset of the Content-Type.")
        return [FieldProblem(field="header.content-type", detail=detail)]
    return []


async def _json_lines(
    head: FileHead,
    lines: Sequence[Line],
    first: list[Prediction],
    others: AsyncIterator[list[Prediction]],
    with_cells: bool,
) -> AsyncIterator[str]:
    yield head.model_dump_json() + "\n" + _part(lines[: len(first)], first, with_cells)
    done = len(first)
    async for answered in others:
        yield _part(lines[done : done + len(answered)], answered, with_cells)
        done += len(answered)


def _preview(head: FileHead, lines: Sequence[Line]) -> str:
    rows = (PreviewLine(row=line.row, cells=list(line.cells)) for line in lines)
    return "".join(one.model_dump_json() + "\n" for one in (head, *rows))


def _workbook(read: Lines, predictions: Sequence[Prediction]) -> bytes:
    """Return the file's columns with those of the predictions."""
    labels = {"positive": gettext("Positive"), "negative": gettext("Negative")}
    added = [gettext("Label"), gettext("Probability of positive"), gettext("Uncertain")]
    unnamed = gettext("Column %(number)s") if read.layout.format == "csv" else gettext("Text")
    head = [name or unnamed.replace("%(number)s", str(number)) for number, name in enumerate(read.columns, start=1)]
    rows: Iterator[Sequence[str | float]] = (
        [*line.cells, labels[one.label], round(one.probability, 4), gettext("yes") if one.uncertain else gettext("no")]
        for line, one in zip(read.lines, predictions, strict=True)
    )
    return workbook.workbook_of([[*head, *added], *rows])


def _part(lines: Sequence[Line], answered: Sequence[Prediction], with_cells: bool) -> str:
    predictions = (
        LinePrediction(
            label=prediction.label,
            probability=prediction.probability,
            uncertain=prediction.uncertain,
            words=None,
            row=line.row,
            text=line.text,
            cells=list(line.cells) if with_cells else None,
        )
        for line, prediction in zip(lines, answered, strict=True)
    )
    return "".join(one.model_dump_json(exclude_none=True) + "\n" for one in predictions)
