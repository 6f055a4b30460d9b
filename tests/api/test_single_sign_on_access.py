"""What single sign-on takes away: roles, sessions and tokens; and the hour in which a password replaces it."""

import json
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

import httpx2 as httpx
import pyotp
import pytest
from sqlalchemy import delete, select, update

from api.identity import accounts, sso_accounts
from api.identity.accounts import contacts_of
from api.identity.cookies import SESSION
from api.identity.csrf import HEADER
from api.identity.roles import Role
from api.problems import ProblemError
from store.accounts import find_credentials
from store.admin_tables import audit_log, second_factors, sessions, users
from store.audit import command_actor
from store.identities import find_subject
from tests.api.conftest import Api
from tests.api.id_provider import IdProvider
from tests.api.people import PASSWORD, Person, add_person
from tests.api.test_accounts import changes
from tests.api.test_accounts import contacts_kept as contacts_kept
from tests.api.test_comments import problem
from tests.api.test_confirmation import as_page
from tests.api.test_sign_in import begin_window, browser, sentence, token_of
from tests.api.test_sign_in import sign_in as sign_in_with_password
from tests.api.test_single_sign_on import at_provider, begin, me, sign_in, use
from tests.api.test_single_sign_on import provider as provider
from tests.api.test_single_sign_on import running as running

pytestmark = [pytest.mark.timeout(60), pytest.mark.programs]
OPS = command_actor("ops")
NO_ROLE = "You have no role here: ask an administrator for access, then sign in again."
ENDED = {"sessions_ended": 2, "tokens_revoked": 1, "by": "sso", "reason": "no_role"}


async def confirm(client: httpx.AsyncClient, following: str = "/admin/account") -> httpx.Response:
    """Confirm a session at the provider."""
    return await client.get(await at_provider(await begin(client, "/admin/sso/confirm", following)))


async def new_token(client: httpx.AsyncClient) -> dict[str, str]:
    """Create a token with a session and return its header."""
    client.headers[HEADER] = await token_of(client, "/admin/account")
    made = await client.post("/api/v1/account/tokens", json={"name": "x", "role": "user"})
    del client.headers[HEADER]
    return {"Authorization": f"Bearer {made.json()['secret']}"}


async def is_in(client: httpx.AsyncClient, headers: Mapping[str, str] | None = None) -> bool:
    return (await client.get("/api/v1/account", headers=headers)).status_code == 200


async def details(api: Api, action: str) -> list[dict[str, object]]:
    return [detail for found, _, detail in await changes(api) if found == action]


async def failures(api: Api, action: str = "session.confirm_failed") -> list[dict[str, object]]:
    """Return the details of what the audit log records without a change."""
    async with api.store.reading() as connection:
        query = select(audit_log.c.detail).where(audit_log.c.action == action)
        return [json.loads(one) for one in (await connection.execute(query)).scalars()]


@pytest.mark.parametrize("at", ["sign-in", "confirmation", "confirmation without a new proof"])
async def test_a_role_that_was_taken_away_ends_sessions_and_tokens(api: Api, provider: IdProvider, at: str) -> None:
    async with browser(api) as client, browser(api) as other:
        await sign_in(client)
        await sign_in(other)
        token = await new_token(other)
        provider.groups = []
        if at == "sign-in":
            async with browser(api) as third:
                answer = await sign_in(third)
                assert (answer.status_code, sentence(answer)) == (403, NO_ROLE)
        else:
            provider.honours_max_age = at == "confirmation"
            answer = await confirm(client)
            assert (answer.status_code, answer.headers["location"]) == (303, "/admin/account")
            page = await client.get("/admin/account", follow_redirects=True)
            assert page.url.path == "/admin/login"
            assert NO_ROLE in page.text
        assert [await is_in(client), await is_in(other), await is_in(api.anonymous, token)] == [False] * 3
    assert await details(api, "user.sign_out_everywhere") == [ENDED]
    assert await details(api, "session.confirm") == []


