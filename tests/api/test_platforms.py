"""What accounts and tokens of a platform may read: their own platform and nothing else, on every route."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import update

from api.identity.roles import Role
from store.admin_tables import api_tokens, users
from store.audit import Actor
from store.comments import ShownLabel
from store.reviews import Opinion, add_review
from tests.api.conftest import Api
from tests.api.people import PASSWORD, Person, add_person, session_headers
from tests.store.feed import START, arrival, dead_letter

pytestmark = pytest.mark.timeout(60)
ROOT = "/api/v1/platforms"
ROUTES = ("labels", "trend", "rejected", "rejected/reasons")
# Names and texts that the platform forum must never see.
CANARIES = ("秘密", "shop", "secret-", "小审")
NOW = (datetime.now(UTC) - START).total_seconds() / 60


@dataclass(frozen=True)
class Two:
    """Two platforms with comments and rejected events; ``forum`` is an account of the first one."""

    api: Api
    forum: Person

    async def get(self, path: str, **query: str | int) -> httpx.Response:
        """Send a request with the token of the platform's account."""
        return await self.api.anonymous.get(f"{ROOT}/{path}", params=query, headers=self.forum.bearer)

    async def page(self, path: str) -> httpx.Response:
        """Open a page in a session of the platform's account."""
        return await self.api.anonymous.get(f"/admin{path}", headers=session_headers(self.forum.session))


@pytest.fixture
async def two(api: Api) -> Two:
    """Comments, a review and rejected events of the platforms forum and shop, and a rejected event of neither."""
    letter = replace(dead_letter(0, b"forum:9", b'{"platform": "forum", "author": "secret-author"}'), platform="forum")
    await api.feed.send(
        arrival("1", "很好用", created=NOW - 30, author="secret-author"),
        arrival("2", "不好用", created=NOW - 20, author="secret-author"),
        arrival("3", "秘密", created=NOW - 10, platform="shop", author="secret-author"),
        replace(letter, offset=0, headers=(("trace", b"secret-header"),)),
        replace(letter, offset=1, reason="refused_by_database", detail="Duplicate entry 'secret-shop'"),
        replace(letter, offset=2, key=b"shop:1", platform="shop", reason="not_json"),
        replace(letter, offset=3, key=b"secret-key", platform=None, reason="invalid_key"),
    )
    reviewer = await add_person(api.store, "小审", Role.REVIEWER, now=api.clock())
    actor = Actor(reviewer.number, reviewer.name, "session", None)
    newest = (await api.client.get("/api/v1/comments?platform=forum")).json()["items"][0]
    opinion = Opinion("forum", "2", newest["version"], ShownLabel.NEGATIVE, reason="secret-reason")
    await add_review(api.store, actor, opinion)
    return Two(api, await add_person(api.store, "论坛", Role.PLATFORM, now=api.clock(), platform="forum"))


def hides_others(answer: httpx.Response) -> None:
    assert [one for one in CANARIES if one in answer.text] == []


async def test_platform_reads_its_labels_trend_and_rejected_events(two: Two) -> None:
    answers = {route: await two.get(f"forum/{route}") for route in ROUTES}
    for route, answer in answers.items():
        assert answer.status_code == 200, (route, answer.text)
        hides_others(answer)
    labels = answers["labels"].json()["items"]
    assert [(one["id"], one["label"], one["reviewed"]) for one in labels] == [
        ("2", "negative", True),
        ("1", "positive", False),
    ]
    assert sum(row["comments"] for row in answers["trend"].json()["rows"]) == 2
    events = answers["rejected"].json()["items"]
    assert [(one["reason"], one["detail"], one["key"]["text"]) for one in events] == [
        ("refused_by_database", "", "forum:9"),
        ("json", "It is not JSON.", "forum:9"),
    ]
    assert answers["rejected/reasons"].json()["rows"] == [
        {"reason": "json", "events": 1},
        {"reason": "refused_by_database", "events": 1},
    ]


