"""Single sign-on against a real OpenID Connect provider: what it lets in, and what it refuses."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2 as httpx
import pytest
from joserfc.jwk import OctKey, OKPKey
from pydantic import SecretStr
from sqlalchemy import select, update

from api.identity import sso_accounts
from api.identity.cookies import SESSION
from api.identity.csrf import HEADER
from api.identity.provider import METADATA_FOR
from api.identity.roles import Role
from api.identity.sign_in import Browser, open_with_password
from api.identity.single_sign_on import COOKIE, VALID_FOR
from api.problems import ProblemError
from store.accounts import find_credentials
from store.admin_tables import audit_log, identities, sessions, used_states, users
from store.audit import command_actor
from store.identities import find_account
from tests.api.conftest import Api
from tests.api.id_provider import CLIENT_SECRET, IdProvider, new_key, running_provider
from tests.api.people import PASSWORD, add_person
from tests.api.test_accounts import changes
from tests.api.test_comments import problem
from tests.api.test_sign_in import begin_window, browser, sentence, token_of
from tests.api.test_sign_in import sign_in as sign_in_with_password

pytestmark = [pytest.mark.timeout(60), pytest.mark.programs]
INVALID = "Single sign-on failed: the answer of the sign-in service is not valid. Sign in again."
EXPIRED = "This sign-in has expired, or it was begun in another browser: start again."


@pytest.fixture(scope="module")
def running() -> Iterator[IdProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: IdProvider, api: Api) -> IdProvider:
    """The provider of this test's application, honest again after the tests before."""
    honest = IdProvider(url=running.url, published=running.published, authenticated_at=int(time.time()))
    vars(running).update(vars(honest))
    use(api, running)
    return running


def use(api: Api, provider: IdProvider, **changes: object) -> None:
    """Give the application this provider, and other settings."""
    object.__setattr__(api.services, "settings", provider.settings(api.services.settings, **changes))


async def begin(client: httpx.AsyncClient, path: str = "/admin/sso", following: str = "/admin/account") -> str:
    """Begin a sign-in and return the address at the provider."""
    begun = await client.get(f"{path}?{urlencode({'next': following})}")
    assert begun.status_code == 303, begun.text
    return begun.headers["location"]


async def at_provider(address: str) -> str:
    """Sign in at the provider and return the address that it sends the browser back to."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(address)
        if answer.status_code == 200:
            answer = await client.post(address)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])


async def sign_in(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get(await at_provider(await begin(client)))


async def me(client: httpx.AsyncClient) -> dict[str, object]:
    found: dict[str, object] = (await client.get("/api/v1/account")).json()
    return found


def changed(url: str, **parameters: str | None) -> str:
    """Return an address with other parameters; None removes one."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | parameters
    return parts._replace(query=urlencode({name: value for name, value in query.items() if value is not None})).geturl()


async def test_first_sign_in_creates_an_account_and_later_ones_find_it(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        page = await client.get("/admin/login?next=/admin/account")
        assert 'href="/admin/sso?next=%2Fadmin%2Faccount"' in page.text
        answer = await sign_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/account")
        first = await me(client)
        assert (first["name"], first["role"], first["signed_in_with"]) == ("wang.wei", "reviewer", "sso")
        assert (await client.get("/admin/account")).status_code == 200
    [asked] = provider.authorized
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) == len(asked["nonce"]) == len(asked["code_challenge"]) == 43
    provider.person["preferred_username"] = "renamed"
    async with browser(api) as client:
        await sign_in(client)
        assert (await me(client))["number"] == first["number"]
    assert [(action, detail) for action, _, detail in await changes(api)] == [
        ("user.create", {"name": "wang.wei", "role": "reviewer", "by": "sso"}),
        ("session.sign_in", {"by": "sso"}),
        ("session.sign_in", {"by": "sso"}),
    ]


