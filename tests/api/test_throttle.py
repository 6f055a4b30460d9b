"""Who is locked out by wrong passwords, and who is not."""

from datetime import timedelta

import httpx2 as httpx
import pytest
from pydantic import SecretStr

from api.identity.csrf import COOKIE, HEADER
from api.identity.known_browsers import VALID_FOR
from api.identity.throttle import network_of
from tests.api.conftest import Api
from tests.api.people import PASSWORD, add_person
from tests.api.test_accounts import GOOD
from tests.api.test_comments import problem
from tests.api.test_sign_in import HTTPS, begin_window, browser, sign_in

pytestmark = pytest.mark.timeout(120)
WRONG = "not the password"


async def known(api: Api, client: httpx.AsyncClient, name: str = "admin") -> None:
    """Sign in and out with a browser, which then keeps only the cookie by which it is recognized."""
    assert (await sign_in(client, name)).status_code == 303
    client.cookies.delete("liuyan_session")


async def lock(api: Api, name: str = "admin") -> None:
    """Lock an account for unknown browsers."""
    for attempt in range(11):
        async with browser(api, client=f"192.0.2.{attempt}") as attacker:
            status = (await sign_in(attacker, name, WRONG)).status_code
    assert status == 429


async def block(api: Api, address: str) -> None:
    """Block an address."""
    async with browser(api, client=address) as attacker:
        for attempt in range(61):
            status = (await sign_in(attacker, f"name{attempt}", WRONG)).status_code
    assert status == 429


async def test_a_blocked_address_does_not_count_against_accounts(api: Api) -> None:
    begin_window(api)
    await block(api, "192.0.2.1")
    async with browser(api, client="192.0.2.1") as attacker:
        for _ in range(11):
            assert (await sign_in(attacker, "admin", WRONG)).status_code == 429
    async with browser(api) as owner:
        assert (await sign_in(owner, "admin")).status_code == 303


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        (None, ""),
    ],
)
def test_the_client_of_an_address(address: str | None, network: str) -> None:
    assert network_of(address) == network


async def test_ipv6_addresses_of_one_network_are_counted_together(api: Api) -> None:
    begin_window(api)
    for attempt in range(60):
        async with browser(api, client=f"2001:db8::{attempt:x}") as client:
            assert (await sign_in(client, f"name{attempt}", WRONG)).status_code == 401
    async with browser(api, client="2001:db8::ffff:1") as client:
        assert (await sign_in(client, "admin", WRONG)).status_code == 429
    async with browser(api, client="2001:db8:0:1::1") as client:
        assert (await sign_in(client, "admin")).status_code == 303


async def test_ipv6_networks_are_also_counted_at_sign_up(api: Api) -> None:
    begin_window(api)
    api.clock.ahead += timedelta(seconds=3600 - api.clock().timestamp() % 3600)
    for attempt in range(11):
        async with browser(api, client=f"2001:db8::{attempt:x}") as client:
            page = await client.get("/admin/sign-up")
            assert page.status_code == 200
            form = {"csrftoken": client.cookies[COOKIE], "name": "x", "password": "x", "password_again": "x"}
            status = (await client.post("/admin/sign-up", data=form)).status_code
    assert status == 429


@pytest.mark.parametrize("base_url", ["http://liuyan.test", HTTPS])
async def test_a_browser_that_signed_in_before_is_not_locked_out(api: Api, base_url: str) -> None:
    begin_window(api)
    async with browser(api, base_url=base_url) as owner:
        assert (await sign_in(owner, "admin")).status_code == 303
        for name in ("liuyan_session", "__Host-liuyan_session"):
            owner.cookies.delete(name) if name in owner.cookies else None
        await lock(api)
        await block(api, "198.51.100.7")  # The address of the owner's own network.
        assert (await sign_in(owner, "admin")).status_code == 303


async def test_a_known_browser_has_its_own_limit(api: Api) -> None:
    begin_window(api)
    async with browser(api) as stolen, browser(api, client="198.51.100.8") as other:
        await known(api, stolen)
        for _ in range(10):
            assert (await sign_in(stolen, "admin", WRONG)).status_code == 401
        assert (await sign_in(stolen, "admin")).status_code == 429
        assert (await sign_in(other, "admin")).status_code == 303


async def test_a_known_browser_is_unknown_to_other_accounts(api: Api) -> None:
    begin_window(api)
    await add_person(api.store, "mallory", now=api.clock())
    async with browser(api, client="198.51.100.9") as attacker:
        await known(api, attacker, "mallory")
        for _ in range(10):
            assert (await sign_in(attacker, "admin", WRONG)).status_code == 401
        assert (await sign_in(attacker, "admin", WRONG)).status_code == 429
    async with browser(api) as stranger:
        assert (await sign_in(stranger, "admin")).status_code == 429


@pytest.mark.parametrize("reason", ["password changed", "expired", "other key"])
async def test_a_cookie_that_is_no_longer_valid_is_ignored(api: Api, reason: str) -> None:
    async with browser(api) as old, browser(api, client="198.51.100.8") as owner:
        await known(api, old)
        if reason == "password changed":
            await sign_in(owner, "admin")
            body = {"current_password": PASSWORD, "new_password": GOOD}
            answer = await owner.post("/api/v1/account/password", json=body, headers={HEADER: owner.cookies[COOKIE]})
            assert answer.status_code == 204
        elif reason == "other key":
            old.cookies.set("liuyan_browser", "WzEsMF0.forged", domain="liuyan.test")
        else:
            # The signature's time is the real one.
            old.cookies.set("liuyan_browser", _signed_long_ago(api), domain="liuyan.test")
        begin_window(api)
        await lock(api)
        assert (await sign_in(old, "admin", GOOD if reason == "password changed" else PASSWORD)).status_code == 429
        if reason == "password changed":
            owner.cookies.delete("liuyan_session")
            assert (await sign_in(owner, "admin", GOOD)).status_code == 303


def _signed_long_ago(api: Api) -> str:
    from itsdangerous import TimestampSigner, URLSafeTimedSerializer

    class Old(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - int(VALID_FOR.total_seconds()) - 1

    key: SecretStr | None = api.services.settings.secret_key
    assert key is not None
    serializer = URLSafeTimedSerializer(key.get_secret_value(), salt="liuyan.known-browser", signer=Old)
    return str(serializer.dumps([api.admin.number, 0, "00"]))


async def test_a_blocked_address_can_still_change_and_confirm_a_password(api: Api) -> None:
    begin_window(api)
    async with browser(api) as victim:
        assert (await sign_in(victim, "admin")).status_code == 303
        await block(api, "198.51.100.7")
        await lock(api)
        headers = {HEADER: victim.cookies[COOKIE]}
        confirmed = await victim.post("/api/v1/account/confirm", json={"password": PASSWORD}, headers=headers)
        assert confirmed.status_code == 204
        body = {"current_password": PASSWORD, "new_password": GOOD}
        assert (await victim.post("/api/v1/account/password", json=body, headers=headers)).status_code == 204


async def test_wrong_passwords_of_a_session_do_not_block_its_password_change(api: Api) -> None:
    begin_window(api)
    async with browser(api) as client:
        await sign_in(client, "admin")
        headers = {HEADER: client.cookies[COOKIE]}
        for _ in range(10):
            problem(await client.post("/api/v1/account/confirm", json={"password": WRONG}, headers=headers), 422)
        problem(await client.post("/api/v1/account/confirm", json={"password": PASSWORD}, headers=headers), 429)
        body = {"current_password": PASSWORD, "new_password": GOOD}
        assert (await client.post("/api/v1/account/password", json=body, headers=headers)).status_code == 204
