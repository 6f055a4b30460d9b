"""Notices over REST: written by administrators, read by everyone who signs in, and safe to render."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest

from api.identity.roles import Role
from api.markdown import render_markdown
from store.audit import AuditFilter, list_records
from tests.api.conftest import Api
from tests.api.people import add_person
from tests.api.test_comments import problem

pytestmark = pytest.mark.timeout(60)
TITLE = "维护通知"


async def write(api: Api, **changes: object) -> dict[str, Any]:
    answer = await api.client.post("/api/v1/notices", json={"title": TITLE, "body": "**停机**", **changes})
    assert answer.status_code == 201, answer.text
    written: dict[str, Any] = answer.json()
    return written


async def test_a_title_has_no_control_characters(api: Api) -> None:
    answer = await api.client.post("/api/v1/notices", json={"title": "a\x1b[31mb"})
    assert "title: String should not contain control characters" in problem(answer, 422)["detail"]


async def titles(api: Api, query: str = "", **headers: str) -> list[str]:
    answer = await api.client.get(f"/api/v1/notices{query}", headers=headers)
    assert answer.status_code == 200
    return [one["title"] for one in answer.json()["items"]]


def in_minutes(count: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=count)).isoformat()


async def test_a_notice_is_created_read_replaced_and_deleted(api: Api) -> None:
    written = await write(api)
    assert (written["state"], written["html"]) == ("current", "<p><strong>停机</strong></p>\n")
    assert written["created_by"] == api.admin.name
    path = f"/api/v1/notices/{written['number']}"
    changed = (await api.client.put(path, json={"title": "改期", "ends_at": in_minutes(5)})).json()
    assert (changed["title"], changed["body"], changed["edited_by"]) == ("改期", "", api.admin.name)
    assert (await api.client.get(path)).json() == changed
    assert (await api.client.delete(path)).status_code == 204
    for method in ("GET", "DELETE"):
        missing = await api.client.request(method, path)
        assert (missing.status_code, missing.json()["code"]) == (404, "no_notice")


async def test_time_range_and_withdrawal_determine_the_state(api: Api) -> None:
    await write(api, title="now")
    await write(api, title="later", starts_at=in_minutes(5))
    await write(api, title="over", starts_at=in_minutes(-10), ends_at=in_minutes(-5))
    pinned = await write(api, title="pinned", pinned=True, starts_at=in_minutes(-60))
    withdrawn = await write(api, title="withdrawn")
    answer = (await api.client.post(f"/api/v1/notices/{withdrawn['number']}/withdraw")).json()
    assert answer["state"] == "withdrawn"
    assert await titles(api) == ["pinned", "now"]
    states = {one["title"]: one["state"] for one in (await api.client.get("/api/v1/notices?which=all")).json()["items"]}
    assert states == {
        "now": "current",
        "later": "scheduled",
        "over": "ended",
        "pinned": "current",
        "withdrawn": "withdrawn",
    }
    restored = (await api.client.post(f"/api/v1/notices/{withdrawn['number']}/restore")).json()
    assert restored["state"] == "current"
    api.clock.ahead = timedelta(minutes=6)
    assert await titles(api) == ["pinned", "later", "withdrawn", "now"]
    assert pinned["pinned"]


async def test_all_notices_are_paginated_and_only_for_administrators(api: Api) -> None:
    for number in range(5):
        await write(api, title=str(number))
    first = (await api.client.get("/api/v1/notices?which=all&limit=2")).json()
    assert [one["title"] for one in first["items"]] == ["4", "3"]
    rest = (await api.client.get(f"/api/v1/notices?which=all&limit=9&before={first['next']}")).json()
    assert ([one["title"] for one in rest["items"]], rest["next"]) == (["2", "1", "0"], None)
    user = await add_person(api.store, "小用", Role.USER, now=api.clock())
    assert len(await titles(api, **user.bearer)) == 5
    refused = await api.client.get("/api/v1/notices?which=all", headers=user.bearer)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_too_low")


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "  "},
        {"title": "长" * 201},
        {"body": "长" * 20_001},
        {"body": "NUL\x00"},
        {"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
        {"starts_at": "tomorrow"},
        {"ends_at": "9999-12-31T23:59:59Z"},
        {"starts_at": "0001-01-01T00:00:00Z"},
        {"colour": "red"},
    ],
    ids=lambda wrong: " ".join(f"{name}={value[:12]!r}" for name, value in wrong.items()),
)
async def test_invalid_notices_are_rejected(api: Api, wrong: dict[str, str]) -> None:
    answer = await api.client.post("/api/v1/notices", json={"title": TITLE, **wrong})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert await titles(api, "?which=all") == []


async def test_every_change_is_audited_without_the_body(api: Api) -> None:
    number = (await write(api))["number"]
    path = f"/api/v1/notices/{number}"
    await api.client.put(path, json={"title": "改期", "body": "秘密"})
    for action in ("withdraw", "withdraw", "restore"):
        await api.client.post(f"{path}/{action}")
    await api.client.delete(path)
    await api.client.delete(path)
    async with api.store.reading() as connection:
        records = (await list_records(connection, AuditFilter(object_kind="notice"), None, 20)).items
    assert [one.action for one in records] == [
        f"notice.{done}" for done in ("delete", "restore", "withdraw", "edit", "add")
    ]
    assert {(one.user_number, one.object_id) for one in records} == {(api.admin.number, str(number))}
    assert "秘密" not in str(records)


async def test_problems_are_in_the_language_of_the_request(api: Api) -> None:
    async def detail(language: str) -> str:
        answer = await api.client.get("/api/v1/notices/7", headers={"Accept-Language": language})
        return str(answer.json()["detail"])

    assert await detail("en") == "There is no notice 7: it never existed, or it was deleted."
    assert await detail("zh-CN") == "没有编号为 7 的公告：它从未存在，或已被删除。"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n[x]",
        '[x](https://example.org "onclick=alert(1)")',
        "![x](https://example.org/x.png)",
        "`<b onmouseover=alert(1)>`",
        "<style>*{display:none}</style>",
        "<iframe src=//example.org></iframe>",
    ],
)
def test_markdown_renders_to_safe_html(text: str) -> None:
    html = str(render_markdown(text))
    for tag in ("<script", "<img", "<style", "<iframe", "<b ", 'javascript:alert(1)"', 'href="data', 'href="vb'):
        assert tag not in html.lower().replace("&lt;", ""), html


def test_markdown_is_rendered() -> None:
    html = str(render_markdown("# 标题\n第一行\n第二行 **粗** [链接](https://example.org)\n\n| 甲 |\n| - |\n| 乙 |"))
    assert "<h3>标题</h3>" in html
    assert "第一行<br>" in html.replace("<br />", "<br>")
    assert 'href="https://example.org" rel="noopener noreferrer nofollow"' in html
    assert "<td>乙</td>" in html


async def test_notices_require_authentication(api: Api) -> None:
    answer: httpx.Response = await api.anonymous.get("/api/v1/notices")
    assert answer.status_code == 401