async def test_accounts_are_linked_by_issuer_and_sub_and_never_by_name_or_e_mail(
    api: Api, provider: IdProvider
) -> None:
    local = await add_person(api.store, "wang.wei", Role.ADMIN, now=api.clock())
    provider.person |= {"name": "wang.wei", "email": "wang.wei@example.com", "email_verified": True}
    numbers = set()
    for subject in ("person-1", "PERSON-1", "person-1 "):
        provider.person["sub"] = subject
        async with browser(api) as client:
            await sign_in(client)
            found = await me(client)
            assert str(found["name"]).startswith("wang.wei-")
            assert found["role"] == "reviewer"
            numbers.add(found["number"])
    assert len(numbers - {local.number}) == 3
    async with api.store.reading() as connection:
        assert await find_account(connection, "https://other.example", "person-1") is None


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "li.na@example.com"}, "li.na"),
        ({"preferred_username": "", "name": "李娜"}, "李娜"),
        ({"preferred_username": "li na\u200b<b>"}, "li-na-b"),
        ({"preferred_username": 7, "name": "аdmin" * 100}, None),
        ({"preferred_username": "..", "email": "x@example.com"}, "user-"),
    ],
)
async def test_name_of_a_new_account_follows_the_rules(
    api: Api, provider: IdProvider, claims: dict[str, object], name: str | None
) -> None:
    provider.person |= claims
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 303
        found = str((await me(client))["name"])
    assert found.startswith(name) if name else all(ord(character) < 128 for character in found)


async def test_role_follows_the_provider_at_each_sign_in(api: Api, provider: IdProvider) -> None:
    provider.groups = ["everybody", "admins", "something else"]
    async with browser(api) as client:
        await sign_in(client)
        assert (await me(client))["role"] == "admin"
        client.headers[HEADER] = await token_of(client, "/admin/account")
        token = (await client.post("/api/v1/account/tokens", json={"name": "x", "role": "admin"})).json()["secret"]
    provider.groups = ["readers"]
    async with browser(api) as client:
        await sign_in(client)
        assert (await me(client))["role"] == "reviewer"
    assert (await api.anonymous.get("/api/v1/account", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert ("user.edit", {"role": ["admin", "reviewer"], "tokens_revoked": 1, "by": "sso"}) in [
        (action, detail) for action, _, detail in await changes(api)
    ]


@pytest.mark.parametrize("groups", [[], ["strangers"], [7, None], "everybody else"])
async def test_a_person_without_a_role_is_refused(api: Api, provider: IdProvider, groups: list[str]) -> None:
    provider.groups = groups
    async with browser(api) as client:
        answer = await sign_in(client)
        assert answer.status_code == 403
        assert sentence(answer) == "You have no role here: ask an administrator for access, then sign in again."
        assert (await client.get("/api/v1/account")).status_code == 401
    async with api.store.reading() as connection:
        assert (await connection.execute(select(identities))).all() == []


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["leads"]}}),
        ("https://liuyan.example/roles", {"https://liuyan.example/roles": "leads"}),
    ],
)
async def test_role_claim_may_be_nested_or_named_by_an_address(
    api: Api, provider: IdProvider, claim: str, claims: dict[str, object]
) -> None:
    provider.groups, provider.claims = [], claims
    use(api, provider, sso_role_claim=claim)
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 303
        assert (await me(client))["role"] == "reviewer"


async def test_role_claim_is_read_from_userinfo_if_the_id_token_lacks_it(api: Api, provider: IdProvider) -> None:
    provider.groups_in = "userinfo"
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 303


async def test_the_last_admin_keeps_the_role_and_is_not_signed_in(api: Api, provider: IdProvider) -> None:
    provider.groups = ["admins"]
    async with browser(api) as client:
        await sign_in(client)
    async with api.store.writing() as session:
        others = update(users).where(users.c.number == api.admin.number).values(role="user")
        await session.connection.execute(others)
    provider.groups = ["readers"]
    async with browser(api) as client:
        answer = await sign_in(client)
        assert answer.status_code == 409
        assert "you are the last administrator here" in sentence(answer)
        assert SESSION not in client.cookies


