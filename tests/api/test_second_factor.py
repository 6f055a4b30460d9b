"""Second factors: TOTP codes and recovery codes work once, are throttled, and can be required of admins."""

import asyncio
import re
import time
from datetime import timedelta

import httpx2 as httpx
import pyotp
import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import select, update

from api.identity.accounts import contacts_of
from api.identity.code_step import COOKIE, VALID_FOR
from api.identity.confirmation import VALID_FOR as CONFIRMED_FOR
from api.identity.cookies import SESSION
from api.identity.csrf import HEADER
from api.identity.roles import Role
from api.identity.second_factor import ENROL_WITHIN
from store.admin_tables import recovery_codes, second_factors, users
from tests.api.conftest import Api
from tests.api.people import PASSWORD, Person, add_person
from tests.api.test_accounts import changes
from tests.api.test_accounts import contacts_kept as contacts_kept
from tests.api.test_comments import problem
from tests.api.test_sign_in import begin_window, browser, sentence, sign_in, token_of

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("contacts_kept")]
PAGE = "/admin/second-factor"
STEP = timedelta(seconds=30)


def setting(api: Api, **changes: object) -> None:
    object.__setattr__(api.services, "settings", api.services.settings.model_copy(update=changes))


async def post(client: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    """Send a form of the page for the second factor."""
    return await client.post(f"{PAGE}/{path}", data={**form, "csrftoken": await token_of(client, PAGE)})


async def enrol(api: Api, client: httpx.AsyncClient) -> tuple[pyotp.TOTP, list[str]]:
    """Set up a second factor in a browser; return what makes its codes, and the recovery codes."""
    assert (await post(client, "begin")).status_code == 303
    found = re.search(r'id="secret">([A-Z2-7]{32})<', (await client.get(PAGE)).text)
    assert found
    totp = pyotp.TOTP(found[1])
    done = await post(client, "confirm", code=totp.at(api.clock()))
    assert done.status_code == 200, done.text
    assert "You were signed out everywhere else." in done.text
    codes = re.findall(r'<li class="user-select-all">([a-z2-9-]{19})</li>', done.text)
    assert len(set(codes)) == 10
    api.clock.ahead += STEP
    return totp, codes


async def enrolled(api: Api, name: str = "小王", role: Role = Role.USER) -> tuple[Person, pyotp.TOTP, list[str]]:
    """Create an account with a second factor."""
    person = await add_person(api.store, name, role, now=api.clock())
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        return person, *(await enrol(api, client))


async def enter(client: httpx.AsyncClient, code: str, path: str = "/admin/login/code") -> httpx.Response:
    """Enter a code after name and password."""
    return await client.post(path, data={"csrftoken": await token_of(client, "/admin/login"), "code": code})


async def is_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/api/v1/account")).status_code == 200


async def test_signing_in_takes_two_steps(api: Api) -> None:
    person, totp, _ = await enrolled(api)
    async with browser(api) as client:
        first = await sign_in(client, "小王", following="/admin/detect")
        assert first.headers["location"] == "/admin/login/code?next=%2Fadmin%2Fdetect"
        assert SESSION not in client.cookies
        assert not await is_in(client)
        page = await client.get(first.headers["location"])
        assert 'autocomplete="one-time-code"' in page.text
        second = await enter(client, totp.at(api.clock()), first.headers["location"])
        assert (second.status_code, second.headers["location"]) == (303, "/admin/detect")
        assert await is_in(client)
        assert COOKIE not in client.cookies
        assert (await client.get("/api/v1/account")).json()["second_factor"] is True
    assert [(action, id, detail) for action, id, detail in await changes(api)] == [
        ("user.enrol_second_factor", str(person.number), {"sessions_ended": 0}),
        ("session.sign_in", str(person.number), {"second_factor": "code"}),
    ]


async def test_a_code_is_accepted_once(api: Api) -> None:
    _, totp, _ = await enrolled(api)
    code = totp.at(api.clock())
    async with browser(api) as client, browser(api) as thief:
        await sign_in(client, "小王")
        await sign_in(thief, "小王")
        assert (await enter(client, code)).status_code == 303
        for used in (code, totp.at(api.clock() - STEP)):  # Nor is an older one.
            answer = await enter(thief, used)
            assert (answer.status_code, sentence(answer)) == (
                422,
                "This code is wrong or used up: wait for the next one.",
            )
        api.clock.ahead += STEP
        assert (await enter(thief, totp.at(api.clock()))).status_code == 303


async def test_the_code_that_confirmed_the_secret_does_not_sign_in(api: Api) -> None:
    _, totp, _ = await enrolled(api)
    api.clock.ahead -= STEP
    async with browser(api) as client:
        await sign_in(client, "小王")
        assert (await enter(client, totp.at(api.clock()))).status_code == 422


async def test_concurrent_sign_ins_use_a_code_once(api: Api) -> None:
    _, totp, _ = await enrolled(api)
    async with browser(api) as one, browser(api) as other:
        for client in (one, other):
            await sign_in(client, "小王")
        answers = await asyncio.gather(*(enter(client, totp.at(api.clock())) for client in (one, other)))
    assert sorted(answer.status_code for answer in answers) == [303, 422]


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-30, True), (0, True), (30, True), (-60, False), (60, False)], ids=str
)
async def test_codes_of_the_neighbouring_steps_are_accepted(api: Api, seconds: int, accepted: bool) -> None:
    _, totp, _ = await enrolled(api)
    api.clock.ahead += timedelta(minutes=5)
    async with browser(api) as client:
        await sign_in(client, "小王")
        answer = await enter(client, totp.at(api.clock() + timedelta(seconds=seconds)))
    assert (answer.status_code == 303) is accepted


