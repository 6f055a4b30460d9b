"""Analytics over REST: the numbers of every chart, as JSON and CSV, for a time range and a time zone."""

import csv
import io
from typing import Any

import httpx2 as httpx
import pytest

from api.identity.roles import Role
from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel
from store.reviews import Opinion, add_review
from tests.api.conftest import Api
from tests.api.people import add_person
from tests.api.test_comments import problem
from tests.store.feed import arrival, microseconds, minutes

pytestmark = pytest.mark.timeout(60)
ROOT = "/api/v1/analytics"
NAMES = ["labels", "platforms", "hours", "reviewers", "models", "accuracy", "keywords"]


async def get(api: Api, name: str, **query: str | int) -> httpx.Response:
    return await api.client.get(f"{ROOT}/{name}", params=query)


async def rows(api: Api, name: str, **query: str | int) -> list[dict[str, Any]]:
    answer = await get(api, name, **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def shown(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


@pytest.fixture
async def week(api: Api) -> Api:
    """Comments of two platforms, from Saturday 2026-01-31 22:30 UTC to two hours later; one is corrected."""
    await api.feed.send(
        arrival("a", created=0),
        arrival("b", created=10, platform="desk", label=Label.NEGATIVE, probability=0.1),
        arrival("c", created=60, probability=0.52, uncertain=True),
        arrival("d", created=120, label=Label.NEGATIVE, probability=0.2),
    )
    reviewer = await add_person(api.store, "小审", Role.REVIEWER, now=api.clock())
    api.client.headers.update(reviewer.bearer)
    for id, label in (("c", "negative"), ("d", "negative")):
        created = 60 if id == "c" else 120
        answer = await api.client.post(
            "/api/v1/reviews",
            json={"platform": "forum", "id": id, "version": microseconds(minutes(created)), "label": label},
        )
        assert answer.status_code == 201, answer.text
    return api


async def test_labels_over_time(week: Api) -> None:
    found = await rows(week, "labels", bucket="day")
    assert [shown(row, "start", "comments", "positive", "negative", "uncertain", "corrected") for row in found] == [
        ("2026-01-31T00:00:00Z", 3, 1, 2, 1, 1),
        ("2026-02-01T00:00:00Z", 1, 0, 1, 0, 0),
    ]
    assert [shown(row, "uncertain_positive", "uncertain_negative") for row in found] == [(0, 0), (0, 0)]
    # In Shanghai, all of them are on Sunday, February 1.
    [day] = await rows(week, "labels", bucket="day", utc_offset=480)
    assert shown(day, "start", "comments", "reviewed") == ("2026-01-31T16:00:00Z", 4, 2)
    hours = await rows(
        week, "labels", bucket="hour", created_from="2026-01-31T23:00:00Z", created_to="2026-02-01T00:00:00Z"
    )
    assert [shown(row, "start", "comments", "negative") for row in hours] == [("2026-01-31T23:00:00Z", 1, 1)]


async def test_labels_by_platform_and_by_hour(week: Api) -> None:
    platforms = await rows(week, "platforms")
    assert [shown(row, "platform", "comments", "positive") for row in platforms] == [("forum", 3, 1), ("desk", 1, 0)]
    assert await rows(week, "platforms", platform="nowhere") == []
    hours = await rows(week, "hours", utc_offset=480, platform="forum")
    assert [shown(row, "weekday", "hour", "comments") for row in hours] == [(6, 6, 1), (6, 7, 1), (6, 8, 1)]


async def test_corrections(week: Api) -> None:
    [reviewer] = await rows(week, "reviewers")
    assert shown(reviewer, "reviewer", "reviews", "corrections", "negative") == ("小审", 2, 1, 2)
    [model] = await rows(week, "models")
    assert shown(model, "model_name", "reviews", "corrections") == ("model a", 2, 1)


async def test_words_of_both_sides(api: Api) -> None:
    await api.feed.send(
        *(arrival(f"p{n}", "物流很快，包装也好 👍") for n in range(30)),
        *(arrival(f"n{n}", "客服不理人，退货", label=Label.NEGATIVE, probability=0.1) for n in range(30)),
    )
    answer = (await get(api, "keywords")).json()
    assert (answer["positive_comments"], answer["negative_comments"], answer["complete"]) == (30, 30, True)
    sides = {row["word"]: row["side"] for row in answer["rows"]}
    assert (sides["很快"], sides["退货"]) == ("positive", "negative")
    # The response is cached for some minutes.
    await api.feed.send(arrival("later", "更多"))
    assert (await get(api, "keywords")).json() == answer


@pytest.mark.parametrize("name", NAMES)
async def test_each_as_csv_and_where_there_is_nothing(week: Api, name: str) -> None:
    answer = await get(week, name, format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    read = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    told = await rows(week, name)
    assert [list(row.values()) for row in read] == [
        ["" if value is None else str(value) for value in row.values()] for row in told
    ]
    long_ago = {"created_from": "1999-01-01T00:00:00Z", "created_to": "1999-02-01T00:00:00Z"}
    assert await rows(week, name, **long_ago) == []
    empty = await get(week, name, format="csv", **long_ago)
    assert empty.content.decode("utf-8-sig").count("\r\n") == 1


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        ("labels", {"bucket": "hour"}, "the bucket hour allows at most 62 days"),
        ("labels", {"bucket": "month"}, "'hour', 'day' or 'week'"),
        ("hours", {"utc_offset": "900"}, "840"),
        (
            "keywords",
            {"created_from": "2026-02-01T00:00:00Z", "created_to": "2026-01-01T00:00:00Z"},
            "before created_to",
        ),
        ("platforms", {"utc_offset": "0"}, "Extra inputs"),
        ("models", {"platform": "A B"}, "pattern"),
    ],
)
async def test_questions_that_are_refused(api: Api, name: str, query: dict[str, str], sentence: str) -> None:
    assert sentence in problem(await api.client.get(f"{ROOT}/{name}", params=query), 422)["detail"]


async def test_quotes_and_wildcards_are_data(week: Api) -> None:
    opinion = Opinion("forum", "a", microseconds(minutes(0)), ShownLabel.SPAM)
    identity = await add_person(week.store, "o'Brien%", Role.REVIEWER, now=week.clock())
    await add_review(week.store, Actor(identity.number, identity.name, "token", None), opinion)
    assert {row["reviewer"] for row in await rows(week, "reviewers")} == {"小审", "o'Brien%"}
    [spam] = [row for row in await rows(week, "platforms") if row["spam"]]
    assert shown(spam, "platform", "spam", "comments") == ("forum", 1, 3)
