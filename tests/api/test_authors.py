"""Erasing and exporting authors and accounts through REST and the pages."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from api.identity.roles import Role
from store.admin_tables import audit_log
from tests.api.conftest import Api
from tests.api.people import add_person, session_headers
from tests.store.feed import arrival

WANG = {"platform": "forum", "author": "小王"}


async def actions(api: Api) -> list[str]:
    async with api.store.reading() as connection:
        found = await connection.execute(select(audit_log.c.action).order_by(audit_log.c.number))
        return list(found.scalars())


async def test_an_author_is_exported_and_erased(api: Api) -> None:
    await api.feed.send(arrival("1"), arrival("2", author="别人"))
    exported = await api.client.get("/api/v1/authors/export", params=WANG)
    assert exported.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["id"] for line in exported.text.splitlines()] == ["1"]
    ordered = await api.page.post("/api/v1/authors/erasures", json=WANG)
    assert (ordered.status_code, ordered.json()["state"]) == (202, "requested")
    number = ordered.json()["number"]
    again = await api.page.post("/api/v1/authors/erasures", json=WANG)
    assert again.json()["number"] == number
    assert (await api.client.get(f"/api/v1/authors/erasures/{number}")).json() == ordered.json()
    assert (await api.client.get("/api/v1/authors/erasures")).json()["items"] == [ordered.json()]
    assert (await api.client.get("/api/v1/authors/erasures/999")).json()["code"] == "no_erasure"
    assert (await actions(api))[-2:] == ["author.export", "author.erase"]
    assert (await api.page.post("/api/v1/authors/erasures", json={"platform": "A B", "author": ""})).status_code == 422


async def test_an_account_is_exported_and_erased(api: Api) -> None:
    person = await add_person(api.store, "小明", Role.REVIEWER, now=api.clock())
    exported = await api.page.get(f"/api/v1/users/{person.number}/export")
    first = json.loads(exported.text.splitlines()[0])
    assert (first["kind"], first["name"]) == ("account", "小明")
    assert "password_hash" not in exported.text
    erased = await api.page.post(f"/api/v1/users/{person.number}/erase")
    assert erased.json()["pseudonym"] == f"erased account {person.number}"
    assert (await api.client.get(f"/api/v1/users/{person.number}")).status_code == 404
    assert (await api.client.get("/api/v1/account", headers=person.bearer)).status_code == 401
    assert (await api.page.post(f"/api/v1/users/{person.number}/erase")).json()["code"] == "no_account"
    last = await api.page.post(f"/api/v1/users/{api.admin.number}/erase")
    assert (last.status_code, last.json()["code"]) == (409, "last_admin")


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_privacy_page(api: Api, language: str) -> None:
    await api.feed.send(arrival("1"))
    headers = {"Accept-Language": language}
    empty = (await api.page.get("/admin/privacy", headers=headers)).text
    assert ("No erasure requests" if language == "en" else "没有抹除申请") in empty
    wrong = await api.page.post("/admin/privacy", data={"platform": "A B", "author": "x"}, headers=headers)
    assert (wrong.status_code, "A B" in wrong.text) == (422, True)
    done = await api.page.post("/admin/privacy", data=WANG, headers=headers)
    assert (done.status_code, done.headers["location"]) == (303, "/admin/privacy")
    assert "小王" in (await api.page.get("/admin/privacy", headers=headers)).text
    exported = await api.page.get("/admin/privacy/export", params=WANG)
    assert json.loads(exported.text)["id"] == "1"
    assert (await api.page.get("/admin/privacy/export", params={"platform": "forum"})).status_code == 422


async def test_the_account_page_exports_and_erases(api: Api) -> None:
    person = await add_person(api.store, "小明", Role.REVIEWER, now=api.clock())
    page = (await api.page.get(f"/admin/users/{person.number}")).text
    assert f"/admin/users/{person.number}/export" in page
    exported = await api.page.post(f"/admin/users/{person.number}/export")
    assert json.loads(exported.text.splitlines()[0])["name"] == "小明"
    assert (await api.page.post("/admin/users/999999/export")).status_code == 404
    done = await api.page.post(f"/admin/users/{person.number}/erase")
    assert (done.status_code, done.headers["location"]) == (303, "/admin/users")
    assert (await api.page.get(f"/admin/users/{person.number}")).status_code == 404
    api.clock.ahead = timedelta(minutes=16)
    other = await add_person(api.store, "小红", Role.REVIEWER, now=api.clock())
    refused = await api.page.post(f"/admin/users/{other.number}/erase")
    assert refused.status_code == 403


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/account/export"), ("POST", "/admin/account/export")])
async def test_people_export_their_own_account(api: Api, method: str, path: str) -> None:
    person = await add_person(api.store, "小亮", now=api.clock())
    await add_person(api.store, "小红", now=api.clock())
    await api.feed.send(arrival("1", platform="detect", author="小明"), arrival("2", platform="detect", author="小红"))
    assert (await api.page.patch(f"/api/v1/users/{person.number}", json={"name": "小明"})).status_code == 200
    exported = await api.anonymous.request(method, path, headers=session_headers(person.session))
    assert exported.status_code == 200
    assert exported.headers["content-type"] == "application/x-ndjson"
    assert exported.headers["cache-control"] == "no-store"
    assert f'filename="liuyan-account-{person.number}.jsonl"' in exported.headers["content-disposition"]
    records = [json.loads(line) for line in exported.text.splitlines()]
    assert (records[0]["kind"], records[0]["name"]) == ("account", "小明")
    assert [record["id"] for record in records if record["kind"] == "comment"] == ["1"]
    assert "小红" not in exported.text
    # The record is about the person, but the address is the admin's.
    [renamed] = [record for record in records if record.get("action") == "user.edit"]
    assert (renamed["user_name"], renamed["address"]) == (api.admin.name, None)
    assert not [secret for secret in ("password_hash", "digest", person.token) if secret in exported.text]
    assert (await actions(api))[-1] == "user.export"