async def test_codes_may_have_spaces_and_full_width_digits(api: Api) -> None:
    _, totp, codes = await enrolled(api)
    code = totp.at(api.clock())
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    for typed in (f" {wide[:3]} {wide[3:]} ", codes[0].upper().replace("-", " ")):
        async with browser(api) as client:
            await sign_in(client, "小王")
            assert (await enter(client, typed)).status_code == 303


@pytest.mark.parametrize("code", ["", "abc", "é" * 6, "0" * 5_000, "\u0300" * 64, "12345\x00", "ａ" * 16])
async def test_nonsense_is_a_wrong_code(api: Api, code: str) -> None:
    await enrolled(api)
    async with browser(api) as client:
        await sign_in(client, "小王")
        assert (await enter(client, code)).status_code == 422


async def test_a_recovery_code_works_once(api: Api) -> None:
    _, _, codes = await enrolled(api)
    for status in (303, 422):
        async with browser(api) as client:
            await sign_in(client, "小王")
            assert (await enter(client, codes[3])).status_code == status
    assert ("session.sign_in", {"second_factor": "recovery code"}) in [
        (action, detail) for action, _, detail in await changes(api)
    ]


async def test_recovery_codes_of_another_account_are_wrong(api: Api) -> None:
    _, _, codes = await enrolled(api)
    await enrolled(api, "小李")
    async with browser(api) as client:
        await sign_in(client, "小李")
        assert (await enter(client, codes[0])).status_code == 422


async def test_secret_and_recovery_codes_are_not_stored_in_plain(api: Api) -> None:
    person, totp, codes = await enrolled(api)
    async with api.store.reading() as connection:
        [secret] = (await connection.execute(select(second_factors.c.secret_encrypted))).scalars().all()
        digests = (await connection.execute(select(recovery_codes.c.digest))).scalars().all()
    assert totp.secret not in secret
    assert contacts_of(api.services).decrypt(secret) == totp.secret
    assert len(digests) == 10
    assert all(code.replace("-", "").encode() not in digest for digest in digests for code in codes)
    page = (await api.page.get(f"/admin/users/{person.number}")).text
    assert totp.secret not in page


async def test_guesses_are_throttled_by_account(api: Api) -> None:
    begin_window(api)
    person, totp, _ = await enrolled(api)
    for address in range(10):
        async with browser(api, client=f"198.51.100.{address}") as thief:
            await sign_in(thief, "小王")
            assert (await enter(thief, "000000")).status_code == 422
    async with browser(api) as client:
        await sign_in(client, "小王")
        locked = await enter(client, totp.at(api.clock()))
        assert locked.status_code == 429
        assert int(locked.headers["retry-after"]) > 0
    found = (await api.client.get("/api/v1/audit", params={"object_id": str(person.number)})).json()["items"]
    actions = [one["action"] for one in found]
    assert actions.count("session.code_failed") == 10
    assert actions.count("session.locked_out") == 1
    # A reset by an admin clears the count.
    assert (await api.page.delete(f"/api/v1/users/{person.number}/second-factor")).status_code == 204


async def test_the_first_step_expires_and_is_bound_to_the_password(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    person, totp, _ = await enrolled(api)
    async with browser(api) as client:
        await sign_in(client, "小王")
        late = time.time() + VALID_FOR.total_seconds() + 1
        with monkeypatch.context() as patch:
            patch.setattr("itsdangerous.timed.time.time", lambda: late)
            assert (await client.get("/admin/login/code")).headers["location"].startswith("/admin/login?")
            answer = await enter(client, totp.at(api.clock()))
            assert (answer.status_code, sentence(answer)) == (
                401,
                "Too much time has passed: enter name and password again.",
            )
        assert (await api.page.post(f"/api/v1/users/{person.number}/reset-password")).status_code == 200
        assert (await enter(client, totp.at(api.clock()))).status_code == 401
    async with browser(api) as client:
        assert (await enter(client, totp.at(api.clock()))).status_code == 401
        client.cookies.set(COOKIE, "forged", domain="liuyan.test")
        assert (await enter(client, totp.at(api.clock()))).status_code == 401


async def test_an_account_disabled_between_the_steps_is_refused(api: Api) -> None:
    person, totp, _ = await enrolled(api)
    async with browser(api) as client:
        await sign_in(client, "小王")
        assert (await api.page.post(f"/api/v1/users/{person.number}/disable")).status_code == 200
        assert (await enter(client, totp.at(api.clock()))).status_code == 403


async def test_a_wrong_password_does_not_reveal_the_second_factor(api: Api) -> None:
    await enrolled(api)
    async with browser(api) as client:
        answer = await sign_in(client, "小王", "a wrong password")
        assert (answer.status_code, sentence(answer)) == (401, "Wrong name or password.")
        assert COOKIE not in client.cookies


async def test_tokens_are_unaffected(api: Api) -> None:
    person, _, _ = await enrolled(api)
    assert (await api.anonymous.get("/api/v1/account", headers=person.bearer)).status_code == 200


async def test_turning_it_off_and_on_requires_a_confirmed_session(api: Api) -> None:
    person, totp, codes = await enrolled(api)
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        api.clock.ahead += CONFIRMED_FOR
        for path in ("begin", "confirm", "codes", "off"):
            answer = await post(client, path, code=totp.at(api.clock()))
            assert answer.status_code == 403
            assert sentence(answer).startswith("Confirm your password first")
        token = await token_of(client, "/admin/confirm")
        await client.post("/admin/confirm", data={"csrftoken": token, "password": PASSWORD})
        assert (await post(client, "begin")).status_code == 409  # It is in use.
        page = (await post(client, "codes")).text
        renewed = re.findall(r'<li class="user-select-all">([a-z2-9-]{19})</li>', page)
        assert len(renewed) == 10
        assert not set(renewed) & set(codes)
        assert (await post(client, "off")).status_code == 303
        assert (await post(client, "off")).status_code == 404
    async with browser(api) as client:
        assert (await sign_in(client, "小王")).headers["location"] == "/admin/"
    assert [action for action, _, _ in await changes(api)][1:] == [
        "session.confirm",
        "user.new_recovery_codes",
        "user.disable_second_factor",
        "session.sign_in",
    ]


async def test_the_secret_is_shown_only_until_it_is_in_use_and_in_a_confirmed_session(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        await post(client, "begin")
        page = (await client.get(PAGE)).text
        assert "<svg" in page
        assert "<script>" not in page
        api.clock.ahead += CONFIRMED_FOR
        assert 'id="secret"' not in (await client.get(PAGE)).text
        # Not confirmed with a code: it is not asked for.
        async with browser(api) as other:
            assert (await sign_in(other, "小王")).headers["location"] == "/admin/"


async def test_a_change_of_the_second_factor_ends_the_other_sessions(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client, browser(api) as other:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        await sign_in(other, "小王")
        totp, _ = await enrol(api, client)
        assert (await is_in(client), await is_in(other)) == (True, False)
        await sign_in(other, "小王")
        await enter(other, totp.at(api.clock()))
        assert await is_in(other)
        assert (await post(client, "off")).status_code == 303
        assert (await is_in(client), await is_in(other)) == (True, False)
    recorded = {action: detail for action, _, detail in await changes(api)}
    assert recorded["user.enrol_second_factor"] == recorded["user.disable_second_factor"] == {"sessions_ended": 1}
    assert (await api.anonymous.get("/api/v1/account", headers=person.bearer)).status_code == 200


async def test_only_the_session_that_began_can_finish(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client, browser(api) as other:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        await post(client, "begin")
        secret = re.search(r'id="secret">([A-Z2-7]{32})<', (await client.get(PAGE)).text)
        assert secret
        code = pyotp.TOTP(secret[1]).at(api.clock())
        await sign_in(other, "小王")  # Confirmed too.
        assert 'id="secret"' not in (await other.get(PAGE)).text
        assert (await post(other, "confirm", code=code)).status_code == 409
        # Confirming the session changes its secret, but it is the same session.
        token = await token_of(client, "/admin/confirm")
        await client.post("/admin/confirm", data={"csrftoken": token, "password": PASSWORD})
        assert client.cookies[SESSION] != person.session
        assert secret[1] in (await client.get(PAGE)).text
        assert (await post(client, "confirm", code=code)).status_code == 200


async def test_setting_it_up_takes_at_most_fifteen_minutes(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        await post(client, "begin")
        api.clock.ahead += ENROL_WITHIN
        token = await token_of(client, "/admin/confirm")
        await client.post("/admin/confirm", data={"csrftoken": token, "password": PASSWORD})
        assert 'id="secret"' not in (await client.get(PAGE)).text
        async with api.store.reading() as connection:
            stored = (await connection.execute(select(second_factors.c.secret_encrypted))).scalar_one()
        secret = contacts_of(api.services).decrypt(stored)
        assert secret
        code = pyotp.TOTP(secret).at(api.clock())
        assert (await post(client, "confirm", code=code)).status_code == 409
        await enrol(api, client)


async def test_a_wrong_first_code_takes_nothing_into_use(api: Api) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        assert (await post(client, "confirm", code="123456")).status_code == 409
        await post(client, "begin")
        answer = await post(client, "confirm", code="000000")
        assert answer.status_code == 422
        assert 'id="secret"' in answer.text
        assert (await client.get("/api/v1/account")).json()["second_factor"] is False


async def test_an_admin_resets_the_second_factor_of_another_account(api: Api) -> None:
    person, _, _ = await enrolled(api)
    path = f"/api/v1/users/{person.number}/second-factor"
    assert problem(await api.client.delete(path), 403)["code"] == "session_required"
    async with browser(api) as admin:
        admin.cookies.set(SESSION, api.admin.session, domain="liuyan.test")
        page = (await admin.get(f"/admin/users/{person.number}")).text
        assert "reset-second-factor" in page
        token = await token_of(admin, "/admin/account")
        act = f"/admin/users/{person.number}/reset-second-factor"
        assert (await admin.post(act, data={"csrftoken": token})).status_code == 303
        assert "reset-second-factor" not in (await admin.get(f"/admin/users/{person.number}")).text
    assert problem(await api.page.delete(path), 404)["code"] == "no_second_factor"
    async with browser(api) as client:
        assert (await sign_in(client, "小王")).headers["location"] == "/admin/"
    assert ("user.reset_second_factor", str(person.number), {"sessions_ended": 1}) in await changes(api)


async def test_a_lost_key_leaves_recovery_codes(api: Api) -> None:
    _, totp, codes = await enrolled(api)
    setting(api, contact_key=SecretStr("another key " * 4))
    async with browser(api) as client:
        await sign_in(client, "小王")
        answer = await enter(client, totp.at(api.clock()))
        assert answer.status_code == 409
        assert "its key is missing" in sentence(answer)
        assert (await enter(client, codes[0])).status_code == 303


async def test_without_a_key_none_can_be_set_up(api: Api) -> None:
    setting(api, contact_key=None)
    person = await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client:
        client.cookies.set(SESSION, person.session, domain="liuyan.test")
        assert "LIUYAN_CONTACT_KEY is not set" in (await client.get(PAGE)).text
        assert (await post(client, "begin")).status_code == 409


async def test_admins_must_set_one_up_if_the_settings_say_so(api: Api) -> None:
    setting(api, admin_second_factor=True)
    reviewer = await add_person(api.store, "小审", Role.REVIEWER, now=api.clock())
    async with browser(api) as client:
        answer = await sign_in(client, "admin", following="/admin/users")
        assert answer.headers["location"] == "/admin/users"
        for path in ("/admin/", "/admin/users", "/admin/account", "/admin/password", "/admin/nothing"):
            assert (await client.get(path)).headers["location"].startswith(PAGE), path
        assert "Administrators need a second factor here" in (await client.get(PAGE)).text
        refused = problem(await client.get("/api/v1/users"), 403)
        assert refused["code"] == "second_factor_required"
        client.headers[HEADER] = await token_of(client, PAGE)
        new_token = {"name": "x", "role": "admin"}
        assert (await client.post("/api/v1/account/tokens", json=new_token)).status_code == 403
        assert (await client.get("/admin/confirm")).status_code == 200
        del client.headers[HEADER]
        await enrol(api, client)
        assert (await client.get("/admin/users")).status_code == 200
        answer = await post(client, "off")
        assert answer.status_code == 409
        assert "cannot be turned off" in sentence(answer)
    # Tokens and other roles are unaffected.
    assert (await api.client.get("/api/v1/users")).status_code == 200
    async with browser(api) as client:
        client.cookies.set(SESSION, reviewer.session, domain="liuyan.test")
        assert (await client.get("/admin/")).status_code == 200


async def test_a_temporary_password_is_changed_before_the_second_factor_is_set_up(api: Api) -> None:
    setting(api, admin_second_factor=True)
    await add_person(api.store, "新管", Role.ADMIN, now=api.clock(), must_change_password=True)
    async with browser(api) as client:
        await sign_in(client, "新管")
        assert (await client.get("/admin/")).headers["location"].startswith("/admin/password")
        new = "a-good-password-for-93-tests"
        form = {"current_password": PASSWORD, "new_password": new, "new_password_again": new}
        token = await token_of(client, "/admin/password")
        assert (await client.post("/admin/password", data={**form, "csrftoken": token})).status_code == 303
        assert (await client.get("/admin/")).headers["location"].startswith(PAGE)


async def test_it_works_on_a_database_server(server_api: Api) -> None:
    api = server_api
    setting(api, contact_key=SecretStr("a key for contacts in tests 12345678"))
    _, totp, codes = await enrolled(api)
    for code, status in ((totp.at(api.clock()), 303), (totp.at(api.clock()), 422), (codes[0], 303), (codes[0], 422)):
        async with browser(api) as client:
            await sign_in(client, "小王")
            assert (await enter(client, code)).status_code == status


async def test_a_password_with_outdated_parameters_is_hashed_again_before_the_second_step(api: Api) -> None:
    person, totp, _ = await enrolled(api)
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    async with api.store.writing() as session:
        await session.connection.execute(update(users).where(users.c.number == person.number).values(password_hash=old))
    async with browser(api) as client:
        await sign_in(client, "小王")
        assert (await enter(client, totp.at(api.clock()))).status_code == 303
    async with api.store.reading() as connection:
        query = select(users.c.password_hash).where(users.c.number == person.number)
        assert (await connection.execute(query)).scalar_one() != old
