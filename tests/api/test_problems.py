"""Errors are answered with problem details, never with a traceback."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from store.errors import TransientStoreError
from store.store import Store
from tests.api.conftest import Api
from tests.api.test_comments import problem

pytestmark = pytest.mark.timeout(60)


async def test_an_unknown_path(api: Api) -> None:
    found = problem(await api.client.get("/api/v1/coments"), 404)
    assert found["detail"] == "There is nothing at /api/v1/coments: see /docs for all addresses."


async def test_a_method_that_is_not_allowed(api: Api) -> None:
    answer = await api.client.delete("/api/v1/comments")
    assert problem(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET"


async def test_an_unavailable_database(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unavailable(*_: object) -> None:
        raise TransientStoreError("the server at 10.0.0.7 has gone away")

    monkeypatch.setattr("api.rest.comments.list_comments", unavailable)
    answer = await api.client.get("/api/v1/comments")
    found = problem(answer, 503)
    assert found["code"] == "database_unavailable"
    assert answer.headers["retry-after"] == "5"
    assert "10.0.0.7" not in answer.text


async def test_missing_tables(api: Api) -> None:
    async with api.store.engine.begin() as connection:
        for table in ("predictions", "comment_versions", "comments"):
            await connection.execute(text(f"DROP TABLE {table}"))
    answer = await api.client.get("/api/v1/comments")
    assert problem(answer, 500)["code"] == "internal_server_error"  # Not an outage, because the database answers.
    assert "Traceback" not in answer.text


async def test_a_database_that_does_not_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("api.rest.comments.comment_history", stuck)
    async with Store.open(str(api.store.engine.url), answer_seconds=1) as store:
        api.app.state.services = replace(api.services, store=store)
        assert problem(await api.client.get("/api/v1/comments/forum/1"), 503)["code"] == "database_unavailable"


async def test_an_unexpected_error_reveals_no_internals(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("api.rest.comments.list_comments", broken)
    answer = await api.client.get("/api/v1/comments")
    assert problem(answer, 500)["code"] == "internal_server_error"
    assert "secret inside" not in answer.text
