"""Tests of the comparison pages: order one, follow its progress, and look at its result."""

import asyncio
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from sqlalchemy import update

from api.comparisons import work_on_comparisons
from api.identity.roles import Role
from store.comments import ShownLabel
from store.tables import comments
from tests.admin.conftest import Site, Visits
from tests.admin.looking import NARROW, check_accessibility, shot
from tests.registry.two_models import TwoModels, review_all, two_models
from tests.store.feed import tombstone

pytestmark = pytest.mark.timeout(180)
PATH = "/admin/models/comparisons"
CHARTS = ("accuracy", "calibration", "month", "platform")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def both(site: Site, tmp_path_factory: pytest.TempPathFactory) -> TwoModels:
    """Two models that have labelled 400 comments, some of which people have reviewed, in the audit or otherwise."""
    folder: Path = tmp_path_factory.mktemp("models")
    both = await two_models(site.store, folder, 400, sampled=120)
    await review_all(site.store, [str(n) for n in range(120, 260, 2)], ShownLabel.POSITIVE)
    await review_all(site.store, [str(n) for n in range(121, 260, 2)], ShownLabel.NEGATIVE)
    async with site.store.writing() as session:
        for label, parity in ((ShownLabel.POSITIVE, 0), (ShownLabel.NEGATIVE, 1)):
            decided = update(comments).where(comments.c.audit_rank.is_not(None), comments.c.number % 2 == parity)
            await session.connection.execute(decided.values(blind_label=label))
    return both


async def test_a_comparison_is_ordered_followed_and_shown(visits: Visits, both: TwoModels) -> None:
    page = await visits.open(Role.ADMIN, "/admin/models")
    await page.get_by_role("link", name="比较模型").click()
    await page.get_by_label("旧模型").select_option(str(both.old.number))
    await page.get_by_label("新模型").select_option(str(both.new.number))
    await shot(page, "comparisons")
    await check_accessibility(page)
    await page.get_by_role("button", name="开始比较").click()
    await expect(page.locator("#progress")).to_contain_text("比较进度")
    await shot(page, "comparison-progress")
    await check_accessibility(page)
    address = page.url

    task = asyncio.create_task(work_on_comparisons(visits.site.services))
    try:
        await expect(page.locator("#total-table")).to_be_visible(timeout=60_000)
    finally:
        task.cancel()
    for chart in CHARTS:
        await expect(page.locator(f"#{chart}-chart .main-svg").first).to_be_visible()
    await expect(page.locator("#total-table tbody tr")).to_contain_text("400")
    await expect(page.locator("#audit")).to_contain_text("120 条评论")
    await expect(page.locator("#audit")).to_contain_text("McNemar")
    await expect(page.locator("#reviews")).to_contain_text("有偏")
    await expect(page.locator("#month-table")).to_contain_text("2026-01")
    await expect(page.locator("#platform-table")).to_contain_text("forum")
    examples = page.locator("#examples article")
    count = await examples.count()
    assert 10 <= count <= 20
    marked = page.locator("#examples [data-place] .word-positive, #examples [data-place] .word-negative")
    assert await marked.count() > count
    await shot(page, "comparison")
    await check_accessibility(page)

    name = await examples.first.get_attribute("aria-label")
    assert name is not None
    id = name.split(" ")[1]
    await both.feed.send(tombstone(id, at=1))
    await page.goto(address)
    await expect(examples).to_have_count(count - 1)
    english = await visits.open(Role.ADMIN, address, language="en-US")
    await expect(english.get_by_role("heading", name="Random audit (unbiased)")).to_be_visible()
    await expect(english.locator("#audit")).to_contain_text("Accuracy changes by")
    await shot(english, "comparison-english")
    phone = await visits.open(Role.ADMIN, address, size=NARROW)
    widths = await phone.locator(".analytics-chart .main-svg").evaluate_all("all => all.map(one => one.clientWidth)")
    assert len(widths) >= len(CHARTS)
    assert 200 < min(widths) <= max(widths) < NARROW["width"]
    await page.goto(PATH)
    await expect(page.get_by_role("row").filter(has_text="已完成")).to_contain_text("小管")


async def test_impossible_orders_are_explained_in_the_form(visits: Visits, both: TwoModels) -> None:
    page = await visits.open(Role.ADMIN, PATH)
    await page.get_by_label("旧模型").select_option(str(both.new.number))
    await page.get_by_label("新模型").select_option(str(both.new.number))
    await page.get_by_label("开始日期").fill("2026-01-05")
    await page.get_by_role("button", name="开始比较").click()
    await expect(page.get_by_role("alert")).to_contain_text("请选择两个不同的模型")
    await expect(page.get_by_label("开始日期")).to_have_value("2026-01-05")
    await page.get_by_label("旧模型").select_option(str(both.old.number))
    await page.get_by_label("结束日期").fill("2026-01-01")
    await page.get_by_role("button", name="开始比较").click()
    await expect(page.get_by_role("alert")).to_contain_text("时间范围为空")
    visits.allow("422")


async def test_there_is_no_such_comparison(visits: Visits, both: TwoModels) -> None:
    visits.allow("404")
    page = await visits.open(Role.ADMIN, f"{PATH}/999999")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert await page.locator("#total-table").count() == 0
