"""Confirmed sessions, which protect an account after the theft of a token or a session."""

import asyncio

import httpx2 as httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from api.identity.confirmation import VALID_FOR
from api.identity.cookies import SESSION
from api.identity.csrf import COOKIE, HEADER
from api.identity.roles import Role
from store.admin_tables import sessions
from tests.api.conftest import Api
from tests.api.people import PASSWORD, Person, add_person, csrf_token, session_headers
from tests.api.test_accounts import GOOD, changes
from tests.api.test_accounts import contacts_kept as contacts_kept
from tests.api.test_comments import problem
from tests.api.test_sign_in import begin_window, browser, sentence, sign_in, token_of

pytestmark = pytest.mark.timeout(60)
CONFIRM = "/api/v1/account/confirm"
TOKENS = "/api/v1/account/tokens"
NEW_TOKEN = {"name": "export", "role": "user"}


def as_page(client: httpx.AsyncClient, person: Person) -> None:
    """Set the cookies of a person's session and the CSRF header on a client."""
    client.cookies.clear()
    client.cookies.update(person.cookies)
    client.headers[HEADER] = csrf_token()


async def is_known(api: Api, headers: dict[str, str]) -> bool:
    return (await api.anonymous.get("/api/v1/account", headers=headers)).status_code == 200


async def confirmed_seconds(client: httpx.AsyncClient) -> int:
    seconds: int = (await client.get("/api/v1/account")).json()["confirmed_seconds"]
    return seconds


async def test_a_session_is_confirmed_for_fifteen_minutes(api: Api) -> None:
    async with browser(api) as client:
        await sign_in(client, "admin")
        client.headers[HEADER] = client.cookies[COOKIE]
        assert 890 <= await confirmed_seconds(client) <= 900
        assert (await client.post(TOKENS, json=NEW_TOKEN)).status_code == 201
        api.clock.ahead += VALID_FOR
        found = problem(await client.post(TOKENS, json=NEW_TOKEN), 403)
        assert found["code"] == "confirmation_required"
        assert "15 minutes" in found["detail"]
        assert await confirmed_seconds(client) == 0
        assert (await client.post(CONFIRM, json={"password": PASSWORD})).status_code == 204
        assert (await client.post(TOKENS, json=NEW_TOKEN)).status_code == 201
    assert [action for action, _, _ in await changes(api)] == [
        "session.sign_in",
        "token.create",
        "session.confirm",
        "token.create",
    ]


async def test_confirming_changes_the_cookie_and_invalidates_stolen_copies(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.ADMIN, now=api.clock(), confirmed=False)
    async with browser(api) as client:
        as_page(client, person)
        assert problem(await client.post(TOKENS, json=NEW_TOKEN), 403)["code"] == "confirmation_required"
        answer = await client.post(CONFIRM, json={"password": PASSWORD})
        assert answer.status_code == 204
        [cookie] = answer.headers.get_list("set-cookie")
        assert cookie.startswith(f"{SESSION}=")
        assert "HttpOnly" in cookie
        renewed = cookie.split(";")[0].partition("=")[2]
    assert not await is_known(api, session_headers(person.session))
    listed = (await api.anonymous.get("/api/v1/account/sessions", headers=session_headers(renewed))).json()["items"]
    assert [session["current"] for session in listed] == [True]
    made = await api.anonymous.post(TOKENS, json=NEW_TOKEN, headers=session_headers(renewed))
    assert made.status_code == 201


async def test_wrong_passwords_count_for_the_session_and_do_not_lock_the_owner_out(api: Api) -> None:
    begin_window(api)
    person = await add_person(api.store, "小王", now=api.clock(), confirmed=False)
    async with browser(api) as thief:
        as_page(thief, person)
        # A change of the password is counted separately.
        for path, body in (
            (CONFIRM, {"password": "a guess"}),
            ("/api/v1/account/password", {"current_password": "a guess", "new_password": GOOD}),
        ):
            for _ in range(10):
                assert problem(await thief.post(path, json=body), 422)["code"] == "wrong_password"
            assert problem(await thief.post(path, json=body), 429)["code"] == "too_many_tries"
    async with browser(api, client="198.51.100.200") as owner:
        assert (await sign_in(owner, "小王")).status_code == 303
        owner.headers[HEADER] = owner.cookies[COOKIE]
        assert (await owner.post(CONFIRM, json={"password": PASSWORD})).status_code == 204