async def test_other_accounts_keep_their_access(api: Api, provider: IdProvider) -> None:
    provider.groups = []
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 403  # Somebody who has no account either.
    assert await is_in(api.page)
    assert await is_in(api.client)
    assert await details(api, "user.sign_out_everywhere") == []


@pytest.mark.parametrize(
    ("before", "after", "role"), [("admins", "readers", "reviewer"), ("readers", "admins", "admin")]
)
async def test_confirming_applies_the_role_of_now(
    api: Api, provider: IdProvider, before: str, after: str, role: str
) -> None:
    provider.groups = [before]
    async with browser(api) as client:
        await sign_in(client)
        token, secret = await new_token(client), client.cookies[SESSION]
        provider.groups = [after]
        answer = await confirm(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/account")
        assert client.cookies[SESSION] != secret
        assert (await me(client))["role"] == role
        assert await is_in(api.anonymous, token) is (role == "admin")
    [detail] = await details(api, "user.edit")
    assert detail["by"] == "sso"
    assert len(await details(api, "session.confirm")) == 1


@pytest.mark.parametrize("at", ["sign-in", "confirmation"])
async def test_the_last_admin_keeps_the_role_but_no_access(api: Api, provider: IdProvider, at: str) -> None:
    provider.groups = ["admins"]
    async with browser(api) as client:
        await sign_in(client)
        token = await new_token(client)
        async with api.store.writing() as session:
            others = update(users).where(users.c.number == api.admin.number).values(role="user")
            await session.connection.execute(others)
        provider.groups = ["readers"]
        if at == "sign-in":
            async with browser(api) as other:
                assert "you are the last administrator here" in sentence(await sign_in(other))
        else:
            await confirm(client)
            assert "you are the last administrator here" in (await client.get("/admin/login")).text
        assert [await is_in(client), await is_in(api.anonymous, token)] == [False] * 2
    async with api.store.reading() as connection:
        found = await find_credentials(connection, "wang.wei")
    assert found is not None
    assert found[0].role == "admin"


async def test_failed_confirmations_at_the_provider_are_recorded(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        await sign_in(client)
        provider.honours_max_age, provider.authenticated_at = False, 1
        for _ in range(12):
            await confirm(client)
    assert await failures(api) == [{"by": "sso", "reason": "sso_refused"}] * 10
    assert await details(api, "session.confirm") == []


@pytest.mark.parametrize(("fault", "reason"), [("person", "other_person"), ("state", "sso_expired")])
async def test_the_reason_of_a_failed_confirmation_is_recorded(
    api: Api, provider: IdProvider, fault: str, reason: str
) -> None:
    async with browser(api) as client:
        await sign_in(client)
        if fault == "person":
            provider.person["sub"] = "person-2"
            await confirm(client)
        else:
            back, cookies = await at_provider(await begin(client, "/admin/sso/confirm")), dict(client.cookies)
            await client.get(back)
            renewed = client.cookies[SESSION]
            client.cookies.update({**cookies, SESSION: renewed})
            await client.get(back)
    assert await failures(api) == [{"by": "sso", "reason": reason}]


async def test_wrong_passwords_and_codes_when_confirming_are_recorded(api: Api, contacts_kept: None) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client:
        as_page(client, person)
        for _ in range(2):
            await client.post("/api/v1/account/confirm", json={"password": "a guess"})
        assert await failures(api) == [{"by": "password"}] * 2
        token = await token_of(client, "/admin/second-factor")
        await client.post("/admin/second-factor/begin", data={"csrftoken": token})
        await client.post("/admin/second-factor/confirm", data={"csrftoken": token, "code": "000000"})
    assert await failures(api, "session.code_failed") == [{}]


async def test_wrong_passwords_do_not_keep_an_address_from_single_sign_on(api: Api, provider: IdProvider) -> None:
    begin_window(api)
    async with browser(api) as client:
        for attempt in range(61):
            answer = await sign_in_with_password(client, f"nobody{attempt // 9}", "wrong")
        assert answer.status_code == 429
        assert (await sign_in(client)).status_code == 303


async def test_a_session_that_ends_during_a_confirmation_leads_to_sign_in_and_back(
    api: Api, provider: IdProvider
) -> None:
    async with browser(api) as client:
        await sign_in(client)
        back = await at_provider(await begin(client, "/admin/sso/confirm", "/admin/account?x=1"))
        async with api.store.writing() as session:
            await session.connection.execute(delete(sessions).where(sessions.c.opened_by == "sso"))
        answer = await client.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login?next=%2Fadmin%2Faccount%3Fx%3D1")
        page = await client.get(answer.headers["location"])
        assert "Your session has ended: sign in again." in page.text
        assert 'href="/admin/sso?next=%2Fadmin%2Faccount%3Fx%3D1"' in page.text
        assert len(provider.codes) == 1  # The answer was not used.


@pytest.mark.parametrize(
    ("following", "location"),
    [
        ("/admin/users/new", "/admin/users/new"),
        ("//evil.example", "/admin/"),
        ("https://evil.example/admin/", "/admin/"),
        ("/admin/\\evil.example", "/admin/"),
    ],
)
async def test_a_password_confirmed_after_the_session_has_ended_leads_to_sign_in_and_back(
    api: Api, following: str, location: str
) -> None:
    async with browser(api) as client:
        query = urlencode({"next": following})
        token = await token_of(client, "/admin/login")
        answer = await client.post(f"/admin/confirm?{query}", data={"csrftoken": token, "password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/login?{query}")
        form = {"csrftoken": token, "name": "admin", "password": PASSWORD}
        assert (await client.post(answer.headers["location"], data=form)).headers["location"] == location


async def test_confirming_a_password_session_at_the_provider_keeps_the_way_back(api: Api) -> None:
    async with browser(api) as client:
        await sign_in_with_password(client, "admin")
        answer = await client.get("/admin/sso/confirm?next=/admin/users")
        assert answer.headers["location"] == "/admin/confirm?next=%2Fadmin%2Fusers"


async def linked_admin(api: Api) -> Person:
    """Create an admin who signs in with single sign-on."""
    person = await add_person(api.store, "小管", Role.ADMIN, now=api.clock())
    await sso_accounts.link(api.services, OPS, person.number, "person-1")
    return person


async def let_in(api: Api, client: httpx.AsyncClient, password: str, name: str = "小管") -> int:
    """Sign in with a password and return the status."""
    token = await token_of(client, "/admin/login?local=1")
    form = {"csrftoken": token, "name": name, "password": password}
    return (await client.post("/admin/login?local=1", data=form)).status_code


async def change_password(client: httpx.AsyncClient, current: str, new: str) -> int:
    token = await token_of(client, "/admin/password")
    form = {"csrftoken": token, "current_password": current, "new_password": new, "new_password_again": new}
    return (await client.post("/admin/password", data=form)).status_code


NEW = "a-good-password-for-93-tests"


@pytest.mark.parametrize("linked", [True, False], ids=["linked", "passwords disabled"])
async def test_a_session_in_an_emergency_ends_with_it(api: Api, provider: IdProvider, linked: bool) -> None:
    use(api, provider, local_passwords=linked)
    person = await linked_admin(api) if linked else await add_person(api.store, "小管", Role.ADMIN, now=api.clock())
    password = await sso_accounts.break_glass(api.services, OPS, person.number)
    async with browser(api) as client, browser(api) as other:
        assert await let_in(api, client, password) == 303
        # Neither a new password nor a confirmation prolongs it.
        assert await change_password(client, password, NEW) == 303
        token = await token_of(client, "/admin/confirm")
        assert (await client.post("/admin/confirm", data={"csrftoken": token, "password": NEW})).status_code == 303
        assert await let_in(api, other, NEW) == 303
        api.clock.ahead += sso_accounts.BREAK_GLASS_FOR - timedelta(minutes=1)
        assert await is_in(client)
        api.clock.ahead += timedelta(minutes=1)
        assert [await is_in(client), await is_in(other)] == [False] * 2
        for typed in (password, NEW):
            assert await let_in(api, other, typed) in (401, 403)


async def test_an_emergency_password_with_local_passwords_expires_after_the_hour(api: Api) -> None:
    """Not after the three days of a temporary password."""
    person = await add_person(api.store, "小管", Role.ADMIN, now=api.clock())
    password = await sso_accounts.break_glass(api.services, OPS, person.number)
    async with browser(api) as client, browser(api) as owner:
        assert await let_in(api, client, password) == 303
        as_page(owner, person)  # A session from before, which stays.
        api.clock.ahead += sso_accounts.BREAK_GLASS_FOR
        assert not await is_in(client)
        body = {"current_password": password, "new_password": NEW}
        refused = problem(await owner.post("/api/v1/account/password", json=body), 403)
        assert refused["code"] == "password_expired"
        answer = await sign_in_with_password(client, "小管", password)
        assert (answer.status_code, sentence(answer)) == (
            403,
            "Your temporary password has expired: ask an administrator for a new one.",
        )
        password = (await accounts.reset_password(api.services, OPS, person.number))[0]
        assert await let_in(api, client, password) == 303


async def test_an_own_password_ends_the_emergency(api: Api) -> None:
    person = await add_person(api.store, "小管", Role.ADMIN, now=api.clock())
    password = await sso_accounts.break_glass(api.services, OPS, person.number)
    async with browser(api) as client:
        assert await let_in(api, client, password) == 303
        assert (await client.get("/admin/")).headers["location"].startswith("/admin/password")
        assert await change_password(client, password, NEW) == 303
        api.clock.ahead += sso_accounts.BREAK_GLASS_FOR
        assert await is_in(client)
    async with browser(api) as client:
        assert await let_in(api, client, NEW) == 303


async def test_a_second_emergency_password_replaces_the_first(api: Api, provider: IdProvider) -> None:
    person = await linked_admin(api)
    first = await sso_accounts.break_glass(api.services, OPS, person.number)
    async with browser(api) as one, browser(api) as two, browser(api) as three:
        provider.groups = ["admins"]
        assert (await sign_in(three)).status_code == 303
        assert await let_in(api, one, first) == 303
        api.clock.ahead += timedelta(minutes=40)
        second = await sso_accounts.break_glass(api.services, OPS, person.number)
        assert [await is_in(one), await is_in(three)] == [False, True]
        assert await let_in(api, one, first) == 401
        assert await let_in(api, two, second) == 303
        api.clock.ahead += timedelta(minutes=59)
        assert await is_in(two)
        api.clock.ahead += timedelta(minutes=1)
        assert [await is_in(two), await is_in(three)] == [False, True]
    assert await details(api, "user.break_glass") == [{"sessions_ended": 0}, {"sessions_ended": 1}]


async def test_the_code_of_a_second_factor_is_too_late_after_the_emergency(api: Api, contacts_kept: None) -> None:
    person = await add_person(api.store, "小管", Role.ADMIN, now=api.clock())
    secret = pyotp.random_base32()
    async with api.store.writing() as session:
        values = {"user_number": person.number, "secret_encrypted": contacts_of(api.services).encrypt(secret)}
        values |= {"created_at": api.clock(), "confirmed_at": api.clock()}
        await session.connection.execute(second_factors.insert().values(**values))
    password = await sso_accounts.break_glass(api.services, OPS, person.number)
    api.clock.ahead += sso_accounts.BREAK_GLASS_FOR - timedelta(minutes=1)
    for late, status in ((timedelta(minutes=1), 403), (timedelta(minutes=-1), 303)):
        async with browser(api) as client:
            assert await let_in(api, client, password) == 303
            api.clock.ahead += late
            code = pyotp.TOTP(secret).at(api.clock())
            form = {"csrftoken": await token_of(client, "/admin/login"), "code": code}
            answer = await client.post("/admin/login/code", data=form)
            assert answer.status_code == status
            assert await is_in(client) is (status == 303)
            api.clock.ahead -= late
            if status == 403:
                async with api.store.writing() as session:  # The code is used up.
                    await session.connection.execute(update(second_factors).values(last_step=0))


@pytest.mark.parametrize("subject", ["", " ", "person-1 ", "x" * 256, "person\u200b1", "a\nb", "\udc80"])
async def test_a_subject_that_no_provider_sends_is_not_linked(api: Api, provider: IdProvider, subject: str) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    with pytest.raises(ProblemError, match="must be the claim `sub`"):
        await sso_accounts.link(api.services, OPS, person.number, subject)
    assert await is_in(api.anonymous, person.bearer)


@pytest.mark.parametrize(("state", "words"), [("waiting", "approve it"), ("disabled", "enable it")])
async def test_only_an_active_account_is_linked(api: Api, provider: IdProvider, state: str, words: str) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with api.store.writing() as session:
        await session.connection.execute(update(users).where(users.c.number == person.number).values(state=state))
    with pytest.raises(ProblemError, match=words):
        await sso_accounts.link(api.services, OPS, person.number, "person-1")
    with pytest.raises(ProblemError, match="There is no account 999999"):
        await sso_accounts.link(api.services, OPS, 999_999, "person-1")


async def test_unlinking_ends_all_access(api: Api, provider: IdProvider) -> None:
    person = await linked_admin(api)
    provider.groups = ["admins"]
    async with browser(api) as client, browser(api) as emergency:
        await sign_in(client)
        password = await sso_accounts.break_glass(api.services, OPS, person.number)
        assert await let_in(api, emergency, password) == 303
        await sso_accounts.unlink(api.services, OPS, person.number)
        assert [await is_in(client), await is_in(emergency), await is_in(api.anonymous, person.bearer)] == [False] * 3
        assert await let_in(api, emergency, password) == 401
        # The person gets a new account, and the account a password.
        await sign_in(client)
        assert (await me(client))["number"] != person.number
        password, _ = await accounts.reset_password(api.services, OPS, person.number)
        assert await let_in(api, emergency, password) == 303
    detail = {"issuer": provider.url, "sessions_ended": 2, "tokens_revoked": 1}
    assert await details(api, "user.unlink") == [detail]
    with pytest.raises(ProblemError, match="is not linked"):
        await sso_accounts.unlink(api.services, OPS, person.number)
    async with api.store.reading() as connection:
        assert await find_subject(connection, person.number) is None
    await sso_accounts.link(api.services, OPS, person.number, "person-3")


async def test_the_export_of_an_account_names_the_identity_and_no_secret(
    api: Api, provider: IdProvider, contacts_kept: None
) -> None:
    async with browser(api) as client:
        await sign_in(client)
        number = int(str((await me(client))["number"]))
    async with api.store.writing() as session:
        values = {"user_number": number, "secret_encrypted": "a secret", "created_at": api.clock()}
        await session.connection.execute(second_factors.insert().values(**values))
    exported = (await api.page.get(f"/api/v1/users/{number}/export")).text
    records = [json.loads(line) for line in exported.splitlines()]
    [identity] = [one for one in records if one["kind"] == "identity"]
    assert (identity["issuer"], identity["subject"]) == (provider.url, "person-1")
    assert {"session", "second_factor"} <= {one["kind"] for one in records}
    names = {name for one in records for name in one}
    assert not [name for name in names if name.endswith(("_encrypted", "digest", "_hash"))]
    assert "a secret" not in exported
    assert "gAAAA" not in exported
