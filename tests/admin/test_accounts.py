"""Tests of sign-up, sign-in, accounts, the account page and the audit log."""

import re
from datetime import datetime

import pytest
from playwright.async_api import Dialog, Page, expect

from api.identity.roles import Role
from store.accounts import find_user
from tests.admin.conftest import PASSWORD, Visits
from tests.admin.looking import NARROW, check_accessibility, shot

pytestmark = pytest.mark.timeout(180)
GOOD = "七月 木头 飞机 牛奶糖"
# The browser logs the error status of a form that is shown again.
REFUSED = r"Failed to load resource: the server responded with a status of 4\d\d"


async def fill_sign_in(page: Page, name: str, password: str) -> None:
    await page.get_by_label("账号名").fill(name)
    await page.get_by_label("密码", exact=True).fill(password)
    await page.get_by_role("button", name="登录").click()


async def password_time(visits: Visits, number: int) -> datetime:
    user = await visits.site.store.read(find_user, number)
    assert user is not None
    return user.password_changed_at


async def accept(dialog: Dialog) -> None:
    await dialog.accept()


async def test_sign_in_redirects_to_the_requested_page(visits: Visits) -> None:
    visits.allow(REFUSED)
    page = await visits.open(None, "/admin/audit?action=user.")
    await shot(page, "sign-in")
    await check_accessibility(page)
    # The first field has the focus.
    await page.keyboard.type("小管")
    await page.keyboard.press("Tab")
    await page.keyboard.type("不是这个密码")
    await page.keyboard.press("Enter")
    problem = page.get_by_role("alert")
    await expect(problem).to_have_text("账号名或密码错误。")
    assert await page.evaluate("document.activeElement.id") == "problem"
    await shot(page, "sign-in-wrong")
    assert await page.get_by_label("账号名").input_value() == "小管"
    await page.get_by_label("密码", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/admin/audit?action=user.")
    await page.get_by_role("button", name="打开用户菜单").or_(page.get_by_label("打开用户菜单")).last.click()
    await page.get_by_role("button", name=re.compile("退出|注销|登出")).last.click()
    await page.wait_for_url("**/admin/login")
    await expect(page.get_by_role("alert")).to_have_text("您已退出登录。")


async def test_password_can_be_shown(visits: Visits) -> None:
    page = await visits.open(None, "/admin/login")
    password = page.get_by_label("密码", exact=True)
    await password.fill(GOOD)
    assert await password.get_attribute("type") == "password"
    await page.get_by_role("button", name=re.compile("显示")).click()
    assert await password.get_attribute("type") == "text"


async def test_sign_up_waits_for_approval(visits: Visits) -> None:
    visits.allow(REFUSED)
    page = await visits.open(None, "/admin/sign-up")
    await shot(page, "sign-up")
    await check_accessibility(page)
    await page.get_by_label("账号名").fill("小李")
    await page.get_by_label("密码", exact=True).fill("password12345")
    await page.get_by_label("再次输入密码").fill("password12345")
    await page.get_by_label("电话（选填）").fill("13800138000")
    await page.get_by_role("button", name="注册").click()
    await expect(page.get_by_role("alert")).to_contain_text("密码过于常见")
    assert await page.evaluate("document.activeElement.id") == "password"
    assert await page.get_by_label("电话（选填）").input_value() == "13800138000"
    await check_accessibility(page)
    await page.get_by_label("密码", exact=True).fill(GOOD)
    await page.get_by_label("再次输入密码").fill(GOOD)
    await page.get_by_role("button", name="注册").click()
    await page.wait_for_url("**/admin/login")
    await expect(page.get_by_role("alert")).to_contain_text("账号 小李 已创建")
    await fill_sign_in(page, "小李", GOOD)
    await expect(page.get_by_role("alert")).to_have_text("您的账号正在等待管理员批准：请稍后再来。")

    admin = await visits.open(Role.ADMIN, "/admin/users?state=waiting")
    await shot(admin, "users-waiting")
    await admin.get_by_label("小李 的角色").select_option("reviewer")
    await admin.get_by_role("button", name=re.compile("批准.*小李")).click()
    await expect(admin.get_by_role("alert")).to_have_text("账号已批准。")
    await expect(admin.locator("dl")).to_be_visible()
    await expect(admin.get_by_label("审核员")).to_be_checked()
    await fill_sign_in(page, "小李", GOOD)
    await page.wait_for_url("**/admin/")


async def test_new_account_must_change_its_password(visits: Visits) -> None:
    visits.allow(REFUSED)
    admin = await visits.open(Role.ADMIN, "/admin/users")
    await shot(admin, "users")
    await check_accessibility(admin)
    await admin.get_by_role("link", name="新建账号").click()
    await shot(admin, "user-new")
    await check_accessibility(admin)
    await admin.get_by_label("账号名").fill("小审二号")
    await admin.get_by_label("审核员").check()
    await admin.get_by_label("密码", exact=True).fill(GOOD)
    await admin.get_by_label("再次输入密码").fill(GOOD)
    await admin.get_by_role("button", name="创建账号").click()
    await expect(admin.get_by_role("alert")).to_contain_text("账号已创建")

    page = await visits.open(None, "/admin/review")
    await fill_sign_in(page, "小审二号", GOOD)
    await page.wait_for_url("**/admin/password**")
    await shot(page, "password-first")
    await check_accessibility(page)
    for path in ("/admin/", "/admin/account"):
        await page.goto(path)
        assert "/admin/password" in page.url
    await page.get_by_label("当前密码").fill(GOOD)
    await page.get_by_label("新密码", exact=True).fill(f"{GOOD} 小船")
    await page.get_by_label("再次输入密码").fill(f"{GOOD} 小船")
    await page.get_by_role("button", name="修改密码").click()
    await page.wait_for_url("**/admin/account")
    await expect(page.get_by_role("alert")).to_contain_text("密码已修改")


async def test_admin_resets_password_and_disables_and_enables_account(visits: Visits) -> None:
    visits.allow(REFUSED)
    number = await visits.site.add_user("<b>小乙</b>", Role.USER)
    own = await visits.open(number, "/admin/account")
    admin = await visits.open(Role.ADMIN, f"/admin/users/{number}")
    admin.on("dialog", accept)
    await shot(admin, "user")
    await check_accessibility(admin)
    # Markup in a name is text.
    await expect(admin.get_by_role("heading", level=1, name="<b>小乙</b>")).to_be_visible()
    await admin.get_by_role("button", name="重设密码").click()
    password = await admin.locator("#temporary-password").inner_text()
    changed_at = await password_time(visits, number)
    assert re.fullmatch("[a-z2-9]{4}(-[a-z2-9]{4}){3}", password)
    await shot(admin, "user-reset")
    await check_accessibility(admin)
    # Reloading neither shows the password again nor sets another one.
    await admin.reload()
    assert password not in await admin.content()
    assert await password_time(visits, number) == changed_at
    await own.reload()
    assert "/admin/login" in own.url
    await fill_sign_in(own, "<b>小乙</b>", password)
    await own.wait_for_url("**/admin/password**")
    await admin.get_by_role("button", name="停用").click()
    await expect(admin.get_by_role("alert")).to_contain_text("账号已停用")
    await own.reload()
    assert "/admin/login" in own.url
    await admin.get_by_role("button", name="启用").click()
    await expect(admin.get_by_role("alert")).to_contain_text("可以重新登录")


async def test_last_admin_cannot_be_disabled(visits: Visits) -> None:
    visits.allow(REFUSED)
    page = await visits.open(Role.ADMIN, f"/admin/users/{visits.site.users[Role.ADMIN]}")
    page.on("dialog", accept)
    await page.get_by_role("button", name="停用").click()
    await expect(page.get_by_role("alert")).to_have_text("这是最后一位管理员：请先指定另一位管理员。")


async def test_account_page_manages_sessions_and_tokens(visits: Visits) -> None:
    number = await visits.site.add_user("小丙", Role.REVIEWER)
    other = await visits.open(number, "/admin/account")
    page = await visits.open(number, "/admin/account")
    page.on("dialog", accept)
    await page.get_by_role("main").get_by_role("link", name="API 文档").click()
    await page.get_by_role("link", name="返回留言管理后台").click()
    await page.goto("/admin/account")
    await page.get_by_label("邮箱（选填）").fill("c@example.com")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("alert")).to_have_text("您的账号已更新。")
    assert await page.get_by_label("邮箱（选填）").input_value() == "c@example.com"
    await page.get_by_label("用途").fill("夜间导出 <script>")
    await page.get_by_label("角色").select_option("reviewer")
    await page.get_by_role("button", name="创建令牌").click()
    secret = await page.locator("#token-secret").inner_text()
    await shot(page, "account-token")
    await check_accessibility(page)
    answer = await page.request.get("/api/v1/comments", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status == 200
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="复制").click()
    await expect(page.get_by_role("button", name="已复制")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == secret
    # Reloading neither shows the token again nor creates another one.
    await page.reload()
    assert secret not in await page.content()
    await expect(page.get_by_role("row").filter(has_text="夜间导出 <script>")).to_have_count(1)
    await shot(page, "account")
    await page.get_by_role("button", name=re.compile("撤销.*夜间导出 <script>")).click()
    await expect(page.get_by_role("alert")).to_contain_text("令牌已撤销")
    answer = await page.request.get("/api/v1/comments", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status == 401
    await page.get_by_role("button", name="退出其他设备").click()
    await expect(page.get_by_role("alert")).to_contain_text("已退出其他设备")
    await other.reload()
    assert "/admin/login" in other.url


async def test_account_language_applies_to_pages(visits: Visits) -> None:
    number = await visits.site.add_user("Robin", Role.USER)
    page = await visits.open(number, "/admin/account")
    await page.get_by_label("语言", exact=True).select_option("en")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("alert")).to_have_text("Your account was updated.")
    await shot(page, "account-english")
    await check_accessibility(page)


async def test_audit_log_is_filtered_and_exported(visits: Visits) -> None:
    admin = await visits.open(Role.ADMIN, f"/admin/users/{visits.site.users[Role.USER]}")
    admin.on("dialog", accept)
    async with admin.expect_navigation():
        await admin.get_by_role("button", name="退出所有设备").click()
    await admin.goto("/admin/audit")
    await shot(admin, "audit")
    await check_accessibility(admin)
    await admin.get_by_label("操作", exact=True).select_option("user.sign_out_everywhere")
    await admin.get_by_role("button", name="应用筛选").click()
    rows = admin.get_by_role("row").filter(has_text="user.sign_out_everywhere")
    assert await rows.count() >= 1
    await expect(rows.first).to_contain_text("小管")
    answer = await admin.request.get("/admin/audit/export.csv?action=user.sign_out_everywhere")
    lines = (await answer.text()).splitlines()
    assert lines[0].lstrip("\ufeff").startswith("number,at,user_number")
    assert len(lines) == 1 + await rows.count()
    # The text that the page shows works like the stored value.
    await admin.goto("/admin/audit?action=退出所有设备")
    await expect(rows.first).to_contain_text("小管")
    await admin.goto("/admin/audit?object_id=nothing")
    await expect(admin.get_by_text("没有符合条件的记录")).to_be_visible()
    await shot(admin, "audit-empty")


@pytest.mark.parametrize("path", ["/admin/users", "/admin/users/1", "/admin/audit", "/admin/audit/export.csv"])
async def test_reviewers_cannot_open_admin_pages(visits: Visits, path: str) -> None:
    visits.allow(REFUSED)
    page = await visits.open(Role.REVIEWER, path)
    await expect(page.get_by_role("heading", name="您无权查看此页面")).to_be_visible()


async def test_sign_in_page_switches_language_on_phone(visits: Visits) -> None:
    page = await visits.open(None, "/admin/login", size=NARROW)
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await shot(page, "sign-in-english")
