"""Accounts over REST: changes by admins and by their owners, and the audit log."""

from datetime import timedelta
from typing import Any

import httpx2 as httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from api.identity.csrf import COOKIE, HEADER
from api.identity.passwords import TEMPORARY_FOR
from api.identity.roles import Role
from store.admin_tables import api_tokens, audit_log, users
from tests.api.conftest import Api
from tests.api.people import PASSWORD, Person, add_person, csrf_token, session_headers
from tests.api.test_comments import problem
from tests.api.test_sign_in import browser, sentence, sign_in

pytestmark = pytest.mark.timeout(60)
GOOD = "七月 木头 飞机 牛奶糖"

# They look like `admin` or like 小王: fillers, other scripts, other widths, invisible and combining characters.
LOOK_ALIKES = (
    *("аdmin", "admіn", "αdmin", "admin\u3164", "ad\u115fmin", "ad\u200bmin", "ａｄｍｉｎ", "admın", "adm\u0131n"),
    *(
        "ad\u0301min",
        "小王\ufe00",
        "小\u3164王",
        "⼩王",
        "小 王",
        "ad min",
        "admin@",
        "admin+1",
        "小王\u2800",
        "-admin",
    ),
)
# What the audit log records besides changes.
OBSERVED = ("request.refused", "session.sign_in_failed", "session.confirm_failed", "user.read_contacts")


@pytest.fixture
def contacts_kept(api: Api) -> None:
    """Configure an encryption key for contacts."""
    object.__setattr__(
        api.services, "settings", api.services.settings.model_copy(update={"contact_key": SecretStr("c" * 32)})
    )


