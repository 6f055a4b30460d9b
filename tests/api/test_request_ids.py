"""A request's id is in its response, its problem details and its log lines."""

import json
import re

import pytest
import structlog

from liuyan.log import configure_logging
from store.errors import TransientStoreError
from tests.api.conftest import Api
from tests.api.test_comments import problem

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("restored_logging")]
HEADER = "X-Request-ID"


@pytest.mark.parametrize("path", ["/api/v1/comments", "/admin/login", "/openapi.json", "/api/v1/nothing"])
async def test_every_response_has_an_id(api: Api, path: str) -> None:
    first, second = [(await api.client.get(path)).headers[HEADER] for _ in range(2)]
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second


@pytest.mark.parametrize("sent", ["4bf92f35-77b3_4da6.A", "a" * 64, "12345678"])
async def test_a_well_formed_id_is_accepted(api: Api, sent: str) -> None:
    assert (await api.client.get("/api/v1/comments", headers={HEADER: sent})).headers.get_list(HEADER) == [sent]


@pytest.mark.parametrize(
    "sent", ["", "short", "a" * 65, "这家店太差了这家店太差了", "a b c d e f", "<script>1</script>", "aaaaaaaa\t"]
)
async def test_other_ids_are_replaced(api: Api, sent: str) -> None:
    answer = await api.client.get("/api/v1/comments", headers={HEADER.encode(): sent.encode()})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers[HEADER])


@pytest.mark.parametrize("status", [404, 422, 401, 400])
async def test_problems_contain_the_id(api: Api, status: int) -> None:
    headers = {HEADER: "request-771"}
    answer = await {
        404: lambda: api.client.get("/api/v1/coments", headers=headers),
        422: lambda: api.client.get("/api/v1/comments?limit=0", headers=headers),
        401: lambda: api.anonymous.get("/api/v1/comments", headers=headers),
        400: lambda: api.client.get("/api/v1/comments", headers={**headers, "Host": "elsewhere.test"}),
    }[status]()
    assert problem(answer, status)["request_id"] == "request-771"
    assert answer.headers[HEADER] == "request-771"


async def test_an_unexpected_error_has_the_id_in_response_and_log(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        structlog.get_logger("store.search").warning("inside")
        raise RuntimeError("secret inside")

    monkeypatch.setattr("api.rest.comments.list_comments", broken)
    configure_logging("json", "info")
    for path, expected in (("/api/v1/comments", "request-1"), ("/api/v1/comments", "request-2")):
        answer = await api.client.get(path, headers={HEADER: expected})
        assert problem(answer, 500)["request_id"] == expected
        assert answer.headers.get_list(HEADER) == [expected]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["request_id"]) for line in lines] == [
        *(("inside", "request-1"), ("request failed", "request-1")),
        *(("inside", "request-2"), ("request failed", "request-2")),
    ]


async def test_an_outage_is_logged_once(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def unavailable(*_: object) -> None:
        raise TransientStoreError("gone away")

    monkeypatch.setattr("api.rest.comments.list_comments", unavailable)
    configure_logging("json", "info")
    for _ in range(3):
        problem(await api.client.get("/api/v1/comments"), 503)
    [line] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["error"]) == ("database unavailable", "gone away")
    assert line["request_id"]