async def test_successful_confirmations_are_not_counted(api: Api) -> None:
    begin_window(api)
    async with browser(api) as client:
        await sign_in(client, "admin")
        client.headers[HEADER] = client.cookies[COOKIE]
        for _ in range(65):  # More than the limit of an address in 15 minutes.
            assert (await client.post(CONFIRM, json={"password": PASSWORD})).status_code == 204


async def test_concurrent_confirmations_leave_one_session(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock(), confirmed=False)
    headers = session_headers(person.session)
    answers = await asyncio.gather(
        *(api.anonymous.post(CONFIRM, json={"password": PASSWORD}, headers=headers) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [204, 401]
    async with api.store.reading() as connection:
        query = select(sessions.c.digest).where(sessions.c.user_number == person.number)
        assert len((await connection.execute(query)).all()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/account/tokens", NEW_TOKEN),
        ("GET", "/api/v1/account/export", None),
        ("GET", "/api/v1/users/{number}/export", None),
        ("PATCH", "/api/v1/account", {"email": "thief@example.com"}),
        ("PATCH", "/api/v1/account", {"phone": None}),
        ("POST", "/api/v1/users", {"name": "thief", "password": GOOD, "role": "admin"}),
        ("PATCH", "/api/v1/users/{number}", {"role": "admin"}),
        ("PATCH", "/api/v1/users/{number}", {"email": "thief@example.com"}),
        ("PATCH", "/api/v1/users/{number}", {"name": "thief"}),
        ("POST", "/api/v1/users/{number}/reset-password", None),
        ("POST", "/api/v1/users/{number}/disable", None),
        ("POST", "/api/v1/users/{number}/enable", None),
        ("POST", "/api/v1/users/{number}/approve", None),
    ],
)
async def test_sensitive_requests_require_a_confirmed_session(
    api: Api, method: str, path: str, body: dict[str, str] | None
) -> None:
    thief = await add_person(api.store, "小王", Role.ADMIN, now=api.clock(), confirmed=False)
    other = await add_person(api.store, "小李", now=api.clock())
    place = path.format(number=other.number)
    unconfirmed = await api.anonymous.request(method, place, json=body, headers=session_headers(thief.session))
    assert problem(unconfirmed, 403)["code"] == "confirmation_required"
    by_token = await api.anonymous.request(method, place, json=body, headers=thief.bearer)
    assert problem(by_token, 403)["code"] == "session_required"
    assert await changes(api) == []


async def test_changing_the_language_requires_no_confirmation(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock(), confirmed=False)
    for headers in (session_headers(person.session), person.bearer):
        changed = await api.anonymous.patch("/api/v1/account", json={"language": "en"}, headers=headers)
        assert changed.status_code == 200


async def test_a_form_does_not_change_contacts_that_were_not_edited(api: Api, contacts_kept: None) -> None:
    """Saving the language requires no confirmation and keeps contacts that cannot be decrypted."""
    person = await add_person(api.store, "小王", now=api.clock())
    as_admin = f"/api/v1/users/{person.number}"
    saved = await api.page.patch(as_admin, json={"phone": "13800138000", "email": "w@example.com"})
    assert saved.status_code == 200
    settings = api.services.settings
    lost = settings.model_copy(update={"contact_key": SecretStr("another key " * 4)})
    object.__setattr__(api.services, "settings", lost)
    api.clock.ahead += VALID_FOR
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session)
        token = await token_of(client, "/admin/account")
        form = {"csrftoken": token, "phone": "", "email": "", "language": "en"}
        assert (await client.post("/admin/account/details", data=form)).status_code == 303
    object.__setattr__(api.services, "settings", settings)
    found = (await api.client.get(as_admin)).json()
    assert (found["phone"], found["email"], found["language"]) == ("13800138000", "w@example.com", "en")


async def test_a_contact_that_cannot_be_decrypted_is_not_replaced(api: Api, contacts_kept: None) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    path, settings = f"/api/v1/users/{person.number}", api.services.settings
    assert (await api.page.patch(path, json={"phone": "13800138000"})).status_code == 200
    for key in (SecretStr("another key " * 4), None):
        object.__setattr__(api.services, "settings", settings.model_copy(update={"contact_key": key}))
        for phone in ("13900139000", None, "") if key else (None, ""):
            refused = problem(await api.page.patch(path, json={"phone": phone}), 409)
            assert refused["code"] == "contact_unreadable"
        # A form that was opened before the key was replaced shows the number.
        async with browser(api) as client:
            client.cookies.set(SESSION, api.admin.session)
            form = {"csrftoken": await token_of(client, "/admin/account"), "name": "小王", "phone": "", "role": "user"}
            await client.post(f"/admin/users/{person.number}", data={**form, "phone": "13800138000"})
    object.__setattr__(api.services, "settings", settings)
    assert (await api.client.get(path)).json()["phone"] == "13800138000"


