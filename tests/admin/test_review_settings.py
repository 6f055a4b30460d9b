"""Tests of the review page's key settings, reasons, ignored keys after a new text, and progress."""

import json
import re

import pytest
from playwright.async_api import Page, Route, expect

from api.identity.roles import Role
from tests.admin.conftest import Site, Visits
from tests.admin.looking import check_accessibility, shot
from tests.admin.test_review import fill, history, label, wait_for_text, wait_until_stored

pytestmark = pytest.mark.timeout(120)
REVIEWS = "**/api/v1/reviews"


async def reviewer(site: Site, name: str) -> int:
    """Add an account whose settings no other test uses."""
    return await site.add_user(name, Role.REVIEWER)


async def save_settings(page: Page, keys: str, reasons: str) -> None:
    await page.goto("/admin/account")
    section = page.locator("#review-settings")
    await section.get_by_label(keys).check()
    await section.get_by_label("常用理由").fill(reasons)
    await section.get_by_role("button", name="更新审核设置").click()
    await expect(page.get_by_text("审核设置已保存。")).to_be_visible()


async def test_number_keys_choose_and_enter_saves_if_set(visits: Visits) -> None:
    site = visits.site
    await fill(site, "confirm", 2)
    page = await visits.open(await reviewer(site, "两步"))
    await save_settings(page, "先选择标签，按 Enter 保存", "")
    await shot(page, "account-review-settings")
    await check_accessibility(page)
    await page.goto("/admin/review?platform=confirm")
    await wait_for_text(page, "confirm 的第 0 条")
    await page.keyboard.press("4")
    await page.keyboard.press("2")
    await expect(page.locator("#label-negative")).to_be_checked()
    await expect(page.get_by_role("button", name="保存：负面")).to_be_visible()
    assert await label(site, "confirm", "0") == ("positive", "active_model")
    await page.keyboard.press("Enter")
    await wait_for_text(page, "confirm 的第 1 条")
    await wait_until_stored(page)
    assert await label(site, "confirm", "0") == ("negative", "review")


async def test_settings_are_validated_and_kept(visits: Visits) -> None:
    visits.allow("422")
    page = await visits.open(await reviewer(visits.site, "设置"))
    await save_settings(page, "直接保存标签", " 反话 \n\n广告\n反话\n")
    await expect(page.get_by_label("常用理由")).to_have_value("反话\n广告")
    await page.get_by_label("常用理由").fill("\n".join(map(str, range(10))))
    await page.get_by_role("button", name="更新审核设置").click()
    await expect(page.get_by_role("alert")).to_have_text("常用理由最多 9 条，每条最多 40 个字符，每行一条。")
    await expect(page.get_by_label("常用理由")).to_have_value("\n".join(map(str, range(10))))
    user = await visits.open(Role.USER, "/admin/account")
    await expect(user.locator("#review-settings")).to_have_count(0)


async def test_keys_are_ignored_after_a_new_text(visits: Visits) -> None:
    site = visits.site
    await fill(site, "fast", 3)
    page = await visits.open(Role.REVIEWER)
    await page.clock.install()
    await page.goto("/admin/review?platform=fast")
    await page.clock.run_for(1_000)
    await wait_for_text(page, "fast 的第 0 条")
    await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
    await page.keyboard.press("2")
    await expect(page.locator("#text")).to_contain_text("fast 的第 1 条")
    for key in ("2", "Enter", "s", "4"):
        await page.keyboard.press(key)
    await page.locator("#accept").dispatch_event("click")
    await expect(page.locator("#text")).to_contain_text("fast 的第 1 条")
    await expect(page.locator("input[name=label]:checked")).to_have_count(0)
    await page.clock.run_for(399)
    await page.keyboard.press("3")
    await expect(page.locator("#text")).to_contain_text("fast 的第 1 条")
    await page.clock.run_for(1)
    await page.keyboard.press("3")
    await expect(page.locator("#text")).to_contain_text("fast 的第 2 条")
    # Undo works immediately because it does not label the new text.
    await page.keyboard.press("z")
    await expect(page.locator("#text")).to_contain_text("fast 的第 1 条")


async def test_review_reports_how_long_the_text_was_shown(visits: Visits) -> None:
    await fill(visits.site, "view", 3)
    sent: list[int] = []

    async def record(route: Route) -> None:
        sent.append(json.loads(route.request.post_data or "{}")["shown_milliseconds"])
        await route.continue_()

    page = await visits.open(Role.REVIEWER, routes={REVIEWS: record})
    await page.clock.install()
    await page.goto("/admin/review?platform=view")
    await page.clock.run_for(1_000)
    await wait_for_text(page, "view 的第 0 条")
    await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
    await page.keyboard.press("2")
    await expect(page.locator("#text")).to_contain_text("view 的第 1 条")
    await page.clock.run_for(2_500)
    await page.evaluate(HIDE, True)
    await page.clock.run_for(60_000)
    await page.evaluate(HIDE, False)
    await page.clock.run_for(500)
    await page.keyboard.press("1")
    await expect(page.locator("#text")).to_contain_text("view 的第 2 条")
    await page.clock.run_for(400)
    # The time before the undo counts too.
    await page.keyboard.press("z")
    await page.clock.run_for(1_000)
    await page.keyboard.press("2")
    await expect(page.locator("#text")).to_contain_text("view 的第 2 条")
    await wait_until_stored(page)
    assert sent[0] >= 1_000
    assert sent[1:] == [3_000, 4_000]


HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_reason_is_entered_with_keys(visits: Visits) -> None:
    site = visits.site
    await fill(site, "reason", 3)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=reason")
    await wait_for_text(page, "reason 的第 0 条")
    await page.keyboard.press("r")
    await expect(page.get_by_label("理由")).to_be_focused()
    await page.keyboard.type("12 号说的是反话 rsz?")
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("理由")).not_to_be_focused()
    await expect(page.get_by_label("理由")).to_have_value("12 号说的是反话 rsz?")
    await page.keyboard.press("2")
    await wait_for_text(page, "reason 的第 1 条")
    # Without a chosen label, Enter only leaves the reason field.
    await page.keyboard.press("r")
    await page.keyboard.type("看不出来")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("理由")).not_to_be_focused()
    await wait_for_text(page, "reason 的第 1 条")
    await page.keyboard.press("3")
    await wait_for_text(page, "reason 的第 2 条")
    await expect(page.get_by_label("理由")).to_have_value("")
    await wait_until_stored(page)
    reviews = [(await history(site, "reason", id)).reviews[0] for id in "01"]
    assert [(one.label, one.reason) for one in reviews] == [
        ("negative", "12 号说的是反话 rsz?"),
        ("unclear", "看不出来"),
    ]


async def test_quick_reasons_fill_in_the_reason(visits: Visits) -> None:
    site = visits.site
    await fill(site, "quick", 2)
    page = await visits.open(await reviewer(site, "理由"))
    await save_settings(page, "直接保存标签", "反话\n<b>广告</b>\n看不懂")
    await page.goto("/admin/review?platform=quick")
    await wait_for_text(page, "quick 的第 0 条")
    reasons = page.get_by_role("group", name="常用理由").get_by_role("button")
    await expect(reasons).to_have_text(["反话", "<b>广告</b>", "看不懂"])
    await reasons.nth(1).click()
    await reasons.nth(0).press("Enter")
    await reasons.nth(2).press("Space")
    await reasons.nth(2).press("Space")
    await expect(page.locator("#reason")).to_have_value("<b>广告</b>；反话")
    await expect(reasons.nth(0)).to_have_attribute("aria-pressed", "true")
    await expect(reasons.nth(2)).to_have_attribute("aria-pressed", "false")
    await shot(page, "review-quick-reasons")
    await check_accessibility(page)
    await page.keyboard.press("2")
    await wait_for_text(page, "quick 的第 1 条")
    await expect(reasons.nth(0)).to_have_attribute("aria-pressed", "false")
    await wait_until_stored(page)
    assert (await history(site, "quick", "0")).reviews[0].reason == "<b>广告</b>；反话"


async def test_progress_is_shown(visits: Visits) -> None:
    site = visits.site
    await fill(site, "pace", 9)
    page = await visits.open(await reviewer(site, "进度"), "/admin/review?platform=pace")
    await expect(page.locator("#pace")).to_be_hidden()
    for n in range(6):
        await wait_for_text(page, f"pace 的第 {n} 条")
        await page.keyboard.press("1")
    await wait_for_text(page, "pace 的第 6 条")
    await expect(page.locator("#done-today")).to_have_text("6")
    await expect(page.locator("#remaining")).to_have_text("3")
    await expect(page.locator("#pace")).to_have_text(re.compile(r"^约每小时 [\d,]+ 条$"))
    await expect(page.locator("#time-left")).to_have_text("约剩 1 分钟")
    await shot(page, "review-progress")
    await page.keyboard.press("z")
    await expect(page.locator("#undone")).to_have_text("已撤销：“正面”已取消，请重新判断这条评论。")
    await shot(page, "review-undone")
    await check_accessibility(page)
    await wait_for_text(page, "pace 的第 5 条")
    await page.keyboard.press("s")
    await expect(page.locator("#undone")).to_be_hidden()
    await page.keyboard.press("z")
    await expect(page.locator("#undone")).to_have_text("已撤销：跳过的评论已恢复。")


async def test_incomplete_count_shows_that_more_are_waiting(visits: Visits) -> None:
    await fill(visits.site, "many", 2)

    async def unfinished(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        await route.fulfill(response=answer, json=body | {"remaining": {"count": 0, "more": True}})

    routes = {"**/api/v1/reviews/next": unfinished}
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=many", routes=routes)
    await expect(page.locator("#remaining")).to_have_text("还有更多")
    # A prefetch may still be in the handler when the page closes.
    await page.unroute_all(behavior="wait")
