"""Times at the limits of datetime work in charts and lists, and internal errors are not reported as outages."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, StatementError

from api.i18n import in_utc
from store.errors import PermanentStoreError, StoreError, TransientStoreError
from store.tables import comments
from tests.api.conftest import Api
from tests.api.test_comments import problem
from tests.store.feed import arrival, microseconds, with_content

pytestmark = pytest.mark.timeout(120)
TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 4, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
]
LIMITS = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z")


def pages(api: Api) -> httpx.AsyncClient:
    """Return a client with the admin's session."""
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://liuyan.test")
    client.cookies.update(api.admin.cookies)
    return client


async def fill(api: Api) -> None:
    await api.feed.send(
        *(with_content(arrival(str(n)), created_at=time, version=microseconds(time)) for n, time in enumerate(TIMES))
    )


RANGES: list[dict[str, str]] = [{}, {"created_from": LIMITS[0]}, {"created_from": LIMITS[0], "created_to": LIMITS[1]}]


@pytest.mark.parametrize("time_range", RANGES, ids=len)
async def test_charts_and_lists_accept_every_time(server_api: Api, time_range: dict[str, str]) -> None:
    async def rows(resource: str, **query: str | int) -> list[dict[str, Any]]:
        answer = await server_api.client.get(f"/api/v1/{resource}", params={**time_range, **query})
        assert answer.status_code == 200, (resource, query, answer.text)
        body = answer.json()
        found: list[dict[str, Any]] = body["items"] if "items" in body else body["rows"]
        return found

    await fill(server_api)
    for offset in (-840, 0, 480, 840):
        for bucket in ("day", "week"):
            found = await rows("analytics/labels", bucket=bucket, utc_offset=offset)
            assert [row["comments"] for row in found] == [1, 1, 1]
        assert sum(row["comments"] for row in await rows("analytics/hours", utc_offset=offset)) == 3
    assert (await rows("analytics/labels", bucket="week", utc_offset=480))[1]["start"] == "1970-01-04T16:00:00Z"
    for resource in ("platforms", "reviewers", "models", "accuracy", "keywords"):
        await rows(f"analytics/{resource}")
    listed = [item["created_at"] for item in await rows("comments")]
    assert (
        listed == ["9999-12-31T23:59:59.999999Z", "1970-01-04T23:59:59.999999Z", "0001-01-01T00:00:00Z"][-len(listed) :]
    )
    assert len(listed) == (2 if "created_to" in time_range else 3)


@pytest.mark.parametrize("resource", ["comments", "analytics/labels", "analytics/hours", "reviews"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "2026-02-30T00:00:00Z"])
async def test_a_time_that_does_not_exist_in_utc_is_rejected(api: Api, resource: str, time: str) -> None:
    name = "reviewed_from" if resource == "reviews" else "created_from"
    answer = await api.client.get(f"/api/v1/{resource}", params={name: time}, headers={"Accept-Language": "en"})
    assert problem(answer, 422)["errors"] == [
        {"field": f"query.{name}", "detail": "no such time: use one between the years 1 and 9999 in UTC"}
    ]


@pytest.mark.parametrize("path", ["comments", "review"])
@pytest.mark.parametrize("timezone", ["Asia/Shanghai", "America/New_York"])
async def test_pages_accept_days_at_the_limits(api: Api, path: str, timezone: str) -> None:
    await fill(api)
    async with pages(api) as client:
        client.cookies.set("timezone", timezone)
        for query in (
            {"created_from": "0001-01-01", "created_to": "9999-12-31T23:59"},
            {"created_from": "0001-01-01T00:00"},
            {"created_to": "9999-12-31T23:59"},
        ):
            answer = await client.get(f"/admin/{path}", params=query)
            assert answer.status_code == 200
            assert "is-invalid" not in answer.text
        assert (await client.get("/admin/reviews?reviewed_from=0001-01-01&reviewed_to=9999-12-31")).status_code == 200
        for day in ("0001-01-01", "9999-12-31"):
            for page in ("audit", "audit/export.csv"):
                assert (await client.get(f"/admin/{page}?from={day}&to={day}")).status_code == 200


def test_in_utc_clamps_times_out_of_range() -> None:
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    assert in_utc(datetime(1, 1, 1, 9, tzinfo=east)) == datetime.min.replace(tzinfo=UTC)
    assert in_utc(datetime(9999, 12, 31, 15, tzinfo=west)) == datetime.max.replace(tzinfo=UTC)
    assert in_utc(datetime(1970, 1, 1, tzinfo=east)) == datetime(1969, 12, 31, 10, tzinfo=UTC)


INTERNAL_ERRORS = [
    OverflowError("date value out of range"),
    StoreError("The database refused the statement: 1064 a mistake."),
    PermanentStoreError("The database cannot store this."),
]


@pytest.mark.parametrize("error", INTERNAL_ERRORS, ids=lambda error: type(error).__name__)
async def test_an_internal_error_is_not_an_outage(api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("api.rest.comments.list_comments", broken)
    monkeypatch.setattr("store.search.list_comments", broken)
    assert problem(await api.client.get("/api/v1/comments"), 500)["code"] == "internal_server_error"
    async with pages(api) as client:
        answer = await client.get("/admin/comments")
        assert answer.status_code == 500
        assert "数据库没有响应" not in answer.text
        assert str(error) not in answer.text


@pytest.mark.parametrize(
    ("error", "status"),
    [(TransientStoreError("away"), 503), (TimeoutError(), 503), *((error, 500) for error in INTERNAL_ERRORS)],
)
async def test_an_error_during_authentication_is_answered_with_a_page(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    async def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("api.identity.sign_in.find_session", broken)
    async with pages(api) as client:
        answer = await client.get("/admin/comments")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_value_that_cannot_be_bound_is_not_a_database_error(api: Api) -> None:
    with pytest.raises(StatementError, match="has no time zone") as raised:
        async with api.store.reading() as connection:
            await connection.execute(select(comments).where(comments.c.created_at >= datetime(2026, 1, 31)))
    assert not isinstance(raised.value, DBAPIError)
