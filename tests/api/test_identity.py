"""Roles, passwords, contacts, and requests from other sites."""

import asyncio
import sys
import unicodedata
from types import SimpleNamespace
from typing import Literal

import pytest
from argon2 import PasswordHasher

import api.identity.names
import api.identity.passwords
import store.accounts
from api.identity.contacts import Contacts
from api.identity.csrf import COOKIE, HEADER
from api.identity.names import check_name
from api.identity.passwords import MAXIMUM, Passwords, normalise, temporary_password
from api.identity.roles import Role, lesser
from api.problems import ProblemError
from store.accounts import NAME_AT_MOST, fold
from tests.api.conftest import Api
from tests.api.people import HASH, QUICK, QUICK_PASSWORDS, csrf_token
from tests.api.test_comments import problem
from tests.api.test_sign_in import browser, sign_in, token_of

pytestmark = pytest.mark.timeout(60)


def test_each_role_includes_what_it_also_grants() -> None:
    assert [[one.includes(other) for other in Role] for one in Role] == [
        [True, False, False, False],
        [False, True, False, False],
        [False, True, True, False],
        [True, True, True, True],
    ]
    assert lesser(Role.PLATFORM, Role.REVIEWER) is None
    assert lesser(Role.ADMIN, Role.USER) is lesser(Role.USER, Role.ADMIN) is Role.USER


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "七月 木头 飞机 牛奶糖",
        "今天天气真不错啊朋友们我们走",
        "wo zui xihuan chi hongshao rou",
        "Tr0ub4dor&3x",
        "ｆｕｌｌ ｗｉｄｔｈ ｗｏｒｄｓ",
    ],
)
async def test_a_strong_password_is_accepted(password: str) -> None:
    await QUICK_PASSWORDS.check(password, "小王")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("十一个字不够长呀真的吧", "password_too_short"),
        ("x" * 257, "password_too_long"),
        ("e\u0301" * 129, "password_too_long"),  # 258 characters as typed.
        ("\ufdfa" * 15, "password_too_long"),  # Each expands to 18 characters.
        ("a" + "\u0300\u0316" * 80_000, "password_too_long"),
        ("aaaaaaaaaaaaaaaaaaaaaa", "password_common"),
        ("abcdefghijklmnop", "password_common"),
        ("qwertyuiop123", "password_common"),
        ("199001011990", "password_common"),
        ("liuyan2026!!", "password_common"),
        ("520131452013", "password_common"),
        ("Admin@123456", "password_common"),
        ("huawei@123", "password_too_short"),
        ("Huawei@12345678", "password_common"),
        ("woaizhongguo", "password_common"),
        ("一二三四五六七八九十", "password_too_short"),
        ("一二三四五六七八九十百千", "password_common"),
        ("我爱你我爱你我爱你我爱你", "password_common"),
        ("P@ssw0rd12345", "password_common"),
        ("1qaz2wsx3edc4rfv", "password_common"),
        ("Qwerty123456!", "password_common"),
        ("Zhangwei19900101!", "password_common"),
        ("liming@2024beijing", "password_common"),
        ("13812345678abc", "password_common"),
        ("zhangsanlisiwangwu", "password_common"),
        ("Ｐａｓｓｗｏｒｄ１２３４５", "password_common"),
        ("hello XIAOWANG good", "password_holds_name"),
    ],
)
async def test_a_weak_password_is_rejected_with_the_rule_that_it_breaks(password: str, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        await QUICK_PASSWORDS.check(password, "xiaowang")
    assert caught.value.code == code


async def test_temporary_passwords_are_unique_and_strong() -> None:
    made = {temporary_password() for _ in range(50)}
    assert len(made) == 50
    for password in sorted(made)[:5]:
        await QUICK_PASSWORDS.check(password, "小王")


async def test_text_over_the_limit_is_never_normalized(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def normalize(form: Literal["NFC", "NFKC"], text: str) -> str:
        seen.append(len(text))
        return unicodedata.normalize(form, text)

    for module in (api.identity.passwords, api.identity.names, store.accounts):
        monkeypatch.setattr(module, "unicodedata", SimpleNamespace(normalize=normalize))
    long = "a" + "\u0300\u0316" * 80_000
    for refused in (normalise, fold):
        with pytest.raises(ValueError, match="longer than"):
            refused(long)
    with pytest.raises(ValueError, match="longer than"):
        await QUICK_PASSWORDS.hash(long)
    with pytest.raises(ProblemError) as caught:
        check_name(long)
    assert caught.value.code == "invalid_name"
    assert not (await QUICK_PASSWORDS.verify(HASH, long)).right
    for field in ("phone", "email"):
        with pytest.raises(ProblemError):
            getattr(Contacts(["k" * 32]), f"encrypt_{field}")(long)
    assert seen == []
    check_name("x" * NAME_AT_MOST)
    await QUICK_PASSWORDS.verify(HASH, "x" * MAXIMUM)
    # Short input may expand under NFKC, and the expanded form is normalized again.
    assert max(seen) <= 18 * NAME_AT_MOST


async def test_rating_a_password_does_not_block_the_event_loop() -> None:
    chosen = "(47<@+103<<+4/!93118(4@<398[!14377(" * 2  # Takes zxcvbn 1.8 s if it rates all of it.
    rating = asyncio.create_task(QUICK_PASSWORDS.check(chosen, "小王"))
    turns = 0
    while not rating.done():
        await asyncio.sleep(0.001)
        turns += 1
    await rating
    assert turns > 20
    assert "zxcvbn" not in sys.modules


async def test_a_password_matches_in_any_unicode_composition() -> None:
    passwords = Passwords(QUICK)
    stored = await passwords.hash("Café 木头 飞机")
    assert (await passwords.verify(stored, "Cafe\u0301 木头 飞机")).right
    assert not (await passwords.verify(stored, "Cafe 木头 飞机")).right
    assert not (await passwords.verify("no hash at all", "Café 木头 飞机")).right
    assert not (await passwords.verify(None, "Café 木头 飞机")).right


async def test_hashing_does_not_block_the_event_loop() -> None:
    passwords = Passwords(PasswordHasher(time_cost=4, memory_cost=65_536, parallelism=1))
    hashing = asyncio.gather(*(passwords.hash("七月 木头 飞机") for _ in range(3)))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 5
    assert len(set(await hashing)) == 3


def test_contacts_survive_a_key_rotation() -> None:
    old, new = "o" * 32, "n" * 32
    written = Contacts([old]).encrypt_phone("13800138000")
    assert written is not None
    assert "13800138000" not in written
    both = Contacts([new, old])
    assert both.decrypt(written) == "13800138000"
    rewritten = both.encrypt_phone("13800138000")
    assert Contacts([new]).decrypt(rewritten) == "13800138000"
    # Without the old key, only values encrypted with it are lost.
    assert Contacts([new]).decrypt(written) is None
    assert Contacts([]).decrypt(written) is None
    assert not Contacts([]).offered


@pytest.mark.parametrize("phone", ["12", "call me", "1" * 40, "+86<script>", "138\n0013"])
def test_an_invalid_phone_number_is_rejected(phone: str) -> None:
    with pytest.raises(ProblemError, match="Invalid phone number"):
        Contacts(["k" * 32]).encrypt_phone(phone)


@pytest.mark.parametrize(
    "email", ["a", "a@b", "a b@c.de", "@c.de", "a@c\n.de", "a@@c.de", "字" * 60 + "@" + "字" * 60 + ".de"]
)
def test_an_invalid_email_address_is_rejected(email: str) -> None:
    with pytest.raises(ProblemError, match="Invalid e-mail address"):
        Contacts(["k" * 32]).encrypt_email(email)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.test"},
        {"Origin": "http://sub.liuyan.test"},
        {"Origin": "null"},
    ],
)
async def test_a_cross_site_request_is_rejected_even_with_the_csrf_token(api: Api, headers: dict[str, str]) -> None:
    async with browser(api) as client:
        await sign_in(client, "admin")
        token = client.cookies[COOKIE]
        body = {"name": "export", "role": "user"}
        refused = await client.post("/api/v1/account/tokens", json=body, headers={**headers, HEADER: token})
        assert problem(refused, 403)["code"] == "csrf"
        form = {"csrftoken": await token_of(client, "/admin/password")}
        assert (await client.post("/admin/logout", data=form, headers=headers)).status_code == 403
        assert (await client.get("/api/v1/account", headers=headers)).status_code == 200
        own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://liuyan.test", HEADER: token}
        assert (await client.post("/api/v1/account/tokens", json=body, headers=own)).status_code == 201


async def test_a_request_with_a_token_needs_no_csrf_token(api: Api) -> None:
    headers = {"Origin": "http://elsewhere.test", **api.admin.bearer}
    changed = await api.anonymous.patch("/api/v1/account", json={"language": "en"}, headers=headers)
    assert changed.status_code == 200


async def test_only_allowed_hosts_are_served(api: Api) -> None:
    for host, status in (("liuyan.test", 200), ("liuyan.test:8443", 200), ("evil.test", 400), ("", 400)):
        assert (await api.client.get("/docs", headers={"Host": host})).status_code == status


async def test_a_failed_sign_in_does_not_end_the_session(api: Api) -> None:
    async with browser(api) as client:
        await sign_in(client, "admin")
        first = client.cookies["liuyan_session"]
        form = {"csrftoken": csrf_token(), "name": "admin", "password": "wrong"}
        client.cookies.set(COOKIE, csrf_token(), domain="liuyan.test")
        assert (await client.post("/admin/login", data=form)).status_code == 401
        assert (await client.get("/api/v1/account")).status_code == 200
    async with browser(api) as again:
        again.cookies.set("liuyan_session", first)
        assert (await again.get("/api/v1/account")).status_code == 200
