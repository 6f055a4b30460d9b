"""Tests of pages whose session ends while the user types: nothing is lost, and the page continues after a sign-in."""

import pytest
from playwright.async_api import Page, expect

from api.identity import cookies
from api.identity.roles import Role
from store.login_sessions import delete_sessions
from tests.admin.conftest import PASSWORD, Visits
from tests.admin.looking import check_accessibility, shot

pytestmark = pytest.mark.timeout(120)
SIGNED_OUT = r"status of 401"


async def end_session(visits: Visits, number: int) -> None:
    async with visits.site.store.writing() as session:
        await delete_sessions(session, number)


async def sign_in_elsewhere(visits: Visits, page: Page, number: int) -> None:
    """Sign in as another tab would: the browser gets a new cookie."""
    secret = await visits.site.sign_in(number)
    await page.context.add_cookies([{"name": cookies.SESSION, "value": secret, "url": visits.site.url}])


async def test_a_typed_text_is_detected_after_signing_in_again(visits: Visits) -> None:
    visits.allow(SIGNED_OUT)
    number = await visits.site.add_user("小丁", Role.USER)
    page = await visits.open(number, "/admin/detect")
    await page.locator("#one-text").fill("物流很快")
    await page.locator("#many-text").fill("客服不理人")
    await end_session(visits, number)
    await page.locator("#one-detect").click()
    await expect(page.locator("#signed-out")).to_contain_text("您已退出登录")
    await shot(page, "signed-out")
    await check_accessibility(page)
    # Another account does not continue this page.
    await sign_in_elsewhere(visits, page, visits.site.users[Role.ADMIN])
    await page.wait_for_timeout(3_500)
    await expect(page.locator("#signed-out")).to_be_visible()
    await sign_in_elsewhere(visits, page, number)
    await expect(page.locator("#one-answer")).to_be_visible()
    await expect(page.locator("#signed-out")).to_have_count(0)
    assert await page.locator("#many-text").input_value() == "客服不理人"


async def test_a_form_is_sent_after_signing_in_again(visits: Visits) -> None:
    visits.allow(SIGNED_OUT)
    number = await visits.site.add_user("小戊", Role.ADMIN)
    page = await visits.open(number, "/admin/notices/new")
    await page.get_by_label("标题").fill("周五维护")
    await end_session(visits, number)
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#signed-out")).to_be_visible()
    assert await page.get_by_label("标题").input_value() == "周五维护"
    await sign_in_elsewhere(visits, page, number)
    await expect(page.get_by_role("alert")).to_have_text("公告已保存。")
    await expect(page.get_by_role("main")).to_contain_text("周五维护")


async def test_a_session_that_ends_in_the_dialog_for_the_password_leads_to_sign_in(visits: Visits) -> None:
    """The link is in the dialog: while it is open, nothing else can be clicked."""
    visits.allow(SIGNED_OUT)
    number = await visits.site.add_user("小己", Role.USER)
    page = await visits.open(number, "/admin/account", confirmed=False)
    await page.get_by_label("用途").fill("夜间导出")
    await page.get_by_role("button", name="创建令牌").click()
    await page.get_by_label("您的密码", exact=True).fill(PASSWORD)
    await end_session(visits, number)
    await page.get_by_role("button", name="确认", exact=True).click()
    await expect(page.locator("#confirm-password #signed-out")).to_contain_text("您已退出登录")
    await page.locator("#signed-out a").click(trial=True)
    await sign_in_elsewhere(visits, page, number)
    await expect(page.locator("#token-secret")).to_be_visible()
