"""Answer errors with RFC 9457 problem details: a code for programs and one sentence for people."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from api.i18n import gettext
from api.limits import BodyError
from api.request_ids import HEADER, current_request_id
from api.sentences import WITHOUT_CONTROL as WITHOUT_CONTROL
from api.sentences import WITHOUT_NUL as WITHOUT_NUL
from api.sentences import sentence_of
from liuyan.errors import LiuyanError
from store.errors import OUTAGES

MEDIA_TYPE = "application/problem+json"
# Long enough for a restarted database to accept connections.
RETRY_SECONDS = 5
NOT_JSON = "The body is not JSON in UTF-8: see /docs for the expected format."
# Further errors show up once these are fixed.
MOST_ERRORS = 20
log = structlog.get_logger(__name__)


class FieldProblem(BaseModel):
    """One error in a request."""

    field: str = Field(description="The invalid parameter, or the place in the body.", examples=["query.limit"])
    detail: str = Field(
        description="Why it is invalid, and what is valid.", examples=["Input should be less than or equal to 200"]
    )


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(json_schema_extra={"description": "RFC 9457 problem details."})

    type: str = Field("about:blank", description="Always about:blank; `code` identifies the kind of problem.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    code: str = Field(description="The kind of problem, for programs. Codes are stable.", examples=["no_comment"])
    detail: str = Field(
        description="One sentence for people: what is wrong and what to do.",
        examples=["No comment and no dead letter of platform forum has the id post-1817."],
    )
    errors: list[FieldProblem] | None = Field(None, description="All errors in the request.")
    request_id: str | None = Field(
        None,
        description="The id of the request, as in the header X-Request-ID and in the log of the API.",
        examples=["4f1c8a52d0b94e7bb3c1a2d9e6f70812"],
    )


class ProblemError(LiuyanError):
    """The request breaks a rule. The API answers with a problem, a page shows it in its form, a command prints it.

    ``detail`` is in the language of the request. ``field`` names the invalid field, if it is a single one. ``errors``
    name the parts of the request that would fix it.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        field: str | None = None,
        errors: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers, self.field = status, code, detail, headers, field
        self.errors = list(errors)


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses for the problems of an endpoint."""
    return {int(status): _describe(status) for status in statuses}


def _describe(status: HTTPStatus) -> dict[str, Any]:
    meaning, code, detail = _MEANINGS[status]
    example = Problem(
        title=status.phrase, status=status, code=code, detail=detail, errors=None, request_id="4f1c8a52d0b94e7bb3c1a2d9"
    )
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {MEDIA_TYPE: {"schema": schema, "example": example.model_dump(exclude_none=True)}}
    return {"description": meaning, "content": content}


# Every endpoint under /api/v1 may answer with these.
REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# The meaning of each status, with an example of a code and a detail.
_MEANINGS = {
    HTTPStatus.BAD_REQUEST: ("The body is not JSON in UTF-8.", "bad_request", NOT_JSON),
    HTTPStatus.UNAUTHORIZED: (
        "The request has no session and no valid token.",
        "not_signed_in",
        "Sign in at /admin, or send a valid token in the header Authorization: Bearer ….",
    ),
    HTTPStatus.FORBIDDEN: (
        "The caller is not allowed to do this.",
        "role_too_low",
        "This needs the role reviewer; yours is user.",
    ),
    HTTPStatus.NOT_FOUND: (
        "The object does not exist.",
        "no_comment",
        "No comment and no dead letter of platform forum has the id 'post-1817': "
        "it was never consumed, or it was erased.",
    ),
    HTTPStatus.CONFLICT: (
        "The request conflicts with the current state.",
        "name_taken",
        "Another account has this name, or one that looks the same: choose another one.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "Too many attempts; retry after the seconds in `Retry-After`.",
        "too_many_tries",
        "Too many tries: try again in 15 minutes.",
    ),
    HTTPStatus.REQUEST_TIMEOUT: (
        "The body did not arrive in time.",
        "body_too_slow",
        "The body did not arrive in time: check the connection and send it again.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "The body is too large.",
        "body_too_large",
        "The request is too large: send at most 64 KiB at once.",
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "The Content-Type is not supported.",
        "unsupported_media_type",
        "Send the file itself, with the header Content-Type: text/csv, text/plain, application/x-ndjson or the type "
        "of an .xlsx workbook.",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "The request is invalid; `errors` lists the reasons.",
        "invalid_request",
        "query.limit: Input should be less than or equal to 200.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "Temporarily unavailable; retry after the seconds in `Retry-After`.",
        "database_unavailable",
        f"The database does not answer: try again in {RETRY_SECONDS} seconds.",
    ),
}


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem, including routing errors and unexpected exceptions."""

    @app.exception_handler(ProblemError)
    async def _problem(_: Request, error: ProblemError) -> Response:
        return answer_of(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        errors = _field_problems(error.errors()[:MOST_ERRORS])
        detail = f"{errors[0].field}: {errors[0].detail}."
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=errors)

    async def _unavailable(_: Request, error: Exception) -> Response:
        log.warning("database unavailable", error=str(error) or "no answer in time", repeats=True)
        headers = {"Retry-After": str(RETRY_SECONDS)}
        detail = gettext("The database is not responding: try again in %(seconds)s seconds.")
        detail %= {"seconds": RETRY_SECONDS}
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", detail, headers=headers)

    for outage in OUTAGES:
        app.add_exception_handler(outage, _unavailable)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        if isinstance(error, BodyError):
            return _answer(status, error.code, error.detail, headers=error.headers)
        code, detail = _explain(request, status, error.detail)
        return _answer(status, code, detail, headers=error.headers)

    @app.exception_handler(Exception)
    async def _unexpected(_: Request, error: Exception) -> Response:
        # The server logs the traceback, the same one only once in a while. The response reveals no internals.
        log.error("request failed", error=type(error).__name__)
        detail = gettext("Something went wrong on the server: see the API's log.")
        # Starlette sends this response outside of all middleware.
        headers = {HEADER: current_request_id() or ""}
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_server_error", detail, headers=headers)


