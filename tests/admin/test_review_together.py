"""Tests that reviews are stored exactly once despite outages, several tabs and other reviewers."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from api.identity.roles import Role
from store.audit import Actor
from store.comments import ShownLabel
from store.reviews import Opinion, add_review
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot
from tests.admin.test_review import fill, history, label, wait_for_keys, wait_for_text, wait_until_stored

pytestmark = pytest.mark.timeout(120)


async def test_no_review_is_lost_during_an_outage(visits: Visits) -> None:
    site = visits.site
    await fill(site, "away", 3)
    visits.allow("Failed to load resource")
    online = asyncio.Event()

    async def fail_while_offline(route: Route) -> None:
        await (route.continue_() if online.is_set() else route.abort())

    page = await visits.open(
        Role.REVIEWER, "/admin/review?platform=away", routes={"**/api/v1/reviews": fail_while_offline}
    )
    for n, key in enumerate("24"):
        await wait_for_text(page, f"away 的第 {n} 条")
        await page.keyboard.press(key)
    await wait_for_text(page, "away 的第 2 条")
    await expect(page.locator("#trouble")).to_contain_text("2 条尚未保存")
    await shot(page, "review-away")
    await check_accessibility(page)
    assert await label(site, "away", "0") == ("positive", "active_model")
    async with page.expect_event("dialog") as question:
        await page.evaluate("() => { setTimeout(() => window.location.reload()); }")
    dialog = await question.value
    assert dialog.type == "beforeunload"
    await dialog.dismiss()
    online.set()
    # The automatic retry may hide the button before a real click.
    await page.locator("#retry").dispatch_event("click")
    await wait_until_stored(page)
    await expect(page.locator("#trouble")).not_to_be_visible()
    assert await label(site, "away", "0") == ("negative", "review")
    assert await label(site, "away", "1") == ("spam", "review")


async def test_lost_response_does_not_store_a_review_twice(visits: Visits) -> None:
    site = visits.site
    await fill(site, "lost", 2)
    visits.allow("Failed to load resource")
    answers: list[int] = []

    async def lose(route: Route) -> None:
        answer = await route.fetch()
        answers.append(answer.status)
        if len(answers) == 1:
            await route.abort()
        else:
            await route.fulfill(response=answer)

    page = await visits.open(Role.REVIEWER, "/admin/review?platform=lost", routes={"**/api/v1/reviews": lose})
    await wait_for_text(page, "lost 的第 0 条")
    await page.keyboard.press("Enter")
    await wait_for_text(page, "lost 的第 1 条")
    await wait_until_stored(page)
    assert answers == [201, 201]
    assert len((await history(site, "lost", "0")).reviews) == 1


async def test_signed_out_reviewer_signs_in_in_another_tab_and_continues(visits: Visits) -> None:
    site = visits.site
    await fill(site, "signed", 2)
    visits.allow("401")
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=signed")
    await wait_for_text(page, "signed 的第 0 条")
    kept = await page.context.cookies()
    await page.context.clear_cookies(name="liuyan_session")
    await page.keyboard.press("Enter")
    await expect(page.locator("#trouble")).to_contain_text("已退出登录")
    await expect(page.get_by_role("link", name="在另一个标签页登录")).to_be_visible()
    await page.context.add_cookies(kept)  # type: ignore[arg-type]
    await page.locator("#retry").dispatch_event("click")
    await wait_until_stored(page)
    assert await label(site, "signed", "0") == ("positive", "review")


async def test_undone_comment_is_not_shown_twice(visits: Visits) -> None:
    await fill(visits.site, "twice", 6)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=twice")
    await wait_for_text(page, "twice 的第 0 条")
    await page.keyboard.press("Enter")
    await page.keyboard.press("z")
    await wait_for_text(page, "twice 的第 0 条")
    await wait_until_stored(page)
    for n in range(6):
        await wait_for_text(page, f"twice 的第 {n} 条")
        await page.keyboard.press("3")
    await expect(page.locator("#nothing").get_by_text("没有符合筛选条件的待审核评论")).to_be_visible()
    await wait_until_stored(page)
    for n in range(6):
        assert await label(visits.site, "twice", str(n)) == ("unclear", "review")


async def test_two_tabs_get_different_comments(visits: Visits) -> None:
    site = visits.site
    await fill(site, "tabs", 12)
    first = await visits.open(Role.REVIEWER, "/admin/review?platform=tabs")
    await wait_for_text(first, "tabs 的第 0 条")
    second = await first.context.new_page()
    await second.goto("/admin/review?platform=tabs")
    await wait_for_text(second, "tabs 的第 4 条")
    for page in (second, first, second):
        await wait_for_keys(page)
        await page.keyboard.press("2")
    await wait_for_text(first, "tabs 的第 1 条")
    await wait_for_text(second, "tabs 的第 6 条")
    await wait_until_stored(first)
    await wait_until_stored(second)
    assert [(await label(site, "tabs", str(n)))[1] == "review" for n in range(7)] == [1, 0, 0, 0, 1, 1, 0]
    # The other tab gets the comments of a closed tab.
    async with second.expect_event("close"):
        await second.close(run_before_unload=True)
    for n in (1, 2, 3):
        await wait_for_text(first, f"tabs 的第 {n} 条")
        await first.keyboard.press("Enter")
    await wait_for_text(first, "tabs 的第 6 条")


async def test_same_comment_in_two_browsers_is_reviewed_once(visits: Visits) -> None:
    site = visits.site
    await fill(site, "browsers", 2)
    first = await visits.open(Role.REVIEWER, "/admin/review?platform=browsers")
    second = await visits.open(Role.REVIEWER, "/admin/review?platform=browsers")
    for page in (first, second):
        await wait_for_text(page, "browsers 的第 0 条")
    for page in (first, second):
        await page.keyboard.press("2")
        await wait_for_text(page, "browsers 的第 1 条")
        await wait_until_stored(page)
        await expect(page.locator("#message")).not_to_be_visible()
        await expect(page.locator("#trouble")).not_to_be_visible()
    assert [(one.label, one.stands) for one in (await history(site, "browsers", "0")).reviews] == [("negative", True)]


async def test_second_opinions_hide_the_first_review(visits: Visits) -> None:
    site = visits.site
    await fill(site, "second", 3)
    first = Actor(site.users[Role.ADMIN], "小管", "session", None)
    for n, decided in enumerate((ShownLabel.SPAM, ShownLabel.NEGATIVE)):
        comment = (await history(site, "second", str(n))).comment
        assert comment is not None
        await add_review(site.store, first, Opinion("second", str(n), comment.version, decided, "人人都这么说"))
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=second")
    await wait_for_text(page, "second 的第 2 条")
    await page.get_by_role("link", name="复核他人判断").click()
    await wait_for_text(page, "second 的第 1 条")
    await expect(page.locator("#remaining")).to_have_text("2")
    await expect(page.locator("#reviews")).not_to_be_visible()
    await expect(page.locator("#meta a")).to_have_count(0)
    assert "人人都这么说" not in await page.content()
    await expect(page.locator("#other-opinion")).to_have_text("您判断之后，这里会显示对方的判断。")
    await shot(page, "review-second")
    await check_accessibility(page)
    await page.keyboard.press("2")
    await expect(page.locator("#other-opinion")).to_have_text("上一条评论：您与对方判断一致，都是“负面”。")
    await wait_for_text(page, "second 的第 0 条")
    await page.keyboard.press("1")
    await expect(page.locator("#other-opinion")).to_have_text("上一条评论：对方判断为“垃圾信息”，您判断为“正面”。")
    await expect(page.locator(".empty-title")).to_have_text("没有符合筛选条件的待审核评论")
    await shot(page, "review-second-done")
    assert [(one.label, one.reviewer) for one in (await history(site, "second", "0")).reviews] == [
        ("positive", "小审"),
        ("spam", "小管"),
    ]
    await page.keyboard.press("z")
    await wait_for_text(page, "second 的第 0 条")
    await wait_until_stored(page)
    assert await label(site, "second", "0") == ("spam", "review")
    await expect(page.locator("#other-opinion")).to_have_text("")
    other = await visits.open(Role.ADMIN, "/admin/review?queue=second_opinion&platform=second&label=spam")
    await expect(other.locator(".empty-title")).to_have_text("没有符合筛选条件的待审核评论")
