"""Dead letters over REST."""

import base64
from typing import Any

import pytest

from store.audit import AuditFilter, list_records
from tests.api.conftest import Api
from tests.store.feed import dead_letter

pytestmark = pytest.mark.timeout(60)
PATH = "/api/v1/dead-letters"


async def numbers(api: Api, query: str = "") -> list[int]:
    answer = await api.client.get(PATH + query)
    assert answer.status_code == 200, answer.text
    return [one["number"] for one in answer.json()["items"]]


async def act(api: Api, action: str, **selection: object) -> tuple[int, Any]:
    answer = await api.client.post(f"{PATH}/{action}", json=selection)
    return answer.status_code, answer.json().get("changed", answer.json().get("code"))


async def three(api: Api) -> list[int]:
    """Store three dead letters, one plain, one binary and one without key and value. Return them newest first."""
    await api.feed.send(
        dead_letter(0, value="{好".encode()),
        dead_letter(1, key=b"\xff", value=b"\xfe\x00", headers=(("trace", b"\x80"), ("none", None))),
        dead_letter(2, key=None, value=None),
    )
    return await numbers(api)


async def test_dead_letters_are_filtered_and_paginated(api: Api) -> None:
    newest, middle, oldest = await three(api)
    assert await numbers(api, "?reason=json&topic=comments") == [newest, middle, oldest]
    for query in ("?reason=other", "?topic=%25", "?since=2999-01-01T00:00:00Z", "?state=resolved"):
        assert await numbers(api, query) == []
    first = (await api.client.get(f"{PATH}?limit=1")).json()
    assert (first["items"][0]["number"], first["next"]) == (newest, newest)
    assert await numbers(api, f"?before={newest}&limit=2") == [middle, oldest]
    assert await act(api, "discard", numbers=[middle]) == (200, 1)
    assert await numbers(api) == [newest, oldest]
    assert await numbers(api, "?state=open&state=discarded") == [newest, middle, oldest]


async def test_text_and_binary_content_is_returned(api: Api) -> None:
    _, binary, plain = await three(api)
    letter = (await api.client.get(f"{PATH}/{plain}")).json()
    assert (letter["key"]["text"], letter["value"]["text"]) == ("forum:1", "{好")
    letter = (await api.client.get(f"{PATH}/{binary}")).json()
    assert letter["value"] == {"text": None, "base64": base64.b64encode(b"\xfe\x00").decode()}
    assert letter["headers"] == [
        {"name": "trace", "value": {"text": None, "base64": "gA=="}},
        {"name": "none", "value": {"text": None, "base64": None}},
    ]
    missing = await api.client.get(f"{PATH}/99")
    assert (missing.status_code, missing.json()["code"]) == (404, "dead_letter_missing")


async def test_requeue_and_discard_are_atomic_and_audited(api: Api) -> None:
    newest, middle, oldest = await three(api)
    assert await act(api, "requeue", numbers=[newest, 99]) == (404, "dead_letter_missing")
    assert await act(api, "requeue", numbers=[newest, newest]) == (200, 1)
    assert await act(api, "requeue", numbers=[newest]) == (200, 0)
    assert await act(api, "discard", all=True, reason="other") == (200, 0)
    assert await act(api, "discard", all=True) == (200, 2)
    order = (await api.client.get(f"{PATH}/{newest}")).json()["orders"][0]
    assert (order["ordered_by"], order["done_at"]) == (api.admin.name, None)
    async with api.store.reading() as connection:
        records = (await list_records(connection, AuditFilter(object_kind="dead_letter"), None, 10)).items
    assert {(one.action, one.object_id, one.user_number) for one in records} == {
        ("dead_letter.requeue", str(newest), api.admin.number),
        ("dead_letter.discard", str(middle), api.admin.number),
        ("dead_letter.discard", str(oldest), api.admin.number),
    }


async def test_dead_letters_are_deleted(api: Api) -> None:
    newest, middle, oldest = await three(api)
    assert await act(api, "delete", numbers=[newest, 99]) == (404, "dead_letter_missing")
    assert await act(api, "delete", numbers=[newest, newest]) == (200, 1)
    assert await act(api, "discard", numbers=[middle]) == (200, 1)
    assert await act(api, "delete", all=True) == (200, 1)
    assert await numbers(api, "?state=open&state=discarded") == [oldest]
    assert await act(api, "delete", all=True, state=["open"], reason="json") == (200, 1)
    assert await numbers(api) == []
    assert await act(api, "delete", state=["open"]) == (422, "invalid_request")


async def test_a_truncated_dead_letter_cannot_be_requeued(api: Api) -> None:
    await api.feed.send(dead_letter(0, value=b"x" * 2_000_000), truncate=True)
    [number] = await numbers(api)
    assert await act(api, "requeue", numbers=[number]) == (409, "dead_letter_truncated")
    assert await act(api, "requeue", all=True) == (200, 0)


@pytest.mark.parametrize(
    "selection",
    [
        {},
        {"numbers": []},
        {"numbers": [1], "all": True},
        {"numbers": [1], "reason": "json"},
        {"numbers": [0]},
        {"no": 1},
    ],
    ids=str,
)
async def test_a_selection_is_either_numbers_or_all(api: Api, selection: dict[str, object]) -> None:
    assert await act(api, "requeue", **selection) == (422, "invalid_request")
