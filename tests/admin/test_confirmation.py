"""Tests of password confirmation in the dialog, and of revoking tokens."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import Page, Route, expect
from sqlalchemy import update

from api.identity.roles import Role
from api.identity.secrets import digest_of, new_token
from store.admin_tables import sessions
from store.tokens import add_token, list_tokens
from tests.admin.conftest import PASSWORD, Site, Visits
from tests.admin.looking import NARROW, check_accessibility, shot
from tests.admin.test_accounts import GOOD, REFUSED, accept

pytestmark = pytest.mark.timeout(180)
DIALOG = "#confirm-password"


async def confirm(page: Page, password: str = PASSWORD) -> None:
    """Enter the password in the dialog."""
    await page.get_by_label("您的密码", exact=True).fill(password)
    await page.get_by_role("button", name="确认", exact=True).click()


async def add_tokens(site: Site, number: int, *names: str) -> None:
    async with site.store.writing() as session:
        for name in names:
            digest, now = digest_of(new_token()), site.services.now()
            await add_token(session, number, digest, name, "user", now, now + timedelta(days=90))


async def names_of_tokens(site: Site, number: int) -> list[str]:
    async with site.store.reading() as connection:
        return [token.name for token in await list_tokens(connection, number)]


async def test_dialog_keeps_the_form_and_submits_it(visits: Visits) -> None:
    visits.allow(REFUSED)
    admin = await visits.open(Role.ADMIN, "/admin/users/new", confirmed=False)
    await admin.get_by_label("账号名").fill("小新")
    await admin.get_by_label("审核员").check()
    await admin.get_by_label("密码", exact=True).fill(GOOD)
    await admin.get_by_label("再次输入密码").fill(GOOD)
    await admin.get_by_label("电话（选填）").fill("13800138000")
    await admin.get_by_role("button", name="创建账号").click()
    await expect(admin.locator(DIALOG)).to_be_visible()
    assert await admin.evaluate("document.activeElement.id") == "own_password"
    await shot(admin, "confirm")
    await check_accessibility(admin)
    await confirm(admin, "不是这个密码")
    await expect(admin.locator("#confirm-password-problem")).to_have_text("密码错误。")
    await shot(admin, "confirm-wrong")
    await check_accessibility(admin)
    await admin.get_by_label("您的密码", exact=True).fill(PASSWORD)
    await admin.keyboard.press("Enter")
    await expect(admin.get_by_role("alert")).to_contain_text("账号已创建")
    assert await admin.get_by_label("电话（选填）").input_value() == "13800138000"
    assert "13800138000" not in admin.url
    # The confirmation is valid for 15 minutes.
    await admin.get_by_label("审核员").check()
    await admin.get_by_role("button", name="保存").click()
    await expect(admin.get_by_role("alert")).to_have_text("账号已更新。")


async def test_cancelling_keeps_the_form_and_sends_nothing(visits: Visits) -> None:
    number = await visits.site.add_user("小消", Role.USER)
    page = await visits.open(number, "/admin/account", confirmed=False)
    await page.get_by_label("用途").fill("夜间导出")
    await page.get_by_role("button", name="创建令牌").click()
    await page.get_by_label("您的密码", exact=True).fill("half a pass")
    await page.keyboard.press("Escape")
    await expect(page.locator(DIALOG)).to_be_hidden()
    assert await page.get_by_label("用途").input_value() == "夜间导出"
    assert await names_of_tokens(visits.site, number) == []
    await page.get_by_role("button", name="创建令牌").click()
    # The dialog does not keep the password.
    assert await page.get_by_label("您的密码", exact=True).input_value() == ""
    await page.get_by_role("button", name="取消", exact=True).click()
    await expect(page.locator(DIALOG)).to_be_hidden()


async def test_double_click_creates_one_token(visits: Visits) -> None:
    number = await visits.site.add_user("小双", Role.USER)
    page = await visits.open(number, "/admin/account", confirmed=False)
    await page.get_by_label("用途").fill("夜间导出")
    await page.get_by_role("button", name="创建令牌").dblclick()
    await page.get_by_label("您的密码", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="确认", exact=True).dblclick()
    await expect(page.locator("#token-secret")).to_be_visible()
    assert await names_of_tokens(visits.site, number) == ["夜间导出"]
    # The same applies to a confirmed session.
    await page.get_by_label("用途").fill("另一个")
    await page.get_by_role("button", name="创建令牌").dblclick()
    await expect(page.get_by_role("cell", name="另一个", exact=True)).to_be_visible()
    assert await names_of_tokens(visits.site, number) == ["另一个", "夜间导出"]


async def test_form_is_kept_if_the_confirmation_expires_meanwhile(visits: Visits) -> None:
    """The server refuses the form and shows it again, with a link to confirm the password."""
    visits.allow(REFUSED)
    number = await visits.site.add_user("小迟", Role.USER)
    page = await visits.open(number, "/admin/account")

    async def end_confirmation(route: Route) -> None:
        async with visits.site.store.writing() as session:
            ended = update(sessions).where(sessions.c.user_number == number).values(confirmed_at=None)
            await session.connection.execute(ended)
        await route.continue_()

    await page.route("**/admin/account/tokens", end_confirmation, times=1)
    await page.get_by_label("用途").fill("夜间导出")
    await page.get_by_role("button", name="创建令牌").click()
    await expect(page.locator("#problem")).to_contain_text("请先确认密码")
    await shot(page, "confirm-expired")
    await check_accessibility(page)
    assert await page.get_by_label("用途").input_value() == "夜间导出"
    await page.get_by_role("link", name="确认密码").click()
    await confirm(page)
    await expect(page.locator("#problem")).to_have_count(0)
    await page.get_by_role("button", name="创建令牌").click()
    await expect(page.locator("#token-secret")).to_be_visible()


async def test_downloads_ask_for_the_password_and_can_be_repeated(visits: Visits) -> None:
    number = await visits.site.add_user("小载", Role.USER)
    page = await visits.open(number, "/admin/account", confirmed=False)
    button = page.get_by_role("button", name="下载我的数据")
    await button.click()
    await expect(page.locator(DIALOG)).to_be_visible()
    async with page.expect_download() as first:
        await confirm(page)
    assert (await first.value).suggested_filename == f"liuyan-account-{number}.jsonl"
    assert "小载" in (await (await first.value).path()).read_text().splitlines()[0]
    # The page is still there; the session stays confirmed for 15 minutes.
    async with page.expect_download():
        await button.click()
    await button.scroll_into_view_if_needed()
    await shot(page, "account-download")
    await check_accessibility(page)


async def test_only_changed_contacts_need_confirmation(visits: Visits) -> None:
    number = await visits.site.add_user("Robin2", Role.USER)
    page = await visits.open(number, "/admin/account", confirmed=False)
    await page.get_by_label("语言", exact=True).select_option("en")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("alert")).to_have_text("Your account was updated.")
    await page.get_by_label("E-mail (optional)").fill("r@example.com")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(DIALOG)).to_be_visible()
    await shot(page, "confirm-english")
    await page.get_by_label("Your password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.get_by_role("alert")).to_have_text("Your account was updated.")
    assert await page.get_by_label("E-mail (optional)").input_value() == "r@example.com"


async def test_admin_approves_and_resets_after_confirmation(visits: Visits) -> None:
    visits.allow(REFUSED)
    number = await visits.site.add_user("小候", Role.USER, state="waiting")
    admin = await visits.open(Role.ADMIN, "/admin/users?state=waiting", confirmed=False)
    admin.on("dialog", accept)
    await admin.get_by_role("button", name=re.compile("批准.*小候")).click()
    await confirm(admin)
    await expect(admin.get_by_role("alert")).to_have_text("账号已批准。")
    other = await visits.open(Role.ADMIN, f"/admin/users/{number}", confirmed=False)
    other.on("dialog", accept)
    await other.get_by_role("button", name="重设密码").click()
    await confirm(other)
    await expect(other.locator("#temporary-password")).to_be_visible()


async def test_admin_sees_and_revokes_tokens(visits: Visits) -> None:
    number = await visits.site.add_user("小程", Role.USER)
    await add_tokens(visits.site, number, "夜间导出", "报表 <b>", "备份")
    # Revoking only removes access and needs no confirmation.
    admin = await visits.open(Role.ADMIN, f"/admin/users/{number}", confirmed=False)
    admin.on("dialog", accept)
    await shot(admin, "user-tokens")
    await check_accessibility(admin)
    await admin.get_by_role("button", name=re.compile("撤销.*报表 <b>")).click()
    await expect(admin.get_by_role("alert")).to_contain_text("令牌已撤销")
    assert await names_of_tokens(visits.site, number) == ["备份", "夜间导出"]
    await admin.get_by_role("button", name="撤销全部令牌").click()
    await expect(admin.get_by_role("alert")).to_have_text("已撤销该账号的全部令牌。")
    await expect(admin.get_by_text("此账号没有令牌。")).to_be_visible()
    assert await names_of_tokens(visits.site, number) == []


async def test_sign_out_and_password_change_revoke_or_keep_tokens(visits: Visits) -> None:
    number = await visits.site.add_user("小连", Role.USER)
    await add_tokens(visits.site, number, "甲", "乙")
    page = await visits.open(number, "/admin/account")
    page.on("dialog", accept)
    await page.get_by_label("同时撤销全部令牌（2 个）").check()
    await shot(page, "account-tokens")
    await page.get_by_role("button", name="退出其他设备").click()
    await expect(page.get_by_role("alert")).to_contain_text("已退出其他设备")
    assert await names_of_tokens(visits.site, number) == []
    await add_tokens(visits.site, number, "丙", "丁")
    await page.goto("/admin/password")
    await shot(page, "password-tokens")
    await check_accessibility(page)
    await page.get_by_label("当前密码").fill(PASSWORD)
    await page.get_by_label("新密码", exact=True).fill(GOOD)
    await page.get_by_label("再次输入密码").fill(GOOD)
    await page.get_by_label("保留我的令牌（2 个）").check()
    await page.get_by_role("button", name="修改密码").click()
    await page.wait_for_url("**/admin/")
    await expect(page.get_by_role("alert")).to_contain_text("令牌仍然有效")
    assert await names_of_tokens(visits.site, number) == ["丁", "丙"]
    await page.goto("/admin/account")
    await page.get_by_role("button", name="撤销全部令牌").click()
    await expect(page.get_by_role("alert")).to_have_text("已撤销全部令牌。")
    assert await names_of_tokens(visits.site, number) == []


async def test_confirmation_page_without_scripts(visits: Visits) -> None:
    page = await visits.open(Role.USER, "/admin/confirm?next=/admin/account", confirmed=False, size=NARROW)
    await shot(page, "confirm-page")
    await check_accessibility(page)
    await confirm(page)
    await page.wait_for_url("**/admin/account")