async def test_a_disabled_account_is_refused(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        await sign_in(client)
        number = (await me(client))["number"]
    assert (await api.page.post(f"/api/v1/users/{number}/disable")).status_code == 200
    async with browser(api) as client:
        answer = await sign_in(client)
        assert (answer.status_code, sentence(answer)) == (403, "Your account is disabled: ask an administrator.")


@pytest.mark.parametrize(
    "lie",
    [
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"aud": "another client"}},
        {"claims": {"aud": ["liuyan", "another client"]}},  # Without azp.
        {"claims": {"aud": ["liuyan", "another client"], "azp": "another client"}},
        {"claims": {"nonce": "of another sign-in"}},
        {"claims": {"nonce": None}},
        {"claims": {"exp": 1_700_000_000}},
        {"claims": {"exp": "never"}},
        {"claims": {"iat": 33_000_000_000}},
        {"claims": {"sub": ""}},
        {"claims": {"sub": 7}},
        {"claims": {"sub": "x" * 256}},
        {"claims": {"at_hash": "of another access token"}},
        {"claims": {"at_hash": 7}},
        {"algorithm": "none"},
        {"key": new_key()},
        {"algorithm": "HS256", "key": OctKey.import_key(CLIENT_SECRET)},
    ],
    ids=lambda lie: str(lie.get("claims", lie.get("algorithm", "wrong key")))[:40],
)
async def test_an_invalid_id_token_is_refused(api: Api, provider: IdProvider, lie: dict[str, object]) -> None:
    vars(provider).update(lie)
    async with browser(api) as client:
        answer = await sign_in(client)
        assert (answer.status_code, sentence(answer)) == (403, INVALID)
        assert SESSION not in client.cookies
    async with api.store.reading() as connection:
        query = select(audit_log.c.detail).where(audit_log.c.action == "session.sign_in_failed")
        [recorded] = (await connection.execute(query)).scalars().all()
    assert json.loads(recorded) == {"by": "sso", "reason": "sso_refused"}


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
async def test_id_tokens_signed_with_ed25519_are_accepted(
    api: Api, provider: IdProvider, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "published", OKPKey.generate_key("Ed25519", {"kid": "one", "use": "sig"}))
    provider.algorithm = algorithm
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 303
    provider.claims = {"at_hash": "of another access token"}
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 403


@pytest.mark.parametrize("seconds", [5, 30, 60])
async def test_access_tokens_may_expire_within_a_minute(api: Api, provider: IdProvider, seconds: int) -> None:
    provider.groups_in, provider.token = "userinfo", {"expires_in": seconds, "refresh_token": "another"}
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 303


@pytest.mark.parametrize(
    "token",
    [
        {"token_type": "mac"},
        {"token_type": 7},
        {"expires_in": "soon"},
        {"expires_in": [1]},
        {"expires_in": 1e400},
        {"expires_at": 1},
        {"expires_at": {}},
    ],
    ids=str,
)
async def test_an_access_token_that_cannot_be_used_gives_one_sentence(
    api: Api, provider: IdProvider, token: dict[str, object]
) -> None:
    provider.groups_in, provider.token = "userinfo", token
    async with browser(api) as client:
        answer = await sign_in(client)
        assert answer.status_code == 503
        assert sentence(answer).startswith("The sign-in service gave an unexpected answer.")


async def test_an_error_of_the_token_endpoint_is_a_refusal(api: Api, provider: IdProvider) -> None:
    provider.token = {"error": "temporarily_unavailable", "error_description": ["later"]}
    async with browser(api) as client:
        answer = await sign_in(client)
        assert (answer.status_code, sentence(answer)) == (403, INVALID)


@pytest.mark.parametrize("keys", [None, [], {"keys": 7}, {"keys": [7]}, {"keys": [{"kty": "RSA"}]}], ids=str)
async def test_keys_that_are_none_give_one_sentence(api: Api, provider: IdProvider, keys: object) -> None:
    provider.published_as = keys
    async with browser(api) as client:
        answer = await sign_in(client)
        assert answer.status_code in (403, 503)
        assert sentence(answer)


async def test_a_clock_that_differs_by_half_a_minute_is_accepted(api: Api, provider: IdProvider) -> None:
    provider.claims = {"exp": int(time.time()) - 30}
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 303


async def test_userinfo_about_another_person_is_refused(api: Api, provider: IdProvider) -> None:
    provider.groups_in, provider.claims = "userinfo", {"sub": "person-2"}
    async with browser(api) as client:
        answer = await sign_in(client)
        assert (answer.status_code, sentence(answer)) == (403, INVALID)


