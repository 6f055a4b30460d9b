"""Tests of the comment list, with search and bulk corrections, and of the history page."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from playwright.async_api import Dialog, Route, expect

from api.identity.roles import Role
from store import search
from store.comments import ShownLabel
from store.review_list import ReviewFilter, list_reviews
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot
from tests.admin.seed import MARKUP
from tests.admin.test_review import fill, label
from tests.store.feed import arrival, minutes, tombstone

pytestmark = pytest.mark.timeout(120)


async def test_filter_finds_comments(visits: Visits) -> None:
    page = await visits.open(Role.REVIEWER, "/admin/comments")
    await expect(page.locator(".comment-row")).to_have_count(12)
    await shot(page, "comments")
    await check_accessibility(page)
    await page.get_by_text("更多条件").click()
    await page.get_by_label("文本包含").fill("退货")
    await page.get_by_label("标签").select_option("negative")
    await shot(page, "comments-filter")
    await page.get_by_role("button", name="应用筛选").click()
    await expect(page.locator(".comment-row")).to_have_count(1)
    await expect(page.locator(".comment-text")).to_contain_text("退货还要自己出运费")
    await expect(page.locator(".comment-text mark")).to_have_text("退货")
    await page.get_by_label("文本包含").fill("100%_")
    await page.get_by_role("button", name="应用筛选").click()
    await expect(page.get_by_text("没有符合筛选条件的评论")).to_be_visible()


async def test_selected_comments_are_corrected_and_undone(visits: Visits) -> None:
    site = visits.site
    await fill(site, "many", 6)
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=many")
    rows = page.locator(".comment-check")
    await rows.nth(0).click()
    await rows.nth(3).click(modifiers=["Shift"])
    await expect(page.locator("#selected")).to_have_text("已选 4 条")
    await site.feed.send(arrival("4", "改过的话", created=4, edited=40, platform="many"))
    await shot(page, "comments-selected")
    await check_accessibility(page)
    await page.locator("#bulk").get_by_role("button", name="垃圾").click()
    await expect(page.get_by_role("heading", name="把这 4 条评论标为")).to_be_visible()
    await page.get_by_label("理由").fill("同一条广告")
    await shot(page, "comments-confirm")
    await check_accessibility(page)
    await page.get_by_role("button", name="保存", exact=True).click()
    message = page.locator("#message")
    await expect(message).to_contain_text("已将 3 条标为")
    await expect(message).to_contain_text("1 条在此期间被作者修改")
    await shot(page, "comments-corrected")
    assert [await label(site, "many", str(n)) for n in (5, 4, 3, 2)] == [
        ("spam", "review"),
        ("positive", "active_model"),
        ("spam", "review"),
        ("spam", "review"),
    ]
    await page.get_by_role("button", name="全部撤销（3 条）").click()
    await expect(message).to_contain_text("已撤销 3 条")
    assert await label(site, "many", "5") == ("positive", "active_model")


async def test_bulk_correction_works_with_keys(visits: Visits) -> None:
    site = visits.site
    await fill(site, "byhand", 4)
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=byhand")
    await page.locator(".comment-check").first.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Shift+ArrowDown")
    await expect(page.locator("#selected")).to_have_text("已选 2 条")
    await page.keyboard.press("2")
    await page.keyboard.press("Enter")
    await expect(page.locator("#message")).to_contain_text("已将 2 条标为")
    assert [await label(site, "byhand", str(n)) for n in (2, 1)] == [("negative", "review")] * 2
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#message")).to_contain_text("已撤销 2 条")


async def test_all_matches_are_corrected_in_steps(visits: Visits) -> None:
    site = visits.site
    await fill(site, "matching", 510)
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=matching")
    await page.locator(".comment-check").first.check()
    await expect(page.locator("#wider")).not_to_be_visible()
    await page.get_by_label("选中本页全部").check()
    await expect(page.locator("#wider")).to_contain_text("仅为本页")
    await shot(page, "comments-page-selected")
    await page.get_by_role("button", name="选中符合筛选条件的全部评论（最多 500 条）").click()
    await expect(page.locator("#selected")).to_have_text("已选 500 条")
    await expect(page.locator("#wider")).to_contain_text("还有更多")
    await shot(page, "comments-all-selected")
    await check_accessibility(page)
    await site.feed.send(
        arrival("100", "后来改过的话", created=100, edited=600, platform="matching"),
        tombstone("101", platform="matching", at=600),
    )
    await page.keyboard.press("4")
    await expect(page.get_by_role("heading", name="把这 500 条评论标为")).to_be_visible()
    await expect(page.get_by_label("理由")).to_have_value("")
    await expect(page.locator("#confirm-more")).to_contain_text("其中 450 条在后面的页上")
    await shot(page, "comments-all-confirm")
    await page.get_by_role("button", name="保存", exact=True).click()
    message = page.locator("#message")
    await expect(message).to_contain_text("已将 498 条标为")
    await expect(message).to_contain_text("1 条在此期间被作者修改")
    await expect(message).to_contain_text("1 条在此期间已被抹除")
    await shot(page, "comments-all-corrected")
    await page.get_by_role("link", name="继续处理其余评论").click()
    await expect(page.locator(".comment-row")).to_have_count(10)
    await page.get_by_label("选中本页全部").check()
    await expect(page.locator("#wider")).to_have_count(0)
    await page.keyboard.press("4")
    await page.keyboard.press("Enter")
    await expect(message).to_contain_text("已将 10 条标为")
    spam = ReviewFilter(platform="matching", label=ShownLabel.SPAM)
    assert len((await site.store.read(list_reviews, spam, None, 600)).items) == 508
    assert await label(site, "matching", "100") == ("positive", "active_model")


async def test_correction_of_all_matches_is_undone(visits: Visits) -> None:
    site = visits.site
    await fill(site, "takeback", 60)
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=takeback")
    await page.get_by_label("选中本页全部").check()
    await page.get_by_role("button", name="选中符合筛选条件的全部评论").click()
    await expect(page.locator("#wider")).to_contain_text("已全部选中")
    await expect(page.locator("#selected")).to_have_text("已选 60 条")
    await page.keyboard.press("2")
    await page.keyboard.press("Enter")
    await expect(page.locator("#message")).to_contain_text("已将 60 条标为")
    assert await label(site, "takeback", "0") == ("negative", "review")
    await page.get_by_role("button", name="全部撤销（60 条）").click()
    await expect(page.locator("#message")).to_contain_text("已撤销 60 条")
    assert await label(site, "takeback", "0") == ("positive", "active_model")


async def test_manual_selection_drops_later_pages(visits: Visits) -> None:
    await fill(visits.site, "byhand2", 60)
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=byhand2")
    await page.get_by_label("选中本页全部").check()
    await page.get_by_role("button", name="选中符合筛选条件的全部评论").click()
    await expect(page.locator("#selected")).to_have_text("已选 60 条")
    await page.locator(".comment-check").first.uncheck()
    await expect(page.locator("#selected")).to_have_text("已选 49 条")
    await expect(page.locator("#wider")).not_to_be_visible()


async def test_rows_are_compact_and_expand_to_whole_text(visits: Visits) -> None:
    site = visits.site
    await fill(site, "rows", 14)
    long = "这家店" + "的服务员一直很耐心地等我们慢慢挑，" * 12 + "最后一句。"
    await site.feed.send(
        arrival("long", long, platform="rows", created=900, author="一个名字很长很长的作者", thread="t-9")
    )
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=rows")
    await shot(page, "comments-rows")
    rows = page.locator(".comment-row")
    tops = [await rows.nth(n).bounding_box() for n in range(12)]
    assert all(box is not None and box["height"] <= 56 for box in tops)
    last = tops[-1]
    assert last is not None
    assert last["y"] + last["height"] <= 900
    text = page.locator("#text-1")
    low = await text.bounding_box()
    whole = rows.first.get_by_role("button", name="展开全文")
    await expect(rows.nth(1).locator(".comment-open")).not_to_be_visible()
    await whole.press("Enter")
    high = await text.bounding_box()
    assert low is not None
    assert high is not None
    assert high["height"] > 2 * low["height"]
    await expect(rows.first.get_by_role("button", name="收起")).to_have_attribute("aria-expanded", "true")
    await shot(page, "comments-whole-text")
    await check_accessibility(page)
    english = await visits.open(Role.REVIEWER, "/admin/comments?platform=rows", language="en-US")
    await shot(english, "comments-rows-english")
    facts = english.locator(".comment-facts")
    assert max(await english.locator(".comment-row").evaluate_all("rows => rows.map((row) => row.offsetHeight)")) <= 56
    assert len(set(await facts.evaluate_all("all => all.map((one) => one.offsetLeft)"))) == 1


async def test_cancelling_changes_nothing(visits: Visits) -> None:
    await fill(visits.site, "cancel", 1)
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=cancel")
    await page.get_by_label("选中本页全部").check()
    await page.keyboard.press("4")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).not_to_be_visible()
    await expect(page.locator("#selected")).to_have_text("已选 1 条")
    assert await label(visits.site, "cancel", "0") == ("positive", "active_model")


async def test_search_reports_its_position_and_continues(visits: Visits, monkeypatch: pytest.MonkeyPatch) -> None:
    site = visits.site
    await fill(site, "deep", 300)
    await site.feed.send(arrival("first", "只有这条说到运费险", created=-600, platform="deep"))
    monkeypatch.setattr(search, "TEXT_SECONDS", 0.0)
    more = asyncio.Event()
    path = "/admin/comments?platform=deep&text=运费险"
    page = await visits.open(Role.REVIEWER, path, routes={"**/comments?*after=*": held_until(more)})
    await expect(page.get_by_text("已搜索到")).to_be_visible()
    await expect(page.locator(".comment-row")).to_have_count(0)
    await shot(page, "comments-searched")
    await check_accessibility(page)
    reached = await page.locator("#searched-to").inner_text()
    more.set()
    # The page continues until it finds the comment.
    await expect(page.locator(".comment-text")).to_have_text("只有这条说到运费险")
    assert "after=" in page.url
    assert reached
    await page.get_by_role("link", name="第一页").click()
    await page.wait_for_url(lambda url: "after=" not in url)


async def test_list_is_sorted_counted_and_exported(visits: Visits, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(visits.site, "sorts", 4)
    page = await visits.open(Role.REVIEWER, "/admin/comments")
    await page.get_by_text("更多条件").click()
    # Selects say how many comments each choice has.
    await page.get_by_label("平台").select_option("sorts")
    assert await page.get_by_label("平台").locator("option:checked").inner_text() == "sorts (4)"
    await page.get_by_label("排序").select_option("oldest")
    await page.get_by_role("button", name="应用筛选").click()
    await expect(page.locator("#total")).to_have_text("共 4 条评论")
    oldest = await page.locator(".comment-text").all_inner_texts()
    await page.get_by_label("排序").select_option("")
    await page.get_by_role("button", name="应用筛选").click()
    await page.wait_for_url(lambda url: "sort=oldest" not in url)
    assert await page.locator(".comment-text").all_inner_texts() == oldest[::-1]
    monkeypatch.setattr(search, "COUNT_AT_MOST", 3)
    await page.get_by_label("排序").select_option("negative")
    await page.get_by_role("button", name="应用筛选").click()
    await expect(page.get_by_text("仅对最新的 3 条匹配评论排序")).to_be_visible()
    await expect(page.locator("#total")).to_have_text("超过 3 条评论")
    await expect(page.locator(".comment-row")).to_have_count(3)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="导出 CSV").click()
    lines = (await (await download.value).path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("platform,id,created_at")
    assert len(lines) == 5


async def test_list_is_paginated(visits: Visits) -> None:
    await fill(visits.site, "pages", 60)
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=pages")
    await expect(page.locator(".comment-row")).to_have_count(50)
    await page.get_by_role("link", name="更早的评论").click()
    await expect(page.locator(".comment-row")).to_have_count(10)
    await expect(page.get_by_text("已到末尾")).to_be_visible()
    await page.go_back()
    await expect(page.locator(".comment-row")).to_have_count(50)


def held_until(event: asyncio.Event) -> Callable[[Route], Awaitable[None]]:
    async def hold(route: Route) -> None:
        await event.wait()
        await route.continue_()

    return hold


async def test_buttons_are_disabled_until_their_script_runs(visits: Visits) -> None:
    """Before that, a click would be lost or submit the form."""
    await visits.site.feed.send(arrival("1", "很慢的网络", platform="slow"))
    page = await visits.open(Role.REVIEWER, "/admin/comments/slow/1")
    await page.get_by_role("button", name="负面").click()
    await expect(page.get_by_text("当前有效")).to_be_visible()
    for path, script, buttons in (
        ("/admin/comments/slow/1", "history.js", ('[data-label="negative"]', "[data-take-back]")),
        ("/admin/comments?platform=slow", "comments.js", ("#select-all",)),
        ("/admin/detect", "detect.js", ("#one-detect", "#many-detect")),
    ):
        arrived = asyncio.Event()
        await page.route(f"**/{script}*", held_until(arrived))
        await page.goto(path, wait_until="commit")
        for button in buttons:
            await expect(page.locator(button)).to_be_disabled()
        arrived.set()
        for button in buttons:
            await expect(page.locator(button)).to_be_enabled()


async def test_no_button_is_rendered_before_the_confirmation_script(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN, "/admin")
    arrived = asyncio.Event()
    await page.route("**/liuyan.js*", held_until(arrived))
    await page.goto(f"/admin/users/{visits.site.users[Role.REVIEWER]}", wait_until="commit")
    # Long enough for a browser that does not wait for the script to render the page.
    await page.wait_for_timeout(1000)
    await expect(page.get_by_role("button", name="停用")).to_have_count(0)
    questions: list[str] = []

    async def dismiss(dialog: Dialog) -> None:
        questions.append(dialog.message)
        await dialog.dismiss()

    page.on("dialog", dismiss)
    arrived.set()
    await page.get_by_role("button", name="停用").click()
    assert len(questions) == 1


async def test_list_and_history_escape_markup(visits: Visits) -> None:
    await visits.site.feed.send(arrival("<b>", MARKUP, platform="text", author="<i>李</i>", thread="<u>帖</u>"))
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=text&author=%3Ci%3E李%3C/i%3E")
    await expect(page.locator(".comment-text")).to_have_text(MARKUP)
    await page.get_by_role("link", name="历史").click()
    await expect(page.locator(".history-text")).to_have_text(MARKUP)
    await expect(page.locator("#comment")).to_contain_text("<i>李</i>")
    assert await page.locator("main img, main i:not([class]), main u").count() == 0


async def test_users_cannot_open_comments(visits: Visits) -> None:
    visits.allow("403")
    await visits.site.feed.send(arrival("secret", "别人看不到", platform="closed"))
    for path in ("", "/closed/secret", "/closed?id=secret"):
        page = await visits.open(Role.USER, f"/admin/comments{path}")
        await expect(page.get_by_text("403")).to_be_visible()
        assert "别人看不到" not in await page.content()


async def test_filter_times_are_in_the_browsers_time_zone(visits: Visits) -> None:
    at = minutes(-5000)
    await visits.site.feed.send(arrival("1", "时区", platform="times", created=-5000))
    local = at + timedelta(hours=8)
    page = await visits.open(
        Role.REVIEWER,
        f"/admin/comments?platform=times&created_from={local:%Y-%m-%dT%H:%M}&created_to={local:%Y-%m-%d}T23:59",
    )
    await expect(page.locator(".comment-row")).to_have_count(1)
    later = local + timedelta(minutes=1)
    await page.goto(f"/admin/comments?platform=times&created_from={later:%Y-%m-%dT%H:%M}")
    await expect(page.locator(".comment-row")).to_have_count(0)