@pytest.mark.parametrize("route", ROUTES)
async def test_other_platforms_are_refused_and_filters_cannot_widen(two: Two, route: str) -> None:
    # 403 for existing and for unknown platforms, so that the answer does not tell which ones exist.
    for other in ("shop", "nowhere", "forum2", "foru"):
        assert (await two.get(f"{other}/{route}")).status_code == 403, other
        session = await two.api.anonymous.get(f"{ROOT}/{other}/{route}", headers=session_headers(two.forum.session))
        assert session.status_code == 403, other
    for name in ("%20forum", "FORUM", "forum%2Fshop", "", "%25", "forum%00"):
        answer = await two.get(f"{name}/{route}")
        assert answer.status_code in (403, 404, 422), (name, answer.text)
    if route != "rejected/reasons":
        for name in ("platform", "author", "text", "thread", "model", "state", "topic"):
            assert (await two.get(f"forum/{route}", **{name: "shop"})).status_code == 422, name


async def test_cursors_of_other_platforms_show_nothing_more(two: Two) -> None:
    page = (await two.api.client.get("/api/v1/comments?limit=1")).json()  # The newest is the shop's.
    items = (await two.get("forum/labels", after=page["next"], limit=10)).json()["items"]
    assert [one["id"] for one in items] == ["2", "1"]
    letters = (await two.api.client.get("/api/v1/dead-letters")).json()["items"]
    for before in range(1, max(one["number"] for one in letters) + 2):
        answer = await two.get("forum/rejected", before=before)
        assert {one["key"]["text"] for one in answer.json()["items"]} <= {"forum:9"}


async def test_rejected_events_are_paginated_and_filtered_by_reason(two: Two) -> None:
    first = (await two.get("forum/rejected", limit=1)).json()
    second = (await two.get("forum/rejected", limit=1, before=first["next"])).json()
    assert [one["reason"] for one in first["items"] + second["items"]] == ["refused_by_database", "json"]
    assert second["next"] is None
    assert len((await two.get("forum/rejected", reason="json")).json()["items"]) == 1
    assert (await two.get("forum/rejected", reason="not_json")).json()["items"] == []


async def test_pages_show_only_the_own_platform(two: Two) -> None:
    for path in ("/", "/platforms/forum", "/platforms/forum?reason=not_json", "/account"):
        page = await two.page(path)
        assert page.status_code == 200, path
        hides_others(page)
    own = await two.page("/platforms")
    assert (own.status_code, own.headers["location"]) == (303, "/admin/platforms/forum")
    for path in ("/platforms/shop", "/platforms/nowhere", "/platforms/FORUM", "/detect", "/analytics", "/comments"):
        refused = await two.page(path)
        assert refused.status_code == 403, path
        hides_others(refused)


async def test_notices_are_not_for_platforms(two: Two) -> None:
    notice = {"title": "secret-notice", "body": "secret-body", "starts_at": "2026-01-01T00:00:00Z"}
    made = await two.api.client.post("/api/v1/notices", json=notice)
    assert made.status_code == 201, made.text
    hides_others(await two.page("/"))
    notices = await two.api.anonymous.get("/api/v1/notices", headers=two.forum.bearer)
    assert notices.status_code == 403


async def test_admins_read_every_platform_and_list_them(two: Two) -> None:
    for platform in ("forum", "shop", "nowhere"):
        for route in ROUTES:
            assert (await two.api.client.get(f"{ROOT}/{platform}/{route}")).status_code == 200
    listed = await two.api.page.get("/admin/platforms")
    assert "/admin/platforms/shop" in listed.text
    assert (await two.api.page.get("/admin/platforms/NOWHERE")).status_code == 404


async def new_token(api: Api, person: Person, **request: object) -> tuple[int, Any]:
    given = {"name": "a token", "days": 7, **request}
    answer = await api.anonymous.post("/api/v1/account/tokens", json=given, headers=session_headers(person.session))
    return answer.status_code, answer.json()


async def test_token_of_an_admin_reads_one_platform(two: Two) -> None:
    status, made = await new_token(two.api, two.api.admin, role="platform", platform="shop")
    assert (status, made["token"]["platform"]) == (201, "shop")
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    for route in ROUTES:
        assert (await two.api.anonymous.get(f"{ROOT}/shop/{route}", headers=bearer)).status_code == 200
        assert (await two.api.anonymous.get(f"{ROOT}/forum/{route}", headers=bearer)).status_code == 403
    for path in ("/api/v1/comments", "/api/v1/users", "/api/v1/analytics/labels", "/api/v1/dead-letters"):
        assert (await two.api.anonymous.get(path, headers=bearer)).status_code == 403
    for path in ("", "/sessions", "/tokens"):  # The admin's own.
        answer = await two.api.anonymous.get(f"/api/v1/account{path}", headers=bearer)
        assert (answer.status_code, answer.json()["code"]) == (403, "platform_token")
        assert "admin" not in answer.text


