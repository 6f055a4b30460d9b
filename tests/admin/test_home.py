"""Tests of the home page and the layout: language, menu, error pages and redirects to the sign-in page."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import expect

from api.identity.roles import Role
from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel, comment_history
from store.errors import TransientStoreError
from store.queue import Remaining
from store.reviews import Opinion, add_reviews
from store.store import Store
from tests.admin.conftest import Visits
from tests.admin.looking import NARROW, check_accessibility, shot
from tests.store.feed import START, arrival, dead_letter

pytestmark = pytest.mark.timeout(120)


async def test_home_shows_pending_work_to_admins(visits: Visits) -> None:
    await visits.site.feed.send(dead_letter(visits.site.feed.offset))
    await visits.site.add_user("小候", Role.USER, state="waiting")
    page = await visits.open(Role.ADMIN)
    assert await page.title() == "首页 · 留言 Liuyan"
    work = page.get_by_label("待办事项")
    assert "4 条模型不确定的评论待审核" in " ".join((await work.inner_text()).split())
    assert "1 条死信待处理" in " ".join((await work.inner_text()).split())
    assert "1 个账号待批准" in " ".join((await work.inner_text()).split())
    await shot(page, "home")
    await check_accessibility(page)
    decide = work.get_by_role("link", name="查看账号")
    assert await decide.get_attribute("href") == f"{visits.site.url}/admin/users?state=waiting"
    await work.get_by_role("link", name="查看死信").click()
    await page.wait_for_url("**/admin/dead-letters")


async def test_home_counts_the_last_day_by_shown_label(visits: Visits) -> None:
    ago = (visits.site.services.now() - START) // timedelta(minutes=1)
    await visits.site.feed.send(
        arrival("fresh-1", created=ago - 5),
        arrival("fresh-2", created=ago - 5, label=Label.NEGATIVE, probability=0.4, uncertain=True),
    )
    page = await visits.open(Role.REVIEWER)
    work = " ".join((await page.get_by_label("待办事项").inner_text()).split())
    assert "2 条评论（最近 24 小时）：正面 1，负面 0，不确定 1" in work
    assert "死信" not in work
    await shot(page, "home-reviewer")


async def test_home_does_not_claim_an_empty_queue_if_counting_stopped_early(
    visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unfinished(*_: object) -> Remaining:
        return Remaining(0, True)

    monkeypatch.setattr("api.admin.home.remaining", unfinished)
    page = await visits.open(Role.REVIEWER)
    await expect(page.get_by_label("待办事项")).to_contain_text("有评论待审核")


async def test_home_hides_work_from_users(visits: Visits) -> None:
    page = await visits.open(Role.USER)
    assert await page.get_by_label("待办事项").count() == 0
    menu = await page.get_by_role("navigation").or_(page.locator("#sidebar-menu")).inner_text()
    assert "死信" not in menu
    await shot(page, "home-user")
    await check_accessibility(page)


async def test_signed_out_client_is_redirected_to_sign_in_and_back(visits: Visits) -> None:
    page = await visits.open(None, "/admin/notices?before=7")
    assert page.url == f"{visits.site.url}/admin/login?next=%2Fadmin%2Fnotices%3Fbefore%3D7"
    await page.goto("/")
    assert page.url == f"{visits.site.url}/admin/login?next=%2Fadmin%2F"


async def test_language_choice_is_kept(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN, "/admin/models")
    await page.get_by_role("button", name="中文").click()
    await page.get_by_role("button", name="English").click()
    await page.get_by_role("heading", name="Models").wait_for()
    assert await page.locator("html").get_attribute("lang") == "en"
    await page.goto("/admin/notices")
    assert await page.get_by_role("heading", name="Notices").is_visible()
    kept = {cookie.get("name"): cookie for cookie in await page.context.cookies()}
    assert (kept["language"].get("value"), kept["language"].get("path")) == ("en", "/")
    assert kept["timezone"].get("value") == "Asia%2FShanghai"


async def test_english_browsers_get_english_pages(visits: Visits) -> None:
    page = await visits.open(Role.USER, language="en-GB")
    assert await page.get_by_role("heading", name="Home").is_visible()


async def test_menu_lists_pages_of_the_role_and_marks_the_current_one(visits: Visits) -> None:
    page = await visits.open(Role.REVIEWER, "/admin/reviews")
    menu = page.locator("#sidebar-menu").get_by_role("link")
    assert [await one.inner_text() for one in await menu.all()] == [
        "首页",
        "审核",
        "评论",
        "审核记录",
        "文本检测",
        "统计分析",
        "我的账号",
    ]
    await expect(page.locator("[aria-current=page]")).to_have_text("审核记录")


async def test_account_menu_signs_out_with_keys_and_message_can_be_closed(visits: Visits) -> None:
    page = await visits.open(Role.USER)
    await page.get_by_role("button", name="打开用户菜单").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="我的账号").last).to_be_visible()
    await page.get_by_role("button", name="退出登录").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("您已退出登录。")
    await check_accessibility(page)
    await page.get_by_role("button", name="关闭").click()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_menu_opens_on_phone_with_keys(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN, size=NARROW)
    link = page.get_by_role("link", name="公告", exact=True)
    assert not await link.is_visible()
    await page.get_by_role("button", name="打开或收起导航").focus()
    await page.keyboard.press("Enter")
    await link.wait_for(state="visible")
    await shot(page, "menu")
    await page.set_viewport_size(NARROW)
    await link.click()
    await page.wait_for_url("**/admin/notices")


async def test_first_tab_stop_skips_to_content(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "跳到正文"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "content"


async def test_forbidden_and_unknown_pages_give_advice(visits: Visits) -> None:
    visits.allow("status of 40[34]")
    page = await visits.open(Role.REVIEWER, "/admin/models")
    assert await page.get_by_role("heading", name="您无权查看此页面").is_visible()
    await shot(page, "forbidden")
    await check_accessibility(page)
    await page.goto("/admin/nothing-here")
    assert await page.get_by_role("heading", name="页面不存在").is_visible()
    await page.get_by_role("link", name="返回首页").click()
    await page.wait_for_url("**/admin/")


async def test_unavailable_database_shows_error_page(visits: Visits, monkeypatch: pytest.MonkeyPatch) -> None:
    visits.allow("status of 503")

    @contextlib.asynccontextmanager
    async def unavailable(*_: object, **__: object) -> AsyncIterator[None]:
        raise TransientStoreError("the server is away")
        yield

    page = await visits.open(Role.ADMIN)
    monkeypatch.setattr(Store, "reading", unavailable)
    answer = await page.goto("/admin/notices")
    assert answer is not None
    assert answer.status == 503
    assert await page.get_by_role("heading", name="数据库没有响应").is_visible()


async def test_home_shows_a_trend_to_everybody_and_reviewers_their_effect(visits: Visits) -> None:
    site = visits.site
    ago = (site.services.now() - START) // timedelta(minutes=1)
    await site.feed.send(*(arrival(f"effect-{n}", "相同的好话", created=ago - 5 - n) for n in range(3)))
    await site.feed.send(arrival("effect-other", "别的好话", created=ago - 9))
    actor = Actor(site.users[Role.REVIEWER], "小审", "session", None)
    for name, label in (("effect-other", ShownLabel.NEGATIVE), ("effect-0", ShownLabel.POSITIVE)):
        history = await site.store.read(comment_history, "forum", name)
        assert history is not None
        assert history.comment is not None
        await add_reviews(site.store, actor, [Opinion("forum", name, history.comment.version, label)])
    page = await visits.open(Role.REVIEWER, size=NARROW)
    await expect(page.get_by_label("待办事项")).to_contain_text("最近 30 天：您的 2 次审核更正了 1 个标签。")
    # On phones, the work comes before the notices.
    work = await page.get_by_label("待办事项").bounding_box()
    notices = await page.get_by_text("没有公告").bounding_box()
    assert work is not None
    assert notices is not None
    assert work["y"] < notices["y"]
    user = await visits.open(Role.USER)
    await expect(user.get_by_role("img", name="最近 14 天每日评论数")).to_be_visible()
    await check_accessibility(user)
