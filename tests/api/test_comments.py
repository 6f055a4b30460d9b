"""Comments over REST: filters, pagination and history."""

from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import pytest

from store.batch import Label
from tests.api.conftest import Api
from tests.store.feed import arrival, dead_letter, feed_of, tombstone

pytestmark = pytest.mark.timeout(60)


async def listed(api: Api, **query: str | int) -> list[str]:
    answer = await api.client.get("/api/v1/comments", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that a response is a complete problem with this status, and return it."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert {"type", "title", "code", "detail"} <= set(found)
    assert found["detail"].endswith((".", "。"))
    return found


@pytest.fixture
async def four(api: Api) -> Api:
    """Four comments, one minute apart; d is the newest."""
    await api.feed.send(
        arrival("a", created=0),
        arrival("b", created=1, platform="desk"),
        arrival("c", created=2, label=Label.NEGATIVE, probability=0.1),
        arrival("d", created=3, label=Label.NEGATIVE, probability=0.45, uncertain=True),
    )
    return api


async def test_an_empty_database_returns_an_empty_page(api: Api) -> None:
    answer = await api.client.get("/api/v1/comments")
    assert answer.json() == {"items": [], "next": None, "searched_to": None}


async def test_a_comment_has_all_fields(server_api: Api) -> None:
    await server_api.feed.send(arrival("post-1", "物流很快 👍 𠮷", edited=5.25, thread="t-7"))
    answer = await server_api.client.get("/api/v1/comments")
    [item] = answer.json()["items"]
    assert item.pop("stored_at").endswith("Z")
    assert item == {
        "platform": "forum",
        "id": "post-1",
        "text": "物流很快 👍 𠮷",
        "version": 1_769_898_915_000_000,
        "text_digest": "90855c6d3aadd768",
        "created_at": "2026-01-31T22:30:00Z",
        "edited_at": "2026-01-31T22:35:15Z",
        "author": "小王",
        "thread": "t-7",
        "label": "positive",
        "label_source": "active_model",
        "probability": 0.9,
        "uncertain": False,
        "model": "a" * 64,
        "disputed": False,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "dcba"),
        ({"platform": "desk"}, "b"),
        ({"label": "negative"}, "dc"),
        ({"label": "positive"}, "ba"),
        ({"label": "spam"}, ""),
        ({"uncertain": "true"}, "d"),
        ({"uncertain": "false", "label": "negative"}, "c"),
        ({"created_from": "2026-01-31T22:31:00Z"}, "dcb"),
        ({"created_to": "2026-01-31T22:31:00Z"}, "a"),
        ({"created_from": "2026-02-01T06:31:00+08:00", "created_to": "2026-02-01T06:33:00+08:00"}, "cb"),
        ({"platform": "nobody"}, ""),
    ],
)
async def test_filters(four: Api, query: dict[str, str], found: str) -> None:
    assert "".join(await listed(four, **query)) == found


async def test_pages_contain_every_comment_once(server_api: Api) -> None:
    # Seven of the ten have the same time, so their order must be stable across pages.
    await server_api.feed.send(*(arrival(str(number), created=max(number - 6, 0)) for number in range(10)))
    pages: list[list[str]] = []
    query: dict[str, str | int] = {"limit": 3}
    while True:
        page = (await server_api.client.get("/api/v1/comments", params=query)).json()
        pages.append([item["id"] for item in page["items"]])
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    found = [id for page in pages for id in page]
    assert found == await listed(server_api, limit=200)
    assert sorted(found) == [str(number) for number in range(10)]


async def test_a_new_comment_does_not_shift_pages(four: Api) -> None:
    first = (await four.client.get("/api/v1/comments", params={"limit": 2})).json()
    await four.feed.send(arrival("e", created=4))
    assert await listed(four, limit=2, after=first["next"]) == ["b", "a"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "query.limit"),
        ("limit=201", "query.limit"),
        ("limit=x", "query.limit"),
        ("label=good", "query.label"),
        ("platform=Forum", "query.platform"),
        ("uncertain=perhaps", "query.uncertain"),
        ("created_from=yesterday", "query.created_from"),
        ("created_from=1769898600", "query.created_from"),
        ("created_from=2026-01-31T22:30:00", "query.created_from"),
        ("created_from=2026-01-31T22:30:00+08:00", "query.created_from"),
        ("created_from=9999-12-31T23:59:59-08:00", "query.created_from"),
        ("created_from=2026-02-01T00:00:00Z&created_to=2026-01-01T00:00:00Z", "query"),
        ("lable=negative", "query.lable"),
        ("after=" + "x" * 101, "query.after"),
    ],
)
async def test_the_error_names_the_invalid_query_parameter(api: Api, query: str, field: str) -> None:
    answer = await api.client.get(f"/api/v1/comments?{query}")
    found = problem(answer, 422)
    assert found["code"] == "invalid_request"
    assert [error["field"] for error in found["errors"]] == [field]


