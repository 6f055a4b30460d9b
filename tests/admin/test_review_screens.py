"""Tests of the review page on low, narrow and touch screens."""

import pytest
from playwright.async_api import CDPSession, Page, ViewportSize, expect

from api.identity.roles import Role
from tests.admin.conftest import Visits
from tests.admin.looking import ENLARGED, NARROW, PICTURES, WIDE, check_accessibility, shot
from tests.admin.test_review import fill, label, wait_for_text, wait_until_stored
from tests.store.feed import arrival

pytestmark = pytest.mark.timeout(120)
LOW = ViewportSize(width=1366, height=650)


async def top(page: Page, selector: str) -> float:
    box = await page.locator(selector).bounding_box()
    assert box is not None
    return box["y"]


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
async def test_text_starts_high_on_the_screen(visits: Visits, language: str) -> None:
    await fill(visits.site, f"high-{language[:2]}", 2)
    page = await visits.open(Role.REVIEWER, f"/admin/review?platform=high-{language[:2]}", size=LOW, language=language)
    await wait_for_text(page, "第 0 条")
    assert await top(page, "#text") < 220
    await expect(page.locator("#accept")).to_be_in_viewport(ratio=1)
    for size in (LOW, WIDE, ENLARGED, NARROW):
        await page.set_viewport_size(size)
        name = f"review-{language[:2]}-{size['width']}x{size['height']}.png"
        await page.screenshot(path=PICTURES / name)
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]


async def test_nothing_covers_the_text_of_an_enlarged_page(visits: Visits) -> None:
    text = "这家店我去了三次，每次都不一样。" * 30
    await visits.site.feed.send(arrival("1", text, platform="enlarged", probability=0.5, uncertain=True))
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=enlarged", size=ENLARGED)
    await wait_for_text(page, "这家店我去了三次")
    # At the bottom of the window is text, not the bar.
    over = await page.evaluate("document.elementFromPoint(300, 440).closest('#text, .review-decision')?.id")
    assert over == "text"
    await page.keyboard.press("End")
    await expect(page.locator("#accept")).to_be_in_viewport(ratio=1)
    await page.set_viewport_size(WIDE)
    await expect(page.locator("#accept")).to_be_in_viewport(ratio=1)


async def test_filter_overlays_the_page(visits: Visits) -> None:
    await fill(visits.site, "panel", 2)
    page = await visits.open(Role.REVIEWER, "/admin/review", size=LOW)
    await expect(page.locator("#task")).to_be_visible()
    await page.locator(".review-filter summary").press("Enter")
    await page.get_by_label("平台").select_option("panel")
    before = await top(page, "#task")
    await shot(page, "review-filter")
    await check_accessibility(page)
    await page.get_by_role("button", name="应用筛选").click()
    await wait_for_text(page, "panel 的第 0 条")
    assert await top(page, "#task") == before
    await expect(page.locator(".review-summary")).to_contain_text("panel")


async def swipe(cdp: CDPSession, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Move a finger over the screen in steps."""

    async def touch(kind: str, points: list[dict[str, float]]) -> None:
        await cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    await touch("touchStart", [{"x": start[0], "y": start[1]}])
    for part in range(1, 6):
        x, y = (first + (last - first) * part / 5 for first, last in zip(start, end, strict=True))
        await touch("touchMove", [{"x": x, "y": y}])
    await touch("touchEnd", [])


async def test_swipes_decide_on_phone(visits: Visits) -> None:
    site = visits.site
    await fill(site, "swipe", 4)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=swipe", size=NARROW, touch=True)
    await wait_for_text(page, "swipe 的第 0 条")
    hint = page.get_by_text("右滑为正面，左滑为负面，上滑跳过。")
    await expect(hint).to_be_visible()
    await expect(page.locator("kbd.key:visible")).to_have_count(0)
    await page.screenshot(path=PICTURES / "review-swipe-hint.png")
    await check_accessibility(page)
    cdp = await page.context.new_cdp_session(page)
    y = round(await top(page, "#text")) + 60
    # Too short for a swipe.
    await swipe(cdp, (150, y), (190, y))
    await swipe(cdp, (100, y), (260, y + 10))
    await wait_for_text(page, "swipe 的第 1 条")
    await expect(hint).to_be_hidden()
    await swipe(cdp, (300, y), (120, y))
    await wait_for_text(page, "swipe 的第 2 条")
    await swipe(cdp, (200, y), (205, y - 150))
    await wait_for_text(page, "swipe 的第 3 条")
    await wait_until_stored(page)
    assert [await label(site, "swipe", id) for id in "0123"] == [
        ("positive", "review"),
        ("negative", "review"),
        ("positive", "active_model"),
        ("positive", "active_model"),
    ]
    await page.get_by_role("button", name="撤销").click()
    await wait_for_text(page, "swipe 的第 2 条")
    await page.reload()
    await wait_for_text(page, "swipe 的第")
    await expect(hint).to_be_hidden()


async def test_swiping_a_long_text_up_scrolls_on_phone(visits: Visits) -> None:
    text = "这家店我去了三次，每次都不一样。" * 150
    await visits.site.feed.send(arrival("1", text, platform="scroll", probability=0.5, uncertain=True))
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=scroll", size=NARROW, touch=True)
    await wait_for_text(page, "这家店我去了三次")
    cdp = await page.context.new_cdp_session(page)
    await swipe(cdp, (200, 500), (200, 300))
    await page.wait_for_function("window.scrollY > 50")
    await wait_for_text(page, "这家店我去了三次")
    await expect(page.locator("#nothing")).to_be_hidden()


async def test_no_swipe_hint_without_touch_screen(visits: Visits) -> None:
    await fill(visits.site, "mouse", 1)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=mouse", size=NARROW)
    await wait_for_text(page, "mouse 的第 0 条")
    await expect(page.locator("#swipe-hint")).to_be_hidden()