async def test_only_admins_and_the_platform_itself_create_its_tokens(two: Two) -> None:
    for role in (Role.USER, Role.REVIEWER):
        person = await add_person(two.api.store, f"a {role}", role, now=two.api.clock())
        status, refused = await new_token(two.api, person, role="platform", platform="forum")
        assert (status, refused["code"]) == (403, "role_too_low")
    for platform in ("shop", "", "detect"):
        status, refused = await new_token(two.api, two.forum, role="platform", platform=platform)
        assert (status, refused["code"]) == (403, "other_platform")
    for other in ("user", "reviewer", "admin"):
        assert (await new_token(two.api, two.forum, role=other))[0] == 403
    status, made = await new_token(two.api, two.forum, role="platform")
    assert (status, made["token"]["platform"]) == (201, "forum")


async def test_binding_is_checked(two: Two) -> None:
    status, refused = await new_token(two.api, two.api.admin, role="platform")
    assert (status, refused["code"]) == (422, "invalid_platform")
    path, account = "/api/v1/users", {"name": "某平台", "password": "七月 木头 飞机 牛奶糖"}
    for role, platform in (
        *(("platform", name) for name in (None, "", " ", "Forum", "a" * 33, "a|b", "detect")),
        ("user", "forum"),
        ("admin", "forum"),
    ):
        given = account | {"role": role, "platform": platform}
        answer = await two.api.page.post(path, json=given)
        assert answer.status_code == 422, (role, platform, answer.text)
    made = await two.api.page.post(path, json=account | {"role": "platform", "platform": "desk"})
    assert (made.status_code, made.json()["platform"]) == (201, "desk")
    waiting = await add_person(two.api.store, "等待", now=two.api.clock(), state="waiting")
    form = {"role": "platform"}
    approved = await two.api.page.post(f"/admin/users/{waiting.number}/approve", data=form)
    assert approved.status_code == 422


async def test_change_of_the_platform_revokes_tokens_and_takes_effect_at_once(two: Two) -> None:
    path = f"/api/v1/users/{two.forum.number}"
    changed = await two.api.page.patch(path, json={"platform": "shop"})
    assert changed.json()["platform"] == "shop"
    assert (await two.get("forum/labels")).status_code == 401  # The token is revoked.
    assert (await two.page("/platforms/forum")).status_code == 403
    assert (await two.page("/platforms/shop")).status_code == 200
    user = await two.api.page.patch(path, json={"role": "user"})
    assert (user.json()["role"], user.json()["platform"]) == ("user", None)
    assert (await two.page("/platforms/shop")).status_code == 403
    records = (await two.api.client.get("/api/v1/audit", params={"action": "user.edit"})).json()["items"]
    assert [one["detail"].get("platform") for one in records] == [["shop", None], ["forum", "shop"]]


@pytest.mark.parametrize(
    ("account", "token"),
    [
        ({"role": "user", "platform": None}, {"platform": "forum"}),
        ({"role": "reviewer", "platform": None}, {"platform": "forum"}),
        ({"platform": "shop"}, {"platform": "forum"}),
        ({"platform": None}, {}),
        ({"role": "admin", "platform": None}, {"platform": None}),
    ],
)
async def test_token_that_contradicts_its_account_is_invalid(
    two: Two, account: dict[str, Any], token: dict[str, Any]
) -> None:
    """Such rows can only result from a race or from manual changes."""
    async with two.api.store.writing() as session:
        number = two.forum.number
        await session.connection.execute(update(users).where(users.c.number == number).values(**account))
        if token:
            of_account = api_tokens.c.user_number == number
            await session.connection.execute(update(api_tokens).where(of_account).values(**token))
    for platform in ("forum", "shop"):
        assert (await two.get(f"{platform}/labels")).status_code == 401


async def test_account_of_a_platform_changes_its_password_and_signs_out(two: Two) -> None:
    headers = session_headers(two.forum.session)
    change = {"current_password": PASSWORD, "new_password": "七月 木头 飞机 牛奶糖"}
    done = await two.api.anonymous.post("/api/v1/account/password", json=change, headers=headers)
    assert done.status_code == 204, done.text