@pytest.mark.parametrize(
    "cursor", ["x", "!", "MS4y", "bm90IGEgY3Vyc29y", "LTEuLTE", "", "OTk5OTk5OTk5OTk5OTk5OTk5LjE", "好"]
)
async def test_an_invalid_cursor_is_rejected(api: Api, cursor: str) -> None:
    answer = await api.client.get("/api/v1/comments", params={"after": cursor})
    if cursor == "MS4y":
        assert answer.status_code == 200  # "1.2", a valid cursor.
        return
    assert problem(answer, 422)["code"] == "invalid_cursor"


async def history(api: Api, platform: str, id: str) -> httpx.Response:
    # Clients resolve "..", so its dots are encoded.
    encoded = quote(id, safe="").replace(".", "%2E")
    return await api.client.get(f"/api/v1/comments/{platform}/{encoded}")


async def test_the_history_of_a_comment(server_api: Api) -> None:
    api = server_api
    await api.feed.send(arrival("1", "第一版"), dead_letter(1), arrival("1", "第二版", edited=2))
    other = await feed_of(api.store, "b" * 64)
    await other.send(arrival("1", "第二版", edited=2, label=Label.NEGATIVE, probability=0.2))
    answer = (await history(api, "forum", "1")).json()
    assert answer["comment"]["text"] == "第二版"
    assert answer["comment"]["label_source"] == "active_model"
    assert [(one["model"], one["active"], one["label"]) for one in answer["predictions"]] == [
        ("b" * 64, False, "negative"),
        ("a" * 64, True, "positive"),
    ]
    [version] = answer["earlier_versions"]
    assert (version["text"], version["edited_at"]) == ("第一版", None)
    [letter] = answer["dead_letters"]
    assert letter.pop("number") > 0
    assert letter.pop("stored_at").endswith("Z")
    assert letter == {
        "group": "liuyan",
        "topic": "comments",
        "partition": 0,
        "offset": 1,
        "record_timestamp": 1_769_898_600_000,
        "reason": "json",
        "detail": "It is not JSON.",
    }


async def test_dead_letters_are_shown_without_a_comment(api: Api) -> None:
    await api.feed.send(dead_letter(0, key=b"forum:7"))
    answer = (await history(api, "forum", "7")).json()
    assert answer["comment"] is None
    assert answer["predictions"] == answer["earlier_versions"] == []
    assert len(answer["dead_letters"]) == 1


async def test_unknown_and_erased_comments_are_not_found(api: Api) -> None:
    await api.feed.send(arrival("1"), tombstone("1", at=1))
    for id in ("1", "2"):
        found = problem(await history(api, "forum", id), 404)
        assert found["code"] == "no_comment"
        assert "never consumed, or it was erased" in found["detail"]


IDS = [
    "a/b/c",
    "/",
    "//x//",
    "trailing/",
    "100%",
    "%2F",
    "a%20b",
    "..",
    "../../etc/passwd",
    ".hidden",
    "a:b:c",
    "?x=1&y=2",
    "#fragment",
    "a b ",
    "+",
    "line\nbreak\n",
    "📦 𠮷 é",
    "é",
    "\\",
    "x" * 128,
    "文" * 128,
]


async def test_every_valid_id_works_in_a_path(server_api: Api) -> None:
    await server_api.feed.send(*(arrival(id, f"text of {number}") for number, id in enumerate(IDS)))
    for number, id in enumerate(IDS):
        answer = await history(server_api, "forum", id)
        assert answer.status_code == 200, (id, answer.text)
        assert (answer.json()["comment"]["id"], answer.json()["comment"]["text"]) == (id, f"text of {number}")


async def test_every_valid_id_works_in_the_query(api: Api) -> None:
    await api.feed.send(*(arrival(id) for id in IDS))
    for id in IDS:
        answer = await api.client.get("/api/v1/comments/forum", params={"id": id})
        assert answer.json()["comment"]["id"] == id
    assert (await api.client.get("/api/v1/comments/forum")).status_code == 422


async def test_slashes_in_an_id_need_no_encoding(api: Api) -> None:
    await api.feed.send(arrival("T-1001/2"))
    answer = await api.client.get("/api/v1/comments/forum/T-1001/2")
    assert answer.json()["comment"]["id"] == "T-1001/2"


@pytest.mark.parametrize(
    ("path", "field"), [("forum/", "path.id"), ("forum/" + "x" * 129, "path.id"), ("FORUM/1", "path.platform")]
)
async def test_the_error_names_the_invalid_path_parameter(api: Api, path: str, field: str) -> None:
    found = problem(await api.client.get(f"/api/v1/comments/{path}"), 422)
    assert [error["field"] for error in found["errors"]] == [field]


async def test_markup_and_wildcards_are_data(api: Api) -> None:
    await api.feed.send(arrival("<b>'\"%_\\", "<script>alert(1)</script>"))
    answer = await history(api, "forum", "<b>'\"%_\\")
    assert answer.json()["comment"]["text"] == "<script>alert(1)</script>"
    assert (await history(api, "forum", "%")).status_code == 404
