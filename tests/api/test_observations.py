"""The audit log records refused requests, failed sign-ins, lock-outs, exports and reads of contacts, up to a limit."""

import json
import logging

import pytest
import structlog

from api.identity.csrf import COOKIE, HEADER
from api.identity.roles import Role
from liuyan.log import configure_logging
from store.audit import Actor, AuditFilter, AuditRecord, list_records, record
from store.comments import ShownLabel
from store.reviews import Opinion, add_review
from store.session import WriteSession
from tests.api.conftest import Api
from tests.api.people import add_person
from tests.api.test_accounts import contacts_kept as contacts_kept
from tests.api.test_comments import problem
from tests.api.test_sign_in import begin_window, browser, sign_in
from tests.store.feed import arrival, microseconds, minutes

pytestmark = pytest.mark.timeout(120)


async def recorded(api: Api, action: str) -> list[AuditRecord]:
    """Return the records of an action, oldest first."""
    async with api.store.reading() as connection:
        return list(reversed((await list_records(connection, AuditFilter(action=action), None, 1000)).items))


async def test_failed_sign_ins_are_recorded_without_what_was_typed(api: Api) -> None:
    begin_window(api)
    async with browser(api) as client:
        await sign_in(client, "my secret password", "x")
        await sign_in(client, "admin", "not the password")
        await sign_in(client, "x" * 65, "x")
    found = await recorded(api, "session.sign_in_failed")
    assert [(one.object_id, one.user_number, one.via, one.address) for one in found] == [
        ("", None, "anonymous", "198.51.100.7"),
        (str(api.admin.number), None, "anonymous", "198.51.100.7"),
        ("", None, "anonymous", "198.51.100.7"),
    ]
    assert "my secret" not in str(found)
    assert "not the password" not in str(found)


async def test_lock_outs_are_recorded(api: Api) -> None:
    begin_window(api)
    for attempt in range(12):
        async with browser(api, client=f"192.0.2.{attempt}") as client:
            await sign_in(client, "admin", "not the password")
    found = await recorded(api, "session.locked_out")
    assert [(one.object_id, one.address, one.detail) for one in found] == [
        (str(api.admin.number), "192.0.2.10", {"limit": "account"}),
        (str(api.admin.number), "192.0.2.11", {"limit": "account"}),
    ]


async def test_wrong_passwords_of_a_session_are_recorded(api: Api) -> None:
    begin_window(api)
    async with browser(api) as client:
        await sign_in(client, "admin")
        headers = {HEADER: client.cookies[COOKIE]}
        for _ in range(11):
            await client.post("/api/v1/account/confirm", json={"password": "wrong"}, headers=headers)
    failed = await recorded(api, "session.confirm_failed")
    assert {(one.object_id, one.user_number, one.via) for one in failed} == {
        (str(api.admin.number), api.admin.number, "session")
    }
    [locked] = await recorded(api, "session.locked_out")
    assert locked.detail == {"limit": "confirmation"}


async def test_refused_requests_are_recorded_with_their_route(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.USER, now=api.clock())
    problem(await api.anonymous.get("/api/v1/comments/forum/a-secret-id", headers=person.bearer), 403)
    async with browser(api) as client:
        await sign_in(client, "小王")
        assert (await client.get("/admin/users")).status_code == 403
        assert (await client.post("/admin/account/details", data={"language": "en"})).status_code == 403
        problem(await client.patch("/api/v1/account", json={"language": "en"}), 403)
    found = await recorded(api, "request.refused")
    assert [(one.object_id, one.user_name, one.via) for one in found] == [
        ("GET /api/v1/comments/{platform}/{id}", "小王", "token"),
        ("GET /admin/users", "小王", "session"),
        ("POST /admin/account/details", "小王", "session"),
        ("PATCH /api/v1/account", "", "anonymous"),
    ]
    assert "a-secret-id" not in str(found)


async def test_repeated_refusals_are_recorded_up_to_a_limit(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.USER, now=api.clock())
    other = await add_person(api.store, "小李", Role.USER, now=api.clock())
    for _ in range(15):
        assert (await api.anonymous.get("/api/v1/users", headers=person.bearer)).status_code == 403
    await api.anonymous.get("/api/v1/users", headers=other.bearer)
    found = await recorded(api, "request.refused")
    assert [one.user_name for one in found] == ["小王"] * 10 + ["小李"]


