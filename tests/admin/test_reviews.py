"""Tests of the list of reviews and its export."""

import asyncio
import json

import pytest
from playwright.async_api import expect

from api.identity.roles import Role
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot
from tests.store.feed import arrival

pytestmark = pytest.mark.timeout(120)


async def test_empty_list_links_to_the_review_page(visits: Visits) -> None:
    page = await visits.open(Role.REVIEWER, "/admin/reviews")
    await expect(page.get_by_text("还没有审核记录")).to_be_visible()
    await page.locator("main").get_by_role("link", name="审核", exact=True).click()
    await page.wait_for_url("**/admin/review")


async def test_reviews_are_listed_and_exported(visits: Visits) -> None:
    text = "<b>=1+1</b> 说得好"
    await visits.site.feed.send(arrival("a/b", text, platform="list"))
    page = await visits.open(Role.REVIEWER, "/admin/comments/list/a/b")
    await page.get_by_label("理由").fill("<i>反话</i>")
    await page.get_by_role("button", name="负面").click()
    await expect(page.get_by_text("由人判断").first).to_be_visible()
    await page.goto("/admin/reviews?platform=list&mine=true")
    row = page.get_by_role("row").filter(has_text=text)
    await expect(row).to_contain_text("小审")
    await expect(row).to_contain_text("<i>反话</i>")
    await shot(page, "reviews")
    await check_accessibility(page)
    async with page.expect_download() as started:
        await page.get_by_role("link", name="导出 JSON Lines").click()
    download = await started.value
    assert download.suggested_filename == "liuyan-reviews.jsonl"
    exported = json.loads(await asyncio.to_thread((await download.path()).read_text, encoding="utf-8"))
    assert (exported["id"], exported["text"], exported["label"]) == ("a/b", text, "negative")
    await row.get_by_role("link", name="历史").click()
    await expect(page.locator(".history-text")).to_have_text(text)


async def test_list_can_exclude_reviews_by_others(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN, "/admin/reviews?platform=list&mine=true")
    await expect(page.get_by_text("没有符合筛选条件的审核记录")).to_be_visible()
    await page.get_by_label("审核人").select_option("全部")
    await page.get_by_role("button", name="应用筛选").click()
    await expect(page.get_by_role("row")).to_have_count(2)
