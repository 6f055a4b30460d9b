"""Recovery of an account after the theft of a token, a session or a password."""

import asyncio

import pytest
from sqlalchemy import select, update

from api.identity import sign_in as signing_in
from api.identity import tokens
from api.identity.cookies import SESSION
from api.identity.passwords import Verdict
from api.identity.roles import Role
from api.problems import ProblemError
from store.admin_tables import api_tokens, users
from store.audit import Actor
from tests.api.conftest import Api
from tests.api.people import HASH, PASSWORD, add_person, session_headers
from tests.api.test_accounts import GOOD, changes
from tests.api.test_comments import problem
from tests.api.test_confirmation import NEW_TOKEN, TOKENS, is_known
from tests.api.test_sign_in import browser, token_of

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("action", "detail"),
    [
        ("reset-password", {"sessions_ended": 1, "tokens_revoked": 1}),
        ("disable", {"sessions_ended": 1, "tokens_revoked": 1}),
    ],
)
async def test_resetting_and_disabling_end_all_access(api: Api, action: str, detail: dict[str, int]) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    assert (await api.page.post(f"/api/v1/users/{person.number}/{action}")).status_code == 200
    assert not await is_known(api, person.bearer)
    assert not await is_known(api, session_headers(person.session))
    [(_, number, recorded)] = await changes(api)
    assert (number, recorded) == (str(person.number), detail)
    assert await unrevoked(api, person.number) == 0


async def test_a_lower_role_revokes_tokens_permanently(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.ADMIN, now=api.clock())
    place = f"/api/v1/users/{person.number}"
    await api.page.patch(place, json={"role": "admin"})
    assert await unrevoked(api, person.number) == 1  # The same or a higher role revokes nothing.
    for role in ("reviewer", "admin"):
        assert (await api.page.patch(place, json={"role": role})).json()["role"] == role
    assert not await is_known(api, person.bearer)


async def unrevoked(api: Api, number: int) -> int:
    async with api.store.reading() as connection:
        query = select(api_tokens.c.number).where(api_tokens.c.user_number == number, api_tokens.c.revoked_at.is_(None))
        return len((await connection.execute(query)).all())


@pytest.mark.parametrize(("field", "left"), [({}, 0), ({"revoke_tokens": True}, 0), ({"revoke_tokens": False}, 1)])
async def test_changing_the_password_revokes_tokens_by_default(api: Api, field: dict[str, bool], left: int) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    body = {"current_password": PASSWORD, "new_password": GOOD, **field}
    headers = session_headers(person.session)
    assert (await api.anonymous.post("/api/v1/account/password", json=body, headers=headers)).status_code == 204
    assert await unrevoked(api, person.number) == left
    [(action, _, detail)] = await changes(api)
    assert (action, detail.get("tokens_revoked")) == ("user.change_password", None if left else 1)


@pytest.mark.parametrize(("form", "left"), [({}, 0), ({"keep_tokens": "on"}, 1)])
async def test_the_password_page_offers_to_keep_tokens(api: Api, form: dict[str, str], left: int) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session)
        page = await client.get("/admin/password")
        assert "Keep my tokens (1)" in page.text
        token = await token_of(client, "/admin/password")
        new = {"current_password": PASSWORD, "new_password": GOOD, "new_password_again": GOOD}
        answer = await client.post("/admin/password", data={**new, **form, "csrftoken": token})
        assert answer.status_code == 303
    assert await unrevoked(api, person.number) == left


@pytest.mark.parametrize(("query", "left"), [("", 1), ("?revoke_tokens=true", 0)])
async def test_signing_out_everywhere_revokes_tokens_on_request(api: Api, query: str, left: int) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    own = await api.anonymous.delete(f"/api/v1/account/sessions{query}", headers=session_headers(person.session))
    assert own.json() == {"sessions_ended": 0, "tokens_revoked": 1 - left}
    ended = await api.page.post(f"/api/v1/users/{person.number}/sign-out{query}")
    assert ended.json() == {"sessions_ended": 1, "tokens_revoked": 0}
    assert await unrevoked(api, person.number) == left