async def test_a_code_works_once(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client, browser(api) as thief:
        back = await at_provider(await begin(client))
        assert (await client.get(back)).status_code == 303
        # The thief has seen the whole answer and puts the code into a sign-in of its own.
        own = parse_qs(urlsplit(await begin(thief)).query)
        code = parse_qs(urlsplit(back).query)["code"][0]
        answer = await thief.get(changed(back, state=own["state"][0], code=code))
        assert (answer.status_code, sentence(answer)) == (403, INVALID)


async def test_a_stolen_code_is_useless_without_its_verifier_even_if_unused(api: Api, provider: IdProvider) -> None:
    async with browser(api) as victim, browser(api) as thief:
        code = parse_qs(urlsplit(await at_provider(await begin(victim))).query)["code"][0]
        back = await at_provider(await begin(thief))
        answer = await thief.get(changed(back, code=code))
        assert (answer.status_code, sentence(answer)) == (403, INVALID)


async def test_a_state_is_used_once_even_if_the_provider_accepts_the_code_again(api: Api, provider: IdProvider) -> None:
    provider.keeps_codes = True
    async with browser(api) as client:
        back = await at_provider(await begin(client))
        cookie = client.cookies[COOKIE]
        assert (await client.get(back)).status_code == 303
        assert COOKIE not in client.cookies
    async with browser(api) as copy:  # Another browser with a copy of the cookie.
        copy.cookies.set(COOKIE, cookie, domain="liuyan.test")
        answer = await copy.get(back)
        assert (answer.status_code, sentence(answer)) == (400, EXPIRED)
        assert SESSION not in copy.cookies


async def test_state_of_another_browser_is_refused(api: Api, provider: IdProvider) -> None:
    async with browser(api) as attacker, browser(api) as victim:
        back = await at_provider(await begin(attacker))
        for begun in (False, True):
            if begun:
                await begin(victim)
            answer = await victim.get(back)
            assert (answer.status_code, sentence(answer)) == (400, EXPIRED)
            assert SESSION not in victim.cookies
        nothing = await victim.get("/admin/sso/callback")
        assert (nothing.status_code, sentence(nothing)) == (400, EXPIRED)


async def test_a_forged_cookie_is_refused(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        back = await at_provider(await begin(client))
        forged = client.cookies[COOKIE][:-4] + "AAAA"
        client.cookies.set(COOKIE, forged, domain="liuyan.test")
        assert (await client.get(back)).status_code == 400


async def test_a_sign_in_expires(api: Api, provider: IdProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    async with browser(api) as client:
        back = await at_provider(await begin(client))
        late = time.time() + VALID_FOR.total_seconds() + 1
        with monkeypatch.context() as patch:
            patch.setattr("itsdangerous.timed.time.time", lambda: late)
            assert sentence(await client.get(back)) == EXPIRED


@pytest.mark.parametrize("issuer", ["https://evil.example", None])
async def test_the_answer_of_another_provider_is_not_mixed_up(
    api: Api, provider: IdProvider, issuer: str | None
) -> None:
    async with browser(api) as client:
        back = changed(await at_provider(await begin(client)), iss=issuer)
        answer = await client.get(back)
        assert (answer.status_code, sentence(answer)) == (403, INVALID)
    assert len(provider.codes) == 1  # It was not sent anywhere.


async def test_metadata_of_another_issuer_are_refused(api: Api, provider: IdProvider) -> None:
    provider.metadata = {"issuer": "https://evil.example"}
    async with browser(api) as client:
        assert (await client.get("/admin/sso")).status_code == 503
    assert provider.authorized == []


async def test_endpoints_without_tls_are_refused(api: Api, provider: IdProvider) -> None:
    provider.metadata = {"token_endpoint": "http://id.example/token"}
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 503


@pytest.mark.parametrize("endpoint", ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"])
async def test_a_provider_that_is_down_gives_one_sentence(api: Api, provider: IdProvider, endpoint: str) -> None:
    provider.groups_in = "userinfo"
    provider.statuses = {endpoint: 502}
    async with browser(api) as client:
        answer = await client.get("/admin/sso")
        if answer.status_code == 303:
            answer = await client.get(await at_provider(answer.headers["location"]))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"
        assert sentence(answer).startswith("The sign-in service gave an unexpected answer. Try again in a minute")
        assert "/admin/sso?next=" in answer.text
        provider.statuses = {}
        assert (await sign_in(client)).status_code == 303


async def test_a_provider_that_refuses_connections_gives_one_sentence(api: Api, provider: IdProvider) -> None:
    use(api, provider, sso_issuer="http://127.0.0.1:9")
    async with browser(api) as client:
        assert (await client.get("/admin/sso")).status_code == 503
        assert (await client.get("/admin/login")).status_code == 200


async def test_changed_metadata_are_read_after_some_minutes(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        await begin(client)
        provider.metadata = {"authorization_endpoint": f"{provider.url}/elsewhere"}
        assert urlsplit(await begin(client)).path == "/authorize"
        api.clock.ahead += METADATA_FOR
        assert urlsplit(await begin(client)).path == "/elsewhere"


async def test_refusal_by_the_provider_does_not_show_what_the_address_says(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        state = parse_qs(urlsplit(await begin(client)).query)["state"][0]
        words = {"error": "access_denied", "error_description": "call 555-0100", "state": state, "iss": provider.url}
        answer = await client.get(f"/admin/sso/callback?{urlencode(words)}")
        assert answer.status_code == 403
        assert sentence(answer) == "The sign-in service did not sign you in. Try again, or ask an administrator."
        assert "555-0100" not in answer.text


@pytest.mark.parametrize("following", ["//evil.example", "https://evil.example/", "/admin/" + "x" * 1_900])
async def test_sign_in_returns_only_to_pages_of_the_app(api: Api, provider: IdProvider, following: str) -> None:
    async with browser(api) as client:
        answer = await client.get(await at_provider(await begin(client, following=following)))
        assert answer.headers["location"] == "/admin/"


async def test_a_failed_answer_in_a_signed_in_browser_returns_to_the_app(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        back = await at_provider(await begin(client))
        await client.get(back)
        again = await client.get(back)  # The back button.
        assert (again.status_code, again.headers["location"]) == (303, "/admin/")
        assert EXPIRED in (await client.get("/admin/")).text


async def test_confirmation_asks_the_provider_again(api: Api, provider: IdProvider) -> None:
    provider.groups = ["admins"]
    provider.authenticated_at -= 3600  # The provider has known the browser for an hour.
    async with browser(api) as client:
        await sign_in(client)
        client.headers[HEADER] = await token_of(client, "/admin/account")
        new_token = {"name": "x", "role": "user"}
        refused = problem(await client.post("/api/v1/account/tokens", json=new_token), 403)
        assert refused["code"] == "confirmation_required"
        assert (
            problem(await client.post("/api/v1/account/confirm", json={"password": "x"}), 409)["code"] == "no_password"
        )
        assert (
            'href="/admin/sso/confirm?next=%2Fadmin%2Faccount"'
            in (await client.get("/admin/confirm?next=/admin/account")).text
        )
        before = client.cookies[SESSION]
        answer = await client.get(await at_provider(await begin(client, "/admin/sso/confirm")))
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/account")
        assert provider.authorized[-1]["max_age"] == "0"
        assert client.cookies[SESSION] != before
        assert (await client.post("/api/v1/account/tokens", json=new_token)).status_code == 201
    assert "session.confirm" in [action for action, _, _ in await changes(api)]


@pytest.mark.parametrize("fault", ["ignores max_age", "no auth_time", "another person", "another session"])
async def test_confirmation_without_a_new_proof_is_refused(api: Api, provider: IdProvider, fault: str) -> None:
    provider.authenticated_at -= 3600
    async with browser(api) as client, browser(api) as other:
        await sign_in(client)
        back = await begin(client, "/admin/sso/confirm")
        if fault == "ignores max_age":
            provider.honours_max_age = False
        elif fault == "no auth_time":
            provider.claims = {"auth_time": None}
        elif fault == "another person":
            provider.person["sub"] = "person-2"
        back = await at_provider(back)
        if fault == "another session":
            await sign_in(other)
            client.cookies.set(SESSION, other.cookies[SESSION], domain="liuyan.test")
        before = client.cookies[SESSION]
        answer = await client.get(back)
        assert answer.status_code == 303
        assert client.cookies[SESSION] == before
    assert "session.confirm" not in [action for action, _, _ in await changes(api)]


async def test_signing_in_confirms_the_session_from_the_time_of_the_proof(api: Api, provider: IdProvider) -> None:
    for ago, seconds in ((300, 600), (0, 900), (-20, 900)):
        provider.authenticated_at = int(time.time()) + -ago
        async with browser(api) as client:
            await sign_in(client)
            assert seconds - 10 <= int(str((await me(client))["confirmed_seconds"])) <= seconds


async def test_signing_out_continues_at_the_provider(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        await sign_in(client)
        page = await client.post("/admin/logout", data={"csrftoken": await token_of(client, "/admin/account")})
        assert page.status_code == 200
        [link] = [part.split('"')[0] for part in page.text.split('id="elsewhere" href="')[1:]]
        query = parse_qs(urlsplit(link.replace("&amp;", "&")).query)
        assert query["post_logout_redirect_uri"] == ["http://liuyan.test/admin/login"]
        assert query["client_id"] == ["liuyan"]
        assert query["id_token_hint"][0].count(".") == 2
        assert (await client.get("/api/v1/account")).status_code == 401
        assert "signed-out.js" in page.text
    async with api.store.reading() as connection:
        kept = (await connection.execute(select(sessions.c.id_token_encrypted))).scalars().all()
    assert not any(kept)


@pytest.mark.parametrize("down", [False, True])
async def test_signing_out_works_without_the_provider(api: Api, provider: IdProvider, down: bool) -> None:
    if not down:
        provider.without = {"end_session_endpoint"}
    async with browser(api) as client:
        await sign_in(client)
        token = await token_of(client, "/admin/account")
        api.clock.ahead += METADATA_FOR
        provider.statuses = {"/.well-known/openid-configuration": 500} if down else {}
        answer = await client.post("/admin/logout", data={"csrftoken": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
        assert (await client.get("/api/v1/account")).status_code == 401


async def test_the_id_token_is_stored_encrypted(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        await sign_in(client)
    async with api.store.reading() as connection:
        query = select(sessions.c.id_token_encrypted).where(sessions.c.opened_by == "sso")
        [stored] = (await connection.execute(query)).scalars().all()
    assert stored.startswith("gAAAA")
    assert "eyJ" not in stored


async def test_an_account_of_single_sign_on_has_no_password(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        await sign_in(client)
        number = (await me(client))["number"]
        client.headers[HEADER] = await token_of(client, "/admin/account")
        body = {"current_password": "x", "new_password": "a-good-password-93"}
        assert problem(await client.post("/api/v1/account/password", json=body), 409)["code"] == "no_password"
    assert problem(await api.page.post(f"/api/v1/users/{number}/reset-password"), 409)["code"] == "no_password"
    shown = (await api.page.get(f"/admin/users/{number}")).text
    assert "person-1" in shown
    assert "reset-password" not in shown


async def test_passwords_can_be_disabled(api: Api, provider: IdProvider) -> None:
    use(api, provider, local_passwords=False, sign_up="open")
    await add_person(api.store, "小王", now=api.clock())
    async with browser(api) as client:
        page = (await client.get("/admin/login")).text
        assert 'name="password"' not in page
        assert 'href="/admin/sso"' in page
        assert 'href="/admin/sign-up"' not in page
        form = {"name": "新人", "password": "a-good-password-93", "password_again": "a-good-password-93"}
        token = await token_of(client, "/admin/login?local=1")
        closed = await client.post("/admin/sign-up", data={**form, "csrftoken": token})
        assert closed.status_code == 403
        for name, password in (("小王", PASSWORD), ("小王", "wrong"), ("谁", PASSWORD)):
            answer = await client.post("/admin/login", data={"csrftoken": token, "name": name, "password": password})
            assert answer.status_code == 403
            assert sentence(answer).startswith("Passwords are disabled: use single sign-on.")
    # Tokens are unaffected.
    assert (await api.client.get("/api/v1/account")).status_code == 200


async def test_a_state_stays_used_only_while_its_cookie_is_valid(api: Api, provider: IdProvider) -> None:
    async with browser(api) as client:
        await sign_in(client)
    async with api.store.reading() as connection:
        [expires] = (await connection.execute(select(used_states.c.expires_at))).scalars().all()
    assert timedelta() < expires - api.clock() <= VALID_FOR


async def test_without_a_provider_the_pages_do_not_exist(api: Api) -> None:
    async with browser(api) as client:
        assert (await client.get("/admin/sso")).status_code == 404
        assert (await client.get("/admin/sso/callback?code=x&state=y")).status_code == 404
        assert "/admin/sso" not in (await client.get("/admin/login")).text
        assert (await sign_in_with_password(client, "admin")).status_code == 303
        assert (await client.get("/admin/sso/confirm")).headers["location"] == "/admin/confirm?next=%2Fadmin%2F"


async def test_a_known_name_with_a_password_is_found_after_single_sign_on(server_api: Api) -> None:
    """On a database server: the account exists once, and its password is unusable."""
    api = server_api
    with running_provider() as provider:
        use(api, provider)
        for _ in range(2):
            async with browser(api) as client:
                assert (await sign_in(client)).status_code == 303
    async with api.store.reading() as connection:
        assert len((await connection.execute(select(identities))).all()) == 1
        found = await find_credentials(connection, "wang.wei")
    assert found is not None
    assert found[1].startswith("$argon2id$")


async def test_in_an_emergency_an_admin_gets_in_for_an_hour(api: Api, provider: IdProvider) -> None:
    use(api, provider, local_passwords=False)
    provider.groups = ["admins"]
    async with browser(api) as client:
        await sign_in(client)
        number = int(str((await me(client))["number"]))
        name = str((await me(client))["name"])
    provider.statuses = {"/.well-known/openid-configuration": 503}
    password = await sso_accounts.break_glass(api.services, command_actor("ops"), number)
    async with browser(api) as client:
        page = await client.get("/admin/login?local=1")
        assert 'action="/admin/login?local=1"' in page.text
        form = {"csrftoken": await token_of(client, "/admin/login?local=1"), "name": name, "password": password}
        assert (await client.post("/admin/login?local=1", data=form)).status_code == 303
        assert (await client.get("/admin/users")).status_code == 200
    for later, status in ((timedelta(), 303), (sso_accounts.BREAK_GLASS_FOR, 403)):
        api.clock.ahead += later
        async with browser(api) as client:
            form["csrftoken"] = await token_of(client, "/admin/login?local=1")
            assert (await client.post("/admin/login?local=1", data=form)).status_code == status
    other = await add_person(api.store, "小审", Role.REVIEWER, now=api.clock())
    with pytest.raises(ProblemError, match="not an active administrator"):
        await sso_accounts.break_glass(api.services, command_actor("ops"), other.number)
    assert ("user.break_glass", str(number), {"sessions_ended": 0}) in await changes(api)


async def test_an_existing_account_is_linked_by_command_only(api: Api, provider: IdProvider) -> None:
    person = await add_person(api.store, "小王", Role.REVIEWER, now=api.clock())
    await sso_accounts.link(api.services, command_actor("ops"), person.number, "person-1")
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 303
        assert (await me(client))["number"] == person.number
    async with browser(api) as client:
        assert (await sign_in_with_password(client, "小王")).status_code == 401
    assert (await api.anonymous.get("/api/v1/account", headers=person.bearer)).status_code == 200
    other = await add_person(api.store, "小李", now=api.clock())
    for number, subject, words in (
        (other.number, "person-1", "This person has the account 小王 already"),
        (person.number, "person-2", "The account 小王 is linked to a person already"),
    ):
        with pytest.raises(ProblemError, match=words):
            await sso_accounts.link(api.services, command_actor("ops"), number, subject)
    ended = {"issuer": provider.url, "sessions_ended": 1}
    assert ("user.link", str(person.number), ended) in await changes(api)


async def test_a_password_sign_in_that_races_with_linking_opens_no_session(api: Api, provider: IdProvider) -> None:
    person = await add_person(api.store, "小王", now=api.clock())
    async with api.store.reading() as connection:
        known = await find_credentials(connection, "小王")
    assert known is not None
    await sso_accounts.link(api.services, command_actor("ops"), person.number, "person-1")
    with pytest.raises(ProblemError):
        await open_with_password(api.services, Browser(None, None), known[0], known[1], None, {})


async def test_a_new_key_of_the_provider_is_accepted_at_once(api: Api, provider: IdProvider) -> None:
    before = provider.published
    for key in (before, new_key()):
        provider.published = key
        async with browser(api) as client:
            assert (await sign_in(client)).status_code == 303
    provider.published = before


async def test_the_client_secret_is_sent_in_the_form_if_the_provider_wants_it_there(
    api: Api, provider: IdProvider
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    async with browser(api) as client:
        assert (await sign_in(client)).status_code == 303
    use(api, provider, sso_client_secret=SecretStr("wrong"))
    async with browser(api) as client:
        answer = await sign_in(client)
        assert (answer.status_code, sentence(answer)) == (403, INVALID)


async def test_failed_single_sign_ons_from_an_address_are_throttled(api: Api, provider: IdProvider) -> None:
    begin_window(api)
    provider.groups = []
    async with browser(api) as client:
        for _ in range(60):
            assert (await sign_in(client)).status_code == 403
        assert (await sign_in(client)).status_code == 429
        # Nobody is kept from signing in with a password by it.
        assert (await sign_in_with_password(client, "admin")).status_code == 303
    provider.groups = ["readers"]
    async with browser(api, client="203.0.113.5") as client:
        assert (await sign_in(client)).status_code == 303