async def changes(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the audit log, oldest first."""
    found = (await api.client.get("/api/v1/audit", params={"limit": 200})).json()["items"]
    changed = [one for one in reversed(found) if one["action"] not in OBSERVED]
    return [(one["action"], one["object_id"], one["detail"]) for one in changed]


async def create(api: Api, name: str = "小王", **fields: object) -> dict[str, Any]:
    answer = await api.page.post("/api/v1/users", json={"name": name, "password": GOOD, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_account_created_by_an_admin_has_a_temporary_password(api: Api, contacts_kept: None) -> None:
    made = await create(api, role="reviewer", phone="+86 10 5555 0100", email="w@example.com")
    assert made["state"] == "active"
    assert (made["phone"], made["email"]) == ("+86 10 5555 0100", "w@example.com")
    assert made["must_change_password"] is True
    assert await changes(api) == [("user.create", str(made["number"]), {"name": "小王", "role": "reviewer"})]
    async with browser(api) as client:
        assert (await sign_in(client, "小王", GOOD)).status_code == 303
        # Everything else requires the password change first.
        page = await client.get("/admin/account")
        assert (page.status_code, page.headers["location"]) == (303, "/admin/password?next=%2Fadmin%2Faccount")
        assert problem(await client.get("/api/v1/comments"), 403)["code"] == "password_change_required"
        assert (await client.get("/api/v1/account")).json()["must_change_password"] is True
        token = client.cookies[COOKIE]
        changed = await client.post(
            "/api/v1/account/password",
            json={"current_password": GOOD, "new_password": PASSWORD},
            headers={HEADER: token},
        )
        assert changed.status_code == 204
        assert (await client.get("/api/v1/comments")).status_code == 200


async def test_contacts_are_stored_encrypted(api: Api, contacts_kept: None) -> None:
    await create(api, phone="13800138000", email="w@example.com")
    async with api.store.reading() as connection:
        row = (await connection.execute(select(users).where(users.c.name == "小王"))).one()
        log = str((await connection.execute(select(audit_log.c.detail))).scalars().all())
    assert "13800138000" not in str(row)
    assert "example.com" not in str(row)
    assert "13800138000" not in log


async def test_without_a_key_contacts_are_rejected_and_not_silently_dropped(api: Api) -> None:
    answer = await api.page.post("/api/v1/users", json={"name": "小王", "password": GOOD, "phone": "13800138000"})
    found = problem(answer, 422)
    assert found["code"] == "no_contact_key"
    assert found["errors"] == [{"field": "body.phone", "detail": found["detail"]}]
    assert (await api.client.get("/api/v1/account")).json()["contacts_kept"] is False


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"password": "short"}, "password_too_short"),
        ({"password": "password12345"}, "password_common"),
        ({"password": "123456789012"}, "password_common"),
        ({"password": "woaini1314520"}, "password_common"),
        ({"password": "aaaaaaaaaaaa"}, "password_common"),
        ({"name": "zhangsan", "password": "my name is ZhangSan!"}, "password_holds_name"),
        ({"name": "x"}, "invalid_name"),
        ({"name": " - "}, "invalid_name"),
        ({"name": "a\nb"}, "invalid_name"),
        ({"name": "<b>bold</b>"}, "invalid_name"),
        ({"name": "ﷺ" * 20}, "invalid_name"),
        *(({"name": name}, "invalid_name") for name in LOOK_ALIKES),
        ({"name": "ADMIN"}, "name_taken"),
        ({"role": "king"}, "invalid_request"),
        ({"nmae": "x"}, "invalid_request"),
    ],
)
async def test_invalid_input_is_rejected_with_the_rule_that_it_breaks(
    api: Api, fields: dict[str, str], code: str
) -> None:
    answer = await api.page.post("/api/v1/users", json={"name": "小王", "password": GOOD, **fields})
    assert problem(answer, 409 if code == "name_taken" else 422)["code"] == code
    assert await changes(api) == []


async def test_the_last_admin_cannot_be_removed(api: Api) -> None:
    own = f"/api/v1/users/{api.admin.number}"
    assert problem(await api.page.post(f"{own}/disable"), 409)["code"] == "last_admin"
    assert problem(await api.page.patch(own, json={"role": "user"}), 409)["code"] == "last_admin"
    other = await create(api, role="admin")
    disabled = await api.page.post(f"/api/v1/users/{other['number']}/disable")
    assert disabled.json()["state"] == "disabled"
    # A disabled admin does not count.
    assert problem(await api.page.patch(own, json={"role": "reviewer"}), 409)["code"] == "last_admin"
    await api.page.post(f"/api/v1/users/{other['number']}/enable")
    assert (await api.page.patch(own, json={"role": "reviewer"})).status_code == 200
    assert problem(await api.page.get("/api/v1/users"), 403)["code"] == "role_too_low"


async def test_disabling_an_account_takes_effect_at_once(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.ADMIN, now=api.clock())
    async with browser(api) as client:
        client.cookies.set("liuyan_session", person.session)
        assert (await client.get("/api/v1/comments")).status_code == 200
        assert (await client.get("/api/v1/comments", headers=person.bearer)).status_code == 200
        await api.page.post(f"/api/v1/users/{person.number}/disable")
        assert (await client.get("/api/v1/comments")).status_code == 401
        assert (await api.anonymous.get("/api/v1/comments", headers=person.bearer)).status_code == 401
        await api.page.post(f"/api/v1/users/{person.number}/enable")
        # Its earlier credentials stay invalid.
        assert (await client.get("/api/v1/comments")).status_code == 401
        assert (await api.anonymous.get("/api/v1/comments", headers=person.bearer)).status_code == 401


async def test_a_lower_role_applies_from_the_next_request(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.REVIEWER, now=api.clock())
    own = session_headers(person.session)
    assert (await api.anonymous.get("/api/v1/comments", headers=own)).status_code == 200
    await api.page.patch(f"/api/v1/users/{person.number}", json={"role": "user"})
    found = problem(await api.anonymous.get("/api/v1/comments", headers=own), 403)
    assert found["code"] == "role_too_low"
    detail = {"role": ["reviewer", "user"], "tokens_revoked": 1}
    assert await changes(api) == [("user.edit", str(person.number), detail)]


async def test_a_reset_password_is_shown_once_and_ends_sessions(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    answer = await api.page.post(f"/api/v1/users/{person.number}/reset-password")
    password = answer.json()["password"]
    assert len(password) >= 16
    assert password not in str(await changes(api))
    async with browser(api) as client:
        client.cookies.set("liuyan_session", person.session)
        assert (await client.get("/api/v1/account")).status_code == 401
        client.cookies.clear()
        assert (await sign_in(client, "小王")).status_code == 401
        assert (await sign_in(client, "小王", password)).status_code == 303
        assert (await client.get("/api/v1/account")).json()["must_change_password"] is True


async def test_changing_the_password_ends_the_other_sessions(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client:
        client.cookies.update(person.cookies)
        header = {HEADER: client.cookies[COOKIE]}
        wrong = {"current_password": "something else", "new_password": GOOD}
        refused = await client.post("/api/v1/account/password", json=wrong, headers=header)
        assert problem(refused, 422)["code"] == "wrong_password"
        same = {"current_password": PASSWORD, "new_password": PASSWORD}
        assert problem(await client.post("/api/v1/account/password", json=same, headers=header), 422)["code"] == (
            "same_password"
        )
        await sign_in(browser(api), "小王")
        right = {"current_password": PASSWORD, "new_password": GOOD}
        client.cookies.clear()
        client.cookies.update(person.cookies)
        assert (await client.post("/api/v1/account/password", json=right, headers=header)).status_code == 204
        listed = (await client.get("/api/v1/account/sessions")).json()["items"]
        assert [session["current"] for session in listed] == [True]
        client.cookies.clear()
        client.cookies.update(person.cookies)
        assert (await client.get("/api/v1/account")).status_code == 401


async def test_sessions_are_listed_and_ended_individually(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as first, browser(api, client="198.51.100.99") as second:
        await sign_in(first, "小王")
        await sign_in(second, "小王")
        header = {HEADER: first.cookies[COOKIE]}
        listed = (await first.get("/api/v1/account/sessions")).json()["items"]
        assert len(listed) == 3
        [other] = [one for one in listed if one["address"] == "198.51.100.99"]
        assert (await first.delete(f"/api/v1/account/sessions/{other['id']}", headers=header)).status_code == 204
        assert (await second.get("/api/v1/account")).status_code == 401
        gone = await first.delete(f"/api/v1/account/sessions/{other['id']}", headers=header)
        assert problem(gone, 404)["code"] == "no_session"
        ended = await first.delete("/api/v1/account/sessions", headers=header)
        assert ended.json() == {"sessions_ended": 1, "tokens_revoked": 0}
        assert (await first.get("/api/v1/account")).status_code == 200
        # Nobody can end another account's session.
        [admin] = (await api.client.get("/api/v1/account/sessions")).json()["items"]
        foreign = await first.delete(f"/api/v1/account/sessions/{admin['id']}", headers=header)
        assert foreign.status_code == 404
    assert person.number


async def test_a_change_with_a_cookie_requires_the_csrf_token(api: Api) -> None:
    body = {"name": "export", "role": "user"}
    async with browser(api) as client:
        client.cookies.set("liuyan_session", api.admin.session)
        for cookie, header in (
            (None, None),
            (csrf_token(), None),
            (None, csrf_token()),
            (csrf_token(), "forged"),
            ("forged", "forged"),
        ):
            client.cookies.delete(COOKIE) if COOKIE in client.cookies else None
            if cookie:
                client.cookies.set(COOKIE, cookie)
            headers = {HEADER: header} if header else {}
            refused = await client.post("/api/v1/account/tokens", json=body, headers=headers)
            assert problem(refused, 403)["code"] == "csrf", (cookie, header)
        client.cookies.delete(COOKIE)
        # Pages and REST share one mechanism: a page's token works for a request to the API.
        await client.get("/admin/account")
        answer = await client.post("/api/v1/account/tokens", json=body, headers={HEADER: client.cookies[COOKIE]})
        assert answer.status_code == 201


async def make_token(api: Api, person: Person, **fields: object) -> httpx.Response:
    body = {"name": "export", "role": "user", **fields}
    return await api.anonymous.post("/api/v1/account/tokens", json=body, headers=session_headers(person.session))


@pytest.mark.parametrize("name", ["a\x1b[31m\nb", "a\u202eb", " "])
async def test_a_token_name_must_be_printable(api: Api, name: str) -> None:
    problem(await make_token(api, api.admin, name=name), 422)
    async with browser(api) as client:
        client.cookies.set("liuyan_session", api.admin.session)
        await client.get("/admin/account")
        form = {"token_name": name, "role": "user", "days": "7", "csrftoken": client.cookies[COOKIE]}
        answer = await client.post("/admin/account/tokens", data=form)
    assert answer.status_code == 422
    assert "purpose in 1 to 64 characters" in answer.text
    assert (await api.client.get("/api/v1/account/tokens")).json()["items"][0]["name"] != name


async def test_a_token_has_the_rights_of_its_role_until_it_is_revoked(api: Api) -> None:
    made = (await make_token(api, api.admin, role="reviewer")).json()
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    assert (await api.anonymous.get("/api/v1/comments", headers=bearer)).status_code == 200
    assert problem(await api.anonymous.get("/api/v1/users", headers=bearer), 403)["code"] == "role_too_low"
    me = (await api.anonymous.get("/api/v1/account", headers=bearer)).json()
    assert (me["role"], me["account_role"]) == ("reviewer", "admin")
    number = made["token"]["number"]
    assert (await api.page.delete(f"/api/v1/account/tokens/{number}")).status_code == 204
    answer = await api.anonymous.get("/api/v1/comments", headers=bearer)
    assert problem(answer, 401)["code"] == "not_signed_in"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert made["secret"] not in str(await changes(api))
    async with api.store.reading() as connection:
        stored = str((await connection.execute(select(api_tokens))).all())
    assert made["secret"] not in stored


async def test_a_token_expires(api: Api) -> None:
    made = (await make_token(api, api.admin, days=2)).json()
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    api.clock.ahead += timedelta(days=1, hours=23)
    assert (await api.anonymous.get("/api/v1/account", headers=bearer)).status_code == 200
    used = (await api.client.get("/api/v1/account/tokens")).json()["items"][0]["used_at"]
    assert used is not None
    api.clock.ahead += timedelta(hours=2)
    assert (await api.anonymous.get("/api/v1/account", headers=bearer)).status_code == 401


async def test_an_invalid_token_is_rejected_despite_a_valid_session(api: Api) -> None:
    async with browser(api) as client:
        client.cookies.set("liuyan_session", api.admin.session)
        answer = await client.get("/api/v1/account", headers={"Authorization": "Bearer liuyan_nothing"})
        assert answer.status_code == 401


async def test_accounts_are_searched_and_paginated(api: Api) -> None:
    for name in ("anna", "Annika", "bob", "a_b", "100%"):
        await add_person(api.store, name, now=api.clock())
    first = (await api.client.get("/api/v1/users", params={"limit": 4})).json()
    second = (await api.client.get("/api/v1/users", params={"limit": 4, "after": first["next"]})).json()
    names = [user["name"] for user in first["items"] + second["items"]]
    assert names == ["100%", "a_b", "bob", "Annika", "anna", "admin"]
    assert second["next"] is None

    async def found(search: str) -> list[str]:
        answer = await api.client.get("/api/v1/users", params={"search": search})
        return [user["name"] for user in answer.json()["items"]]

    assert await found("ANN") == ["Annika", "anna"]
    assert await found("%") == ["100%"]
    assert await found("_") == ["a_b"]
    assert await found("' OR 1=1 --") == []


async def test_sign_up_requires_approval_by_an_admin(api: Api) -> None:
    async with browser(api) as client:
        page = await sign_up(client, "小李")
        assert (page.status_code, page.headers["location"]) == (303, "/admin/login")
        assert "after an administrator approves it" in (await client.get("/admin/login")).text
        assert "awaiting approval" in sentence(await sign_in(client, "小李", GOOD))
        [waiting] = (await api.client.get("/api/v1/users", params={"state": "waiting"})).json()["items"]
        number = waiting["number"]
        assert (await api.page.post(f"/api/v1/users/{number}/approve")).json()["state"] == "active"
        assert problem(await api.page.post(f"/api/v1/users/{number}/approve"), 409)["code"] == "wrong_state"
        assert (await sign_in(client, "小李", GOOD)).status_code == 303
    assert [action for action, _, _ in await changes(api)] == ["user.sign_up", "user.approve", "session.sign_in"]


@pytest.mark.parametrize(("rule", "status"), [("open", 303), ("closed", 403)])
async def test_sign_up_follows_the_setting(api: Api, rule: str, status: int) -> None:
    object.__setattr__(api.services, "settings", api.services.settings.model_copy(update={"sign_up": rule}))
    async with browser(api) as client:
        page = await sign_up(client, "小李")
        assert page.status_code == status
        assert (await client.get("/api/v1/account")).status_code == (200 if rule == "open" else 401)


async def test_sign_up_is_throttled_by_address(api: Api) -> None:
    api.clock.ahead += timedelta(seconds=3600 - api.clock().timestamp() % 3600)
    async with browser(api) as client:
        for number in range(10):
            assert (await sign_up(client, f"name{number}")).status_code == 303
        assert (await sign_up(client, "one more")).status_code == 429


async def sign_up(client: httpx.AsyncClient, name: str) -> httpx.Response:
    await client.get("/admin/login")
    form = {"csrftoken": client.cookies[COOKIE], "name": name, "password": GOOD, "password_again": GOOD}
    return await client.post("/admin/sign-up", data=form)


async def test_problems_are_in_the_language_of_the_request(api: Api) -> None:
    response = await api.anonymous.get("/api/v1/comments", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.1"})
    found = problem(response, 401)
    assert found["title"] == "未登录"
    assert found["detail"].startswith("请在 /admin 登录")
    refused = await api.client.get("/api/v1/users?limit=900&colour=red", headers={"Cookie": "language=zh"})
    errors = problem(refused, 422)["errors"]
    assert {(one["field"], one["detail"]) for one in errors} == {
        ("query.limit", "应小于或等于 200"),
        ("query.colour", "不支持此项"),
    }
    english = problem(await api.client.get("/api/v1/users?limit=900"), 422)
    assert english["detail"] == "query.limit: Input should be less than or equal to 200."
    taken = {"name": "admin", "password": GOOD}
    answer = await api.page.post("/api/v1/users", json=taken, headers={"Accept-Language": "zh"})
    assert problem(answer, 409)["detail"] == "该账号名已被使用，或与已有账号名看上去相同：请换一个。"


async def test_the_audit_log_is_filtered_and_paginated(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.ADMIN, now=api.clock())
    for name in ("a1", "b2", "c3"):
        await create(api, name)
    own = session_headers(person.session)
    await api.anonymous.post(f"/api/v1/users/{api.admin.number}/sign-out", headers=own)

    async def listed(**query: str | int) -> list[str]:
        answer = await api.client.get("/api/v1/audit", params=query)
        assert answer.status_code == 200, answer.text
        return [one["action"] for one in answer.json()["items"]]

    assert await listed() == ["user.sign_out_everywhere", "user.create", "user.create", "user.create"]
    assert await listed(action="user.create") == ["user.create"] * 3
    assert len(await listed(action="user.")) == 4
    assert await listed(action="user") == []
    assert await listed(user=person.number) == ["user.sign_out_everywhere"]
    assert await listed(user_name="小王") == ["user.sign_out_everywhere"]
    assert await listed(object_kind="user", object_id=str(api.admin.number)) == ["user.sign_out_everywhere"]
    assert await listed(at_from="2100-01-01T00:00:00Z") == []
    first = (await api.client.get("/api/v1/audit", params={"limit": 3})).json()
    rest = (await api.client.get("/api/v1/audit", params={"limit": 3, "after": first["next"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)
    assert problem(await api.client.get("/api/v1/audit?after=x"), 422)["code"] == "invalid_cursor"
    record = first["items"][0]
    assert (record["user_name"], record["via"], record["user_number"]) == ("小王", "session", person.number)


async def test_a_name_that_is_older_than_the_rules_can_stay(api: Api) -> None:
    person = await add_person(api.store, "Анна Б", now=api.clock())
    path = f"/api/v1/users/{person.number}"
    changed = await api.page.patch(path, json={"name": "Анна Б", "role": "reviewer"})
    assert (changed.status_code, changed.json()["role"]) == (200, "reviewer")
    assert problem(await api.page.patch(path, json={"name": "Анна В"}), 422)["code"] == "invalid_name"
    async with browser(api) as client:
        assert (await sign_in(client, "Анна Б")).status_code == 303


@pytest.mark.parametrize("name", ["小王", "li.wei-2_b", "王小2", "𠮷田", "A1"])
async def test_a_plain_name_is_accepted(api: Api, name: str) -> None:
    assert (await create(api, name))["name"] == name


async def test_a_temporary_password_expires(api: Api) -> None:
    made = await create(api)
    reset = (await api.page.post(f"/api/v1/users/{made['number']}/reset-password")).json()["password"]
    api.clock.ahead += TEMPORARY_FOR - timedelta(minutes=1)
    async with browser(api) as client:
        assert (await sign_in(client, "小王", reset)).status_code == 303
        client.cookies.clear()
        api.clock.ahead += timedelta(minutes=1)
        answer = await sign_in(client, "小王", reset)
        assert answer.status_code == 403
        assert "temporary password has expired" in sentence(answer)
        # Somebody who does not know the password is not told that it has expired.
        assert (await sign_in(client, "小王", "not the password")).status_code == 401
    # A password that its owner chose does not expire.
    async with browser(api) as client:
        assert (await sign_in(client, "admin")).status_code == 303