async def test_admins_see_and_revoke_the_tokens_of_others(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.REVIEWER, now=api.clock())
    place = f"/api/v1/users/{person.number}/tokens"
    assert await is_known(api, person.bearer)
    [token] = (await api.client.get(place)).json()["items"]
    assert (token["name"], token["role"], token["used_at"] is not None) == ("for tests", "reviewer", True)
    # The path must contain the token's owner.
    foreign = await api.page.delete(f"/api/v1/users/{api.admin.number}/tokens/{token['number']}")
    assert problem(foreign, 404)["code"] == "no_token"
    assert (await api.page.delete(f"{place}/{token['number']}")).status_code == 204
    assert not await is_known(api, person.bearer)
    made = await api.anonymous.post(TOKENS, json=NEW_TOKEN, headers=session_headers(person.session))
    assert (await api.page.delete(place)).json() == {"tokens_revoked": 1}
    assert not await is_known(api, {"Authorization": f"Bearer {made.json()['secret']}"})
    assert (await api.page.delete("/api/v1/users/999999/tokens")).status_code == 404
    assert (await api.client.get("/api/v1/users/999999/tokens")).status_code == 404
    assert [(action, detail) for action, _, detail in await changes(api) if "create" not in action] == [
        ("token.revoke", {"name": "for tests", "owner": person.number}),
        ("user.revoke_tokens", {"tokens_revoked": 1}),
    ]


async def test_an_owner_revokes_all_tokens(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    revoked = await api.anonymous.delete(TOKENS, headers=session_headers(person.session))
    assert revoked.json() == {"tokens_revoked": 1}
    assert not await is_known(api, person.bearer)
    assert await is_known(api, api.admin.bearer)


async def test_a_password_reset_during_a_sign_in_rejects_the_sign_in(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())

    class Slow:
        """Accepts the password, asks for a rehash, and changes the stored hash meanwhile."""

        async def verify(self, stored: str | None, password: str) -> Verdict:
            async with api.store.writing() as session:
                change = update(users).where(users.c.number == person.number).values(password_hash="reset meanwhile")
                await session.connection.execute(change)
            return Verdict(True, HASH)

    object.__setattr__(api.services, "passwords", Slow())
    with pytest.raises(ProblemError, match="Wrong name or password"):
        await signing_in.sign_in(api.services, signing_in.Browser(None, None), "小王", PASSWORD)
    async with api.store.reading() as connection:
        stored = select(users.c.password_hash).where(users.c.number == person.number)
        assert (await connection.execute(stored)).scalar_one() == "reset meanwhile"


async def test_an_ended_session_cannot_create_a_token(api: Api) -> None:
    """A reset may commit between the authentication of the request and the creation of the token."""
    person = await add_person(api.store, "小王", now=api.clock())
    new = tokens.NewToken("export", Role.USER, 1)
    actor = Actor(person.number, person.name, "session", None)
    with pytest.raises(ProblemError) as ended:
        await tokens.create(api.services, actor, person.number, new, within=b"\0" * 32)
    assert ended.value.code == "not_signed_in"
    await api.page.post(f"/api/v1/users/{person.number}/reset-password")
    with pytest.raises(ProblemError) as refused:
        await tokens.create(api.services, actor, person.number, new)
    assert refused.value.code == "account_without_tokens"
    assert await unrevoked(api, person.number) == 0


async def test_no_token_survives_a_concurrent_reset(server_api: Api) -> None:
    api = server_api
    for attempt in range(5):
        person = await add_person(api.store, f"racer {attempt}", now=api.clock())
        headers = session_headers(person.session)
        answers = await asyncio.gather(
            *(api.anonymous.post(TOKENS, json=NEW_TOKEN, headers=headers) for _ in range(3)),
            api.page.post(f"/api/v1/users/{person.number}/reset-password"),
            *(api.anonymous.post(TOKENS, json=NEW_TOKEN, headers=headers) for _ in range(3)),
        )
        assert answers[3].status_code == 200
        assert {answer.status_code for answer in answers} <= {200, 201, 401, 403}
        assert await unrevoked(api, person.number) == 0