async def test_saving_the_same_contact_changes_nothing(api: Api, contacts_kept: None) -> None:
    for _ in range(2):
        assert (await api.page.patch("/api/v1/account", json={"phone": "13800138000"})).status_code == 200
    assert [action for action, _, _ in await changes(api)] == ["user.edit"]


FORMS = [
    ("/admin/account/export", {}),
    ("/admin/users/{number}/export", {}),
    ("/admin/account/details", {"email": "thief@example.com"}),
    ("/admin/account/tokens", {"token_name": "x", "role": "user", "days": "7"}),
    ("/admin/users/new", {"name": "thief", "role": "admin", "password": GOOD, "password_again": GOOD}),
    ("/admin/users/{number}", {"name": "小李", "role": "admin"}),
    ("/admin/users/{number}/approve", {}),
    ("/admin/users/{number}/enable", {}),
    ("/admin/users/{number}/disable", {}),
    ("/admin/users/{number}/reset-password", {}),
]


@pytest.mark.parametrize(("path", "form"), FORMS)
async def test_sensitive_forms_require_a_confirmed_session(
    api: Api, contacts_kept: None, path: str, form: dict[str, str]
) -> None:
    person = await add_person(api.store, "小王", Role.ADMIN, now=api.clock(), confirmed=False)
    other = await add_person(api.store, "小李", now=api.clock())
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session)
        token = await token_of(client, "/admin/account")
        answer = await client.post(path.format(number=other.number), data={**form, "csrftoken": token})
        assert answer.status_code == 403
        assert sentence(answer).startswith("Confirm your password first")
        assert 'href="/admin/confirm?next=%2Fadmin%2F' in answer.text
        # The form keeps the input, except passwords.
        assert all(value in answer.text for name, value in form.items() if not name.startswith("password"))
        assert GOOD not in answer.text
    assert await changes(api) == []


async def test_a_separate_page_confirms_without_javascript(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock(), confirmed=False)
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        token = await token_of(client, "/admin/confirm?next=/admin/account")
        wrong = await client.post(
            "/admin/confirm?next=/admin/account", data={"csrftoken": token, "password": "a guess"}
        )
        assert (wrong.status_code, sentence(wrong)) == (422, "Wrong password.")
        assert "a guess" not in wrong.text
        too_long = {"csrftoken": token, "password": "a" + "\u0300\u0316" * 5_000}
        refused = await client.post("/admin/confirm", data=too_long)
        assert (refused.status_code, sentence(refused)) == (422, "Wrong password.")
        away = await client.post("/admin/confirm?next=//evil.example", data={"csrftoken": token, "password": PASSWORD})
        assert (away.status_code, away.headers["location"]) == (303, "/admin/")
        assert await confirmed_seconds(client) > 0


async def test_a_token_does_not_authenticate_pages(api: Api) -> None:
    page = await api.client.get("/admin/users")
    assert (page.status_code, page.headers["location"]) == (303, "/admin/login?next=%2Fadmin%2Fusers")
    # Not even if the request also has a valid session.
    both = await api.page.get("/admin/users", headers=api.admin.bearer)
    assert both.status_code == 303
    assert (await api.page.get("/admin/users")).status_code == 200


async def test_responses_with_secrets_are_not_cached(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    for answer in (
        await api.page.post(TOKENS, json=NEW_TOKEN),
        await api.page.post(f"/api/v1/users/{person.number}/reset-password"),
        await api.page.post(CONFIRM, json={"password": PASSWORD}),
    ):
        assert answer.is_success
        assert answer.headers["cache-control"] == "no-store"


async def test_confirmation_works_on_a_database_server(server_api: Api) -> None:
    api = server_api
    person = await add_person(api.store, "小王", now=api.clock(), confirmed=False)
    headers = session_headers(person.session)
    answer = await api.anonymous.post(CONFIRM, json={"password": PASSWORD}, headers=headers)
    assert answer.status_code == 204
    renewed = session_headers(answer.headers["set-cookie"].split(";")[0].partition("=")[2])
    assert (await api.anonymous.post(TOKENS, json=NEW_TOKEN, headers=renewed)).status_code == 201
    assert not await is_known(api, headers)
