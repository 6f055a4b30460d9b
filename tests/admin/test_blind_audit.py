"""Tests of the blind audit, disputes and agreement on pages."""

import json
from typing import Any

import pytest
from playwright.async_api import Page, Request, expect
from sqlalchemy import select

from api.identity.roles import Role
from store.audit import Actor
from store.comments import ShownLabel
from store.review_tables import blind_decisions
from store.reviews import Opinion, add_review
from store.tables import comments, reviews
from tests.admin.conftest import Site, Visits
from tests.admin.looking import ENLARGED, NARROW, WIDE, check_accessibility, shot
from tests.admin.test_review import label, wait_for_keys, wait_for_text, wait_until_stored
from tests.store.feed import arrival, microseconds, minutes, send_sampled

pytestmark = pytest.mark.timeout(120)
TEXT = "物流很快，包装也好，就是味道一般"
# Longer than the minimum reading time of the text.
READ_MILLISECONDS = 1_500


async def sample(site: Site, platform: str, count: int = 3) -> None:
    """Add comments of the audit sample that the model labels as positive."""
    await send_sampled(
        site.feed,
        *(
            arrival(str(n), f"{platform} 的第 {n} 条：{TEXT}", created=n, platform=platform, thread="抽查")
            for n in range(count)
        ),
    )


async def decisions(site: Site, platform: str) -> list[tuple[str, bool]]:
    """Return label and ``too_fast`` of a platform's blind decisions."""
    of = blind_decisions.c
    query = select(of.label, of.too_fast).join(comments, comments.c.number == of.comment_number)
    async with site.store.reading() as connection:
        rows = await connection.execute(query.where(comments.c.platform == platform).order_by(of.number))
        return [(row.label, row.too_fast) for row in rows]


