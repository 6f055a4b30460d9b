"""Single sign-on and second factors in a browser: no error of the page, readable and accessible on a phone too."""

import re
from collections.abc import Iterator

import pyotp
import pytest
from playwright.async_api import expect
from sqlalchemy import update

from api.identity.roles import Role
from store.admin_tables import sessions
from tests.admin.conftest import NAMES, PASSWORD, Site, Visits
from tests.admin.looking import NARROW, check_accessibility, shot
from tests.api.id_provider import IdProvider, running_provider

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def provider(site: Site) -> Iterator[IdProvider]:
    """A provider that asks who is there, and an app that uses it during the test."""
    before = site.services.settings
    with running_provider() as provider:
        provider.asks, provider.groups, provider.person["preferred_username"] = True, ["admins"], "王伟"
        after = provider.settings(before, sso_name="公司账号登录")
        object.__setattr__(site.services, "settings", after)
        yield provider
    object.__setattr__(site.services, "settings", before)


async def test_single_sign_on_from_signing_in_to_signing_out(visits: Visits, provider: IdProvider) -> None:
    visits.allow(f"another host: {re.escape(provider.url)}/")
    visits.allow("favicon.ico")
    page = await visits.open(None, "/admin/users", size=NARROW)
    await shot(page, "sign-in-sso-phone")
    await check_accessibility(page)
    await page.get_by_role("link", name="公司账号登录").click()
    await page.get_by_role("button", name="以 王伟 登录").click()
    await expect(page.get_by_role("heading", name="账号管理", level=1)).to_be_visible()
    assert page.url.endswith("/admin/users")
    # A change of access asks the provider again, and then works.
    provider.authenticated_at -= 3600
    async with visits.site.store.writing() as session:
        old = update(sessions).where(sessions.c.opened_by == "sso").values(confirmed_at=None)
        await session.connection.execute(old)
    visits.allow("status of 403")
    await page.goto("/admin/account")
    await page.get_by_label("用途").fill("夜间导出")
    await page.get_by_role("button", name="创建令牌").click()
    await page.get_by_role("link", name="用单点登录确认").click()
    await shot(page, "confirm-sso-phone")
    await check_accessibility(page)
    await page.get_by_role("link", name="用单点登录确认").click()
    await page.get_by_role("button", name="以 王伟 登录").click()
    await page.get_by_label("用途").fill("夜间导出")
    await page.get_by_role("button", name="创建令牌").click()
    await expect(page.locator("#token-secret")).to_be_visible()
    await page.get_by_role("button", name="打开用户菜单").first.click()
    await page.get_by_role("button", name="退出登录").first.click()
    await expect(page.get_by_role("link", name="公司账号登录")).to_be_visible()
    assert page.url.endswith("/admin/login")
    [left] = provider.signed_out
    assert left["client_id"] == "liuyan"


async def test_a_failed_single_sign_on_says_what_to_do(visits: Visits, provider: IdProvider) -> None:
    visits.allow(f"another host: {re.escape(provider.url)}/")
    visits.allow("status of (403|503)")
    visits.allow("favicon.ico")
    provider.groups = []
    page = await visits.open(None, "/admin/login")
    await page.get_by_role("link", name="公司账号登录").click()
    await page.get_by_role("button", name="以 王伟 登录").click()
    await expect(page.get_by_role("alert")).to_have_text("您在这里没有角色：请向管理员申请权限，然后重新登录。")
    await shot(page, "sso-failed")
    await check_accessibility(page)
    provider.statuses = {"/token": 502}
    await page.get_by_role("link", name="重试").click()
    await page.get_by_role("button", name="以 王伟 登录").click()
    await expect(page.get_by_role("alert")).to_contain_text("统一登录平台没有正常响应")


async def test_a_second_factor_from_setting_it_up_to_signing_in(visits: Visits) -> None:
    number = await visits.site.add_user("小两", Role.REVIEWER)
    page = await visits.open(number, "/admin/account", confirmed=False)
    await page.get_by_role("link", name="两步验证").click()
    await check_accessibility(page)
    await page.get_by_role("button", name="开始设置").click()
    await page.get_by_label("您的密码", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="确认", exact=True).click()
    secret = await page.locator("#secret").inner_text()
    await expect(page.locator("#qr svg")).to_be_visible()
    await shot(page, "second-factor")
    await check_accessibility(page)
    totp = pyotp.TOTP(secret)
    await page.get_by_label("验证码").fill(totp.now())
    await page.get_by_role("button", name="启用").click()
    await page.locator("#recovery-codes li").first.wait_for()
    codes = await page.locator("#recovery-codes li").all_inner_texts()
    assert len(codes) == 10
    await shot(page, "recovery-codes")
    await check_accessibility(page)
    phone = await visits.open(None, "/admin/login?next=/admin/detect", size=NARROW)
    visits.allow("status of 422")
    await phone.get_by_label("账号名").fill("小两")
    await phone.get_by_label("密码", exact=True).fill(PASSWORD)
    await phone.get_by_role("button", name="登录", exact=True).click()
    await phone.get_by_label("验证码").fill("000000")
    await phone.get_by_role("button", name="登录", exact=True).click()
    await expect(phone.get_by_role("alert")).to_have_text("验证码错误或已使用过：请等待下一个。")
    assert await phone.evaluate("document.activeElement.id") == "code"
    await shot(phone, "sign-in-code-phone")
    await check_accessibility(phone)
    await phone.get_by_label("验证码").fill(codes[0])
    await phone.get_by_role("button", name="登录", exact=True).click()
    await expect(phone).to_have_url(re.compile("/admin/detect$"))


async def test_an_admin_who_must_set_one_up_comes_back_to_work(visits: Visits) -> None:
    services = visits.site.services
    before = services.settings
    number = await visits.site.add_user("小必", Role.ADMIN)
    object.__setattr__(services, "settings", before.model_copy(update={"admin_second_factor": True}))
    try:
        page = await visits.open(number, "/admin/users")
        await expect(page.get_by_text("管理员必须启用两步验证。设置后才能继续。")).to_be_visible()
        await shot(page, "second-factor-required")
        await check_accessibility(page)
        await page.get_by_role("button", name="开始设置").click()
        await page.get_by_label("验证码").fill(pyotp.TOTP(await page.locator("#secret").inner_text()).now())
        await page.get_by_role("button", name="启用").click()
        await expect(page.locator("#recovery-codes")).to_be_visible()
        await page.goto("/admin/users")
        await expect(page.get_by_role("link", name=NAMES[Role.ADMIN], exact=True)).to_be_visible()
    finally:
        object.__setattr__(services, "settings", before)