async def test_records_of_one_kind_are_limited_altogether(api: Api) -> None:
    for attempt in range(310):
        headers = {"sec-fetch-site": "cross-site"}
        async with browser(api, client=f"192.0.{attempt // 250}.{attempt % 250}") as client:
            await client.post("/admin/login", headers=headers)
    assert len(await recorded(api, "request.refused")) == 300


async def test_the_token_and_the_request_are_recorded(api: Api) -> None:
    await api.feed.send(arrival())
    body = {"platform": "forum", "id": "1", "version": microseconds(minutes(0)), "label": "negative"}
    structlog.contextvars.bind_contextvars(request_id="request-771")
    try:
        assert (await api.client.post("/api/v1/reviews", json=body)).status_code in (200, 201)
    finally:
        structlog.contextvars.unbind_contextvars("request_id")
    listed = (await api.client.get("/api/v1/account/tokens")).json()["items"]
    [record] = await recorded(api, "review.add")
    assert record.token_number == listed[0]["number"]
    assert record.request_id is not None
    by_token = (await api.client.get(f"/api/v1/audit?token={record.token_number}")).json()["items"]
    assert [one["action"] for one in by_token] == ["review.add"]
    assert by_token[0]["token_number"] == record.token_number
    assert (await api.client.get("/api/v1/audit?token=99")).json()["items"] == []
    named = (await api.client.get("/api/v1/audit?object_id=forum:1")).json()["items"]
    assert [one["action"] for one in named] == ["review.add"]


async def test_exports_are_recorded(api: Api) -> None:
    answer = await api.client.get("/api/v1/reviews/export?platform=forum&format=csv")
    assert answer.status_code == 200
    async with browser(api) as client:
        await sign_in(client, "admin")
        assert (await client.get("/admin/audit/export.csv")).status_code == 200
    [exported] = await recorded(api, "review.export")
    assert (exported.user_name, exported.detail) == ("admin", {"platform": "forum", "format": "csv"})
    assert len(await recorded(api, "audit.export")) == 1


async def test_reading_contacts_of_others_is_recorded(api: Api, contacts_kept: None) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    path = f"/api/v1/users/{person.number}"
    await api.client.get(path)
    assert await recorded(api, "user.read_contacts") == []
    await api.page.patch(path, json={"phone": "13800138000"})
    await api.client.get(path)
    await api.client.get("/api/v1/users")
    await api.client.get("/api/v1/account")
    async with browser(api) as client:
        await sign_in(client, "admin")
        await client.get(f"/admin/users/{person.number}")
    found = await recorded(api, "user.read_contacts")
    assert {(one.object_kind, one.object_id) for one in found} == {("user", str(person.number))}
    assert len(found) == 4
    assert "138" not in str([one.detail for one in found])


async def test_each_record_is_a_json_log_line_once_it_is_committed(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    before, configured = logging.getLogger().handlers, structlog.is_configured()
    configure_logging("json", "info")
    try:
        await api.feed.send(arrival(text="一句秘密"))
        opinion = Opinion("forum", "1", microseconds(minutes(0)), ShownLabel.NEGATIVE)
        await add_review(api.store, _actor(api), opinion)
        with pytest.raises(RuntimeError):
            await api.store.write(_roll_back, _actor(api))
    finally:
        logging.getLogger().handlers = before
        if not configured:
            structlog.reset_defaults()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    [line] = [line for line in lines if line["event"] == "audit"]
    assert (line["action"], line["user_name"], line["token_number"]) == ("review.add", "admin", 7)
    assert line["detail"]["label"] == "negative"
    assert len(line["object_id"]) == 64
    assert "秘密" not in str(lines)


async def _roll_back(session: WriteSession, actor: Actor) -> None:
    await record(session, actor, "user.edit", "user", "1", {})
    raise RuntimeError("rolled back")


def _actor(api: Api) -> Actor:
    return Actor(api.admin.number, "admin", "token", None, token_number=7)