def record_predictions(page: Page) -> list[str]:
    """Return a list that collects the page's requests for predictions."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/predict" in request.url else None)
    return requests


def record_reviews(page: Page) -> list[dict[str, Any]]:
    """Return a list that collects the reviews that the page sends."""
    sent: list[dict[str, Any]] = []

    def record(request: Request) -> None:
        if request.url.endswith("/api/v1/reviews") and request.method == "POST":
            sent.append(json.loads(request.post_data or "{}"))

    page.on("request", record)
    return sent


async def test_audit_hides_the_model_and_enter_needs_a_label(visits: Visits) -> None:
    site = visits.site
    await sample(site, "blind", 2)
    page = await visits.open(Role.REVIEWER)
    requests, sent = record_predictions(page), record_reviews(page)
    await page.clock.install()
    await page.goto("/admin/review?queue=audit&platform=blind&label=negative&uncertain=true")
    await page.clock.run_for(1_000)
    await wait_for_text(page, TEXT)
    await expect(page.locator("#model")).to_have_text("为避免影响您的判断，模型的结果已隐藏。")
    await expect(page.locator("#goal-words")).to_contain_text("再审核约")
    await expect(page.locator(".is-model")).to_have_count(0)
    await expect(page.locator("#meta a")).to_have_count(0)
    await expect(page.locator("#accept-words")).to_have_text("请先选择标签")
    before = await page.locator("#text").text_content()
    await page.wait_for_timeout(READ_MILLISECONDS)
    await expect(page.locator("#text span")).to_have_count(0)
    await page.keyboard.press("Enter")
    await shot(page, "audit-blind")
    await check_accessibility(page)
    assert await page.locator("#text").text_content() == before
    assert await decisions(site, "blind") == []
    # From here on, only the test advances the page's clock.
    await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
    await page.keyboard.press("2")
    await expect(page.locator("#text")).not_to_have_text(before or "")
    await wait_until_stored(page)
    assert await decisions(site, "blind") == [("negative", False)]
    assert requests == []
    assert [(one["blind"], one["all_occurrences"], one["shown_milliseconds"] > 0) for one in sent] == [
        (True, False, True)
    ]
    # Review the next comment faster than it can be read, as soon as the page accepts keys.
    await page.clock.run_for(400)
    await wait_for_keys(page)
    await page.keyboard.press("1")
    await wait_until_stored(page)
    assert await decisions(site, "blind") == [("negative", False), ("positive", True)]


async def test_blind_review_is_undone_and_repeated(visits: Visits) -> None:
    site = visits.site
    await sample(site, "undone", 1)
    page = await visits.open(Role.REVIEWER, "/admin/review?queue=audit&platform=undone", size=NARROW)
    await wait_for_text(page, TEXT)
    await page.wait_for_timeout(READ_MILLISECONDS)
    await page.keyboard.press("2")
    await expect(page.locator("#nothing")).to_be_visible()
    await wait_until_stored(page)
    await page.keyboard.press("z")
    await wait_for_text(page, TEXT)
    await wait_until_stored(page)
    await expect(page.locator("#model")).to_have_text("为避免影响您的判断，模型的结果已隐藏。")
    await page.wait_for_timeout(READ_MILLISECONDS)
    await page.keyboard.press("1")
    await wait_until_stored(page)
    assert await decisions(site, "undone") == [("negative", False), ("positive", False)]
    assert await label(site, "undone", "0") == ("positive", "review")


async def test_history_page_hides_the_model_from_the_auditor(visits: Visits) -> None:
    site = visits.site
    await sample(site, "page", 1)
    page = await visits.open(Role.REVIEWER, "/admin/review?queue=audit&platform=page")
    await wait_for_text(page, TEXT)
    own = await page.context.new_page()
    await own.goto("/admin/comments/page/0")
    await expect(own.locator("#comment .alert")).to_contain_text("您正在随机抽查中审核这条评论")
    await expect(own.locator(".comment-verdict-line")).to_be_hidden()
    await expect(own.locator(".history-what")).to_have_count(1)
    admin = await visits.open(Role.ADMIN, "/admin/comments/page/0")
    await expect(admin.locator(".comment-verdict-line")).to_contain_text("正面")


async def test_bulk_correction_skips_comments_that_wait_for_the_audit(visits: Visits) -> None:
    site = visits.site
    await sample(site, "bulk", 1)
    await site.feed.send(arrival("outside", "不在样本里", created=9, platform="bulk"))
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=bulk")
    await page.locator("#select-all").check()
    await page.locator("#bulk [data-label=spam]").click()
    await page.locator("#confirm button[value=yes]").click()
    await expect(page.locator("#message")).to_contain_text("1 条在随机抽查中等待盲审，已跳过")
    assert await label(site, "bulk", "outside") == ("spam", "review")
    assert (await label(site, "bulk", "0"))[1] == "active_model"


async def test_dispute_is_shown_without_names_and_resolved(visits: Visits) -> None:
    site = visits.site
    await site.feed.send(arrival("0", TEXT, platform="dispute"))
    for number, (name, verdict, reason) in enumerate(
        (("争甲", ShownLabel.POSITIVE, "总体满意"), ("争乙", ShownLabel.NEGATIVE, "味道才是重点"))
    ):
        account = await site.add_user(f"{name}{number}", Role.REVIEWER)
        opinion = Opinion("dispute", "0", microseconds(minutes(0)), verdict, reason)
        await add_review(site.store, Actor(account, name, "session", None), opinion)
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=dispute")
    await expect(page.locator(".comment-verdict")).to_contain_text("有分歧")
    await page.goto("/admin/review?queue=disputed&platform=dispute")
    sent = record_reviews(page)
    await wait_for_text(page, TEXT)
    opinions = page.locator("#opinions li")
    await expect(opinions).to_have_text(["正面总体满意", "负面味道才是重点"])
    await expect(page.locator("#task")).not_to_contain_text("争")
    await expect(page.locator("#meta a")).to_have_count(0)
    await page.keyboard.press("Enter")
    await expect(page.locator("#message")).to_have_text("请先选择标签")
    for size in (ENLARGED, NARROW):
        await page.set_viewport_size(size)
        await expect(opinions.last).to_be_in_viewport(ratio=1)
    await page.set_viewport_size(WIDE)
    await shot(page, "disputed")
    await check_accessibility(page)
    await page.keyboard.press("2")
    await expect(page.locator("#nothing")).to_contain_text("没有")
    await wait_until_stored(page)
    assert [(one["blind"], one["all_occurrences"]) for one in sent] == [(False, False)]
    assert await label(site, "dispute", "0") == ("negative", "review")
    async with site.store.reading() as connection:
        times = (await connection.execute(select(reviews.c.shown_milliseconds).order_by(reviews.c.number))).scalars()
        assert list(times)[-1] > 0
    await page.goto("/admin/analytics")
    lines = page.locator("#agreement tbody tr")
    await expect(lines.first).to_contain_text("全部审核员")
    await expect(page.locator("#agreement")).to_contain_text("争甲0 与 争乙1")
    await page.locator("#agreement").scroll_into_view_if_needed()
    await shot(page, "agreement")
    await check_accessibility(page)
