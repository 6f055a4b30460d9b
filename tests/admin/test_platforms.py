"""Tests of an account that is bound to a platform, from its creation to the reasons of its rejected events."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.async_api import expect

from api.identity.roles import Role
from store.accounts import UserFilter, list_users
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot
from tests.store.feed import START, arrival, dead_letter

pytestmark = pytest.mark.timeout(120)
LATEST = (datetime.now(UTC) - START).total_seconds() / 60


async def test_admin_binds_an_account_which_sees_why_its_events_were_rejected(visits: Visits) -> None:
    site = visits.site
    letter = replace(dead_letter(0), reason="not_json", detail="the value is JSON but not an object", platform="forum")
    await site.feed.send(
        arrival("own", "本周的第一条评论", created=LATEST - 60),
        arrival("other", "别的平台的评论", created=LATEST - 60, platform="shop"),
        replace(letter, offset=site.feed.offset),
        replace(letter, offset=site.feed.offset + 1, reason="missing_key", key=None),
        replace(letter, offset=site.feed.offset + 2, reason="too_large", platform="shop", key=b"shop:1"),
    )
    visits.allow("status of 422")
    page = await visits.open(Role.ADMIN, "/admin/users/new")
    await page.get_by_label("账号名").fill("论坛团队")
    await page.get_by_role("radio", name="平台方").check()
    await page.get_by_label("密码", exact=True).fill("七月 木头 飞机 牛奶糖")
    await page.get_by_label("再次输入密码").fill("七月 木头 飞机 牛奶糖")
    await page.get_by_label("首次登录").uncheck()
    await page.get_by_role("button", name="创建账号").click()
    await expect(page.locator("#problem")).to_contain_text("请填写事件中使用的平台名")
    await page.get_by_label("平台（仅平台方填写）").fill("forum")
    await page.get_by_label("密码", exact=True).fill("七月 木头 飞机 牛奶糖")
    await page.get_by_label("再次输入密码").fill("七月 木头 飞机 牛奶糖")
    await page.get_by_role("button", name="创建账号").click()
    await page.wait_for_url(re.compile(r"/users/\d+$"))
    await expect(page.get_by_label("平台（仅平台方填写）")).to_have_value("forum")

    [account], _ = await site.store.read(list_users, UserFilter(role="platform"), None, 2)
    page = await visits.open(account.number)
    await expect(page.locator("#sidebar-menu .nav-link")).to_have_text(["首页", "平台", "我的账号"])
    await expect(page.get_by_role("main")).to_contain_text("2 个事件被拒绝")
    await page.get_by_role("link", name="查看原因").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("forum")
    rejected = page.get_by_role("region", name="被拒绝的事件")
    await expect(rejected.locator("tbody tr")).to_have_count(2)
    await expect(rejected).to_contain_text("请设置记录的键")
    await expect(page.get_by_role("region", name="最新标签")).to_contain_text("本周的第一条评论")
    await expect(page.get_by_role("main")).not_to_contain_text("别的平台的评论")
    await shot(page, "platform")
    await check_accessibility(page)
    await page.get_by_label("原因").select_option("not_json")
    await page.get_by_role("button", name="应用筛选").click()
    await expect(rejected.locator("tbody tr")).to_have_count(1)
    await expect(rejected).to_contain_text("请用 JSON 库序列化后重新发布")


async def test_text_size_is_kept_and_fits_every_window(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN, "/admin/users")
    before = await page.locator("h1").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    await page.get_by_role("button", name="打开用户菜单").locator("visible=true").click()
    large = page.get_by_role("button", name="大", exact=True).locator("visible=true")
    await expect(page.get_by_role("button", name="标准").locator("visible=true")).to_have_attribute(
        "aria-pressed", "true"
    )
    await large.click()
    await expect(large).to_have_attribute("aria-pressed", "true")
    await check_accessibility(page)
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-text-size", "large")
    after = await page.locator("h1").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert after / before == pytest.approx(1.25)
    for width, height in ((640, 450), (390, 844)):
        await page.set_viewport_size({"width": width, "height": height})
        for path in ("/admin/", "/admin/review", "/admin/comments", "/admin/analytics", "/admin/dead-letters"):
            await page.goto(path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