def answer_of(error: ProblemError) -> Response:
    """Return the response to a request that breaks a rule."""
    errors = [FieldProblem(field=f"body.{error.field}", detail=error.detail)] if error.field else error.errors or None
    return _answer(error.status, error.code, error.detail, headers=error.headers, errors=errors)


def _explain(request: Request, status: HTTPStatus, detail: str) -> tuple[str, str]:
    """Return code and detail of an error from routing or from reading the body."""
    asked = {"path": request.url.path, "method": request.method}
    not_found = gettext("There is nothing at %(path)s: see /docs for all addresses.")
    return {
        HTTPStatus.BAD_REQUEST: ("bad_request", gettext(NOT_JSON)),
        HTTPStatus.NOT_FOUND: ("not_found", not_found % asked),
        HTTPStatus.METHOD_NOT_ALLOWED: (
            "method_not_allowed",
            gettext("%(path)s does not accept %(method)s.") % asked,
        ),
    }.get(status, (f"http_{status}", detail))


def _field_problems(errors: Sequence[Any]) -> list[FieldProblem]:
    """Describe Pydantic's errors without the input, which may be a comment or not even valid Unicode."""
    return [FieldProblem(field=_field_of(error), detail=sentence_of(error)) for error in errors]


def _field_of(error: Any) -> str:
    """Return the invalid field. For invalid JSON the rest of ``loc`` is a position, which the detail names."""
    location = error["loc"][:1] if error["type"] == "json_invalid" else error["loc"]
    return ".".join(map(str, location))


def _title(status: HTTPStatus) -> str:
    """Return the status in words, in the language of the request."""
    return {
        HTTPStatus.BAD_REQUEST: gettext("Bad Request"),
        HTTPStatus.UNAUTHORIZED: gettext("Unauthorized"),
        HTTPStatus.FORBIDDEN: gettext("Forbidden"),
        HTTPStatus.NOT_FOUND: gettext("Not Found"),
        HTTPStatus.METHOD_NOT_ALLOWED: gettext("Method Not Allowed"),
        HTTPStatus.CONFLICT: gettext("Conflict"),
        HTTPStatus.REQUEST_TIMEOUT: gettext("Request Timeout"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: gettext("Content Too Large"),
        HTTPStatus.UNPROCESSABLE_ENTITY: gettext("Unprocessable Content"),
        HTTPStatus.TOO_MANY_REQUESTS: gettext("Too Many Requests"),
        HTTPStatus.INTERNAL_SERVER_ERROR: gettext("Internal Server Error"),
        HTTPStatus.SERVICE_UNAVAILABLE: gettext("Service Unavailable"),
    }.get(status, status.phrase)


def _answer(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[FieldProblem] | None = None,
) -> Response:
    problem = Problem(
        title=_title(status),
        status=status,
        code=code,
        detail=detail,
        errors=errors,
        request_id=current_request_id(),
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )
