"""Signing in: errors that reveal nothing, expiry of sessions, and throttling of guesses."""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import httpx2 as httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from api.app import create_app
from api.identity.passwords import Passwords, Verdict
from api.identity.roles import Role
from api.identity.secrets import digest_of
from store.accounts import find_credentials
from store.admin_tables import audit_log, sessions, users
from tests.api.conftest import Api
from tests.api.people import PASSWORD, QUICK, add_person
from tests.api.test_comments import problem

pytestmark = pytest.mark.timeout(60)
HTTPS = "https://liuyan.test"


def browser(api: Api, *, base_url: str = "http://liuyan.test", client: str = "198.51.100.7") -> httpx.AsyncClient:
    """Return a browser without cookies at the address ``client``."""
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False, client=(client, 4711))
    return httpx.AsyncClient(transport=transport, base_url=base_url, headers={"accept-language": "en"})


async def token_of(client: httpx.AsyncClient, path: str = "/admin/login") -> str:
    """Return the CSRF token in the form at ``path``."""
    page = await client.get(path)
    found = re.search(r'name="csrftoken" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def sign_in(
    client: httpx.AsyncClient, name: str, password: str = PASSWORD, *, following: str | None = None
) -> httpx.Response:
    """Submit the sign-in form."""
    query = f"?{urlencode({'next': following})}" if following is not None else ""
    form = {"csrftoken": await token_of(client), "name": name, "password": password}
    return await client.post(f"/admin/login{query}", data=form)


def sentence(page: httpx.Response) -> str:
    """Return the error shown in the form."""
    found = re.search(r'id="problem"[^>]*>([^<]*)<', page.text)
    assert found, page.text
    return found[1]


async def test_the_right_password_opens_a_session_and_redirects(api: Api) -> None:
    person = await add_person(api.store, "小王", Role.REVIEWER, now=api.clock())
    async with browser(api) as client:
        answer = await sign_in(client, "小王", following="/admin/password?x=1")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/admin/password?x=1"
        assert (await client.get("/admin/password")).status_code == 200
        me = (await client.get("/api/v1/account")).json()
        assert (me["number"], me["name"], me["role"]) == (person.number, "小王", "reviewer")
        assert me["last_sign_in_at"] is not None


async def test_a_name_matches_in_any_case_and_width(api: Api) -> None:
    await add_person(api.store, "Anna", now=api.clock())
    async with browser(api) as client:
        assert (await sign_in(client, " ＡＮＮＡ ")).status_code == 303


async def test_only_the_digest_of_the_session_is_stored(api: Api) -> None:
    async with browser(api) as client:
        await sign_in(client, "admin")
        secret = client.cookies["liuyan_session"]
    async with api.store.reading() as connection:
        digests = (await connection.execute(select(sessions.c.digest))).scalars().all()
    assert digest_of(secret) in digests
    assert all(secret.encode() not in digest for digest in digests)


async def test_cookies_without_tls(api: Api) -> None:
    async with browser(api) as client:
        answer = await sign_in(client, "admin")
    [cookie] = [one for one in answer.headers.get_list("set-cookie") if "session" in one]
    assert cookie.startswith("liuyan_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie


async def test_cookies_behind_tls(api: Api) -> None:
    async with browser(api, base_url=HTTPS) as client:
        page = await client.get("/admin/login")
        answer = await sign_in(client, "admin")
        assert (await client.get("/admin/")).status_code == 200
    [cookie] = [one for one in answer.headers.get_list("set-cookie") if "session" in one]
    assert cookie.startswith("__Host-liuyan_session=")
    assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "Secure" in page.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/admin/login", "/api/v1/account", "/nothing", "/admin/static/logo.svg"])
async def test_over_tls_browsers_are_told_to_stay_there(api: Api, path: str) -> None:
    async with browser(api, base_url=HTTPS) as client:
        assert (await client.get(path)).headers["strict-transport-security"] == "max-age=31536000"
    async with browser(api) as client:
        assert "strict-transport-security" not in (await client.get(path)).headers


async def test_headers_of_a_trusted_proxy_determine_scheme_and_address(api: Api) -> None:
    trusting = replace(
        api.services, settings=api.services.settings.model_copy(update={"trusted_proxies": ("10.0.0.0/8",)})
    )
    app = create_app(trusting)
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9, 192.0.2.44, 10.1.1.1"}
    for peer, secure, address in (("10.0.0.3", True, "192.0.2.44"), ("192.0.2.1", False, "192.0.2.1")):
        transport = httpx.ASGITransport(app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://liuyan.test", headers=forwarded) as client:
            form = {"csrftoken": await token_of(client), "name": "admin", "password": PASSWORD}
            client.cookies.clear()
            page = await client.get("/admin/login")
            kept = page.headers["set-cookie"].split(";")[0]
            form["csrftoken"] = kept.partition("=")[2]
            answer = await client.post("/admin/login", data=form, headers={"cookie": kept})
        [cookie] = [one for one in answer.headers.get_list("set-cookie") if "session" in one]
        assert ("Secure" in cookie) is secure
        async with api.store.reading() as connection:
            stored = await connection.execute(select(sessions.c.address).where(sessions.c.user_agent != "tests"))
            assert address in stored.scalars().all()


@pytest.mark.parametrize(
    "following",
    [
        "//evil.example/",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example/admin/",
        "https:evil.example",
        "http://liuyan.test@evil.example/admin/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "\t//evil.example",
        "/admin\n/..//evil.example",
        "/admin/\\@evil.example",
        "/elsewhere",
        "",
        "/admin/" + "a" * 3_000,
    ],
)
async def test_next_stays_on_this_site(api: Api, following: str) -> None:
    async with browser(api) as client:
        answer = await sign_in(client, "admin", following=following)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")
        # The same rule applies if the browser is already signed in.
        again = await client.get(f"/admin/login?{urlencode({'next': following})}")
        assert (again.status_code, again.headers["location"]) == (303, "/admin/")


class CountingPasswords(Passwords):
    """Records the hashes that it verifies."""

    def __init__(self) -> None:
        super().__init__(QUICK)
        self.asked: list[str | None] = []

    async def verify(self, stored: str | None, password: str) -> Verdict:
        self.asked.append(stored)
        return await super().verify(stored, password)


async def test_a_wrong_name_and_a_wrong_password_look_the_same(api: Api) -> None:
    passwords = CountingPasswords()
    app = create_app(replace(api.services, passwords=passwords))
    async with browser(replace(api, app=app)) as client:
        wrong_name = await sign_in(client, "nobody", "not the password")
        wrong_password = await sign_in(client, "admin", "not the password")
        for page in (wrong_name, wrong_password):
            assert page.status_code == 401
            assert sentence(page) == "Wrong name or password."
            assert "liuyan_session" not in client.cookies
    # Both cases verify one hash, so they take the same time.
    assert len(passwords.asked) == 2
    assert passwords.asked[0] is None
    assert passwords.asked[1] is not None


@pytest.mark.parametrize(
    ("state", "words"), [("waiting", "awaiting approval by an administrator"), ("disabled", "disabled")]
)
async def test_the_state_of_an_account_is_revealed_only_after_the_right_password(
    api: Api, state: str, words: str
) -> None:
    await add_person(api.store, "later", now=api.clock(), state=state)  # type: ignore[arg-type]
    async with browser(api) as client:
        assert sentence(await sign_in(client, "later", "not the password")) == "Wrong name or password."
        answer = await sign_in(client, "later")
        assert answer.status_code == 403
        assert words in sentence(answer)
        assert "liuyan_session" not in client.cookies


async def test_a_hash_with_outdated_parameters_is_replaced(api: Api) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with api.store.writing() as session:
        await session.connection.execute(update(users).where(users.c.name == "admin").values(password_hash=old))
    async with browser(api) as client:
        assert (await sign_in(client, "admin")).status_code == 303
        async with api.store.reading() as connection:
            found = await find_credentials(connection, "admin")
        assert found is not None
        assert found[1] != old
        assert not QUICK.check_needs_rehash(found[1])
        client.cookies.clear()
        assert (await sign_in(client, "admin")).status_code == 303


def begin_window(api: Api) -> None:
    """Move the clock to the start of a window, so that no window ends during the test."""
    api.clock.ahead += timedelta(seconds=900 - api.clock().timestamp() % 900)


async def test_guesses_are_counted_by_account_across_restarts(api: Api) -> None:
    begin_window(api)
    for attempt in range(10):
        async with browser(api, client=f"198.51.100.{attempt}") as client:
            assert (await sign_in(client, "admin", "not the password")).status_code == 401
    restarted = create_app(replace(api.services))
    transport = httpx.ASGITransport(restarted, client=("203.0.113.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://liuyan.test") as client:
        client.headers["accept-language"] = "en"
        refused = await sign_in(client, "ADMIN")
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 900
        assert "Too many attempts: try again in" in sentence(refused)
        api.clock.ahead += timedelta(seconds=int(refused.headers["retry-after"]))
        assert (await sign_in(client, "admin")).status_code == 303


async def test_guesses_are_counted_by_address(api: Api) -> None:
    begin_window(api)
    async with browser(api) as client:
        for attempt in range(60):
            assert (await sign_in(client, f"name{attempt}", "not the password")).status_code == 401
        assert (await sign_in(client, "admin")).status_code == 429
    async with browser(api, client="198.51.100.8") as other:
        assert (await sign_in(other, "admin")).status_code == 303


async def test_a_right_password_resets_the_account_and_is_not_counted_for_the_address(api: Api) -> None:
    begin_window(api)
    async with browser(api) as client:
        for _ in range(6):
            for _ in range(9):
                assert (await sign_in(client, "admin", "not the password")).status_code == 401
            assert (await sign_in(client, "admin")).status_code == 303
            client.cookies.clear()
        # The address has used 54 of 60 attempts, all of them wrong guesses.
        for attempt in range(5):
            assert (await sign_in(client, f"name{attempt}", "not the password")).status_code == 401
        for _ in range(3):
            assert (await sign_in(client, "admin")).status_code == 303
            client.cookies.clear()
        assert (await sign_in(client, "another", "not the password")).status_code == 401
        assert (await sign_in(client, "admin")).status_code == 429


async def test_the_counts_reveal_no_name_or_address(api: Api) -> None:
    async with browser(api) as client:
        await sign_in(client, "admin", "not the password")
    async with api.store.engine.connect() as connection:
        rows = str((await connection.exec_driver_sql("SELECT * FROM attempts")).all())
    assert "admin" not in rows
    assert "198.51" not in rows


async def test_each_sign_in_opens_a_new_session(api: Api) -> None:
    async with browser(api) as client:
        client.cookies.set("liuyan_session", "planted", domain="liuyan.test")
        await sign_in(client, "admin")
        first = [cookie.value for cookie in client.cookies.jar if cookie.name == "liuyan_session"]
        assert "planted" not in first[-1:]
        secret = first[-1]
        form = {"csrftoken": await token_of(client, "/admin/password"), "name": "admin", "password": PASSWORD}
        answer = await client.post("/admin/login", data=form)
        assert answer.status_code == 303
    assert secret is not None
    async with browser(api) as old:
        old.cookies.set("liuyan_session", secret)
        assert (await old.get("/api/v1/account")).status_code == 401


async def test_a_session_expires_after_inactivity(api: Api) -> None:
    async with browser(api) as client:
        await sign_in(client, "admin")
        for _ in range(3):
            api.clock.ahead += timedelta(hours=7, minutes=59)
            assert (await client.get("/api/v1/account")).status_code == 200
        api.clock.ahead += timedelta(hours=8, seconds=1)
        assert problem(await client.get("/api/v1/account"), 401)["code"] == "not_signed_in"
        page = await client.get("/admin/?a=1")
        assert (page.status_code, page.headers["location"]) == (303, "/admin/login?next=%2Fadmin%2F%3Fa%3D1")


async def test_a_session_expires_after_seven_days_despite_activity(api: Api) -> None:
    async with browser(api) as client:
        await sign_in(client, "admin")
        for _ in range(7 * 4 - 1):
            api.clock.ahead += timedelta(hours=6)
            assert (await client.get("/api/v1/account")).status_code == 200
        api.clock.ahead += timedelta(hours=6, seconds=1)
        assert (await client.get("/api/v1/account")).status_code == 401


async def test_activity_is_stored_at_most_once_a_minute(api: Api) -> None:
    async def seen() -> object:
        async with api.store.reading() as connection:
            query = select(sessions.c.seen_at).where(
                sessions.c.digest == select(sessions.c.digest).limit(1).scalar_subquery()
            )
            return (await connection.execute(query)).scalars().all()

    async with browser(api) as client:
        client.cookies.set("liuyan_session", api.admin.session)
        before = await seen()
        api.clock.ahead += timedelta(seconds=50)
        assert (await client.get("/api/v1/account")).status_code == 200
        assert await seen() == before
        api.clock.ahead += timedelta(seconds=11)
        assert (await client.get("/api/v1/account")).status_code == 200
        assert await seen() != before


async def test_signing_out_ends_the_session_on_the_server(api: Api) -> None:
    async with browser(api) as client:
        await sign_in(client, "admin")
        secret = client.cookies["liuyan_session"]
        token = await token_of(client, "/admin/password")
        answer = await client.post("/admin/logout", data={"csrftoken": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
        assert "liuyan_session" not in client.cookies
    async with browser(api) as old:
        old.cookies.set("liuyan_session", secret)
        assert (await old.get("/api/v1/account")).status_code == 401
    async with api.store.reading() as connection:
        actions = (await connection.execute(select(audit_log.c.action))).scalars().all()
    assert actions == ["session.sign_in", "session.sign_out"]


async def test_a_forged_sign_in_is_rejected(api: Api) -> None:
    async with browser(api) as client:
        await client.get("/admin/login")
        answer = await client.post("/admin/login", data={"name": "admin", "password": PASSWORD})
        assert answer.status_code == 403
        assert "liuyan_session" not in client.cookies
