"""Tests of the analytics page: charts, tables, the filter in the URL, and empty states."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from api.identity.roles import Role
from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel
from store.queue import next_tasks
from store.reviews import Opinion, add_review, add_reviews
from store.routes import QueueOrder
from store.search import CommentFilter
from tests.admin.conftest import Site, Visits
from tests.admin.looking import NARROW, PICTURES, check_accessibility, shot
from tests.store.feed import START, arrival, send_sampled

pytestmark = pytest.mark.timeout(120)
PATH = "/admin/analytics"
CARDS = ["labels", "shares", "platforms", "hours", "keywords", "reviewers", "models", "accuracy"]
GOOD, BAD = "物流很快，包装也好，下次还来", "等了两周，客服不理人，只好退货"
MARKUP = "<b>小审</b>"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def busy(site: Site) -> Site:
    """Add 40 days of comments, with reviews by an account whose name contains markup."""
    now = (datetime.now(UTC) - START) / timedelta(minutes=1)
    records = []
    for number in range(1_200):
        bad = number % 3 == 0
        records.append(
            arrival(
                f"busy-{number}",
                f"{BAD if bad else GOOD}，{number}",
                created=now - 1 - number * 47 - (number % 7) * 60,
                platform=("forum", "shop", "app_store")[number % 3 if number % 5 else 0],
                label=Label.NEGATIVE if bad else Label.POSITIVE,
                probability=0.1 if bad else 0.9,
                uncertain=number % 6 == 0,
            )
        )
    for start in range(0, len(records), 400):
        await site.feed.send(*records[start : start + 400])
    number = await site.add_user(MARKUP, Role.REVIEWER)
    opinions = [
        Opinion(
            one.platform,
            one.id,
            one.content.version,
            (ShownLabel(one.prediction.label), ShownLabel.SPAM)[index % 10 == 0],
        )
        for index, one in enumerate(records)
        if index % 3
    ]
    await add_reviews(site.store, Actor(number, MARKUP, "session", None), opinions[:400])
    await audit(site, number, now)
    return site


async def audit(site: Site, reviewer: int, now: float) -> None:
    """Add ten blind decisions, one of which contradicts the model."""
    sampled = (arrival(f"sampled-{number}", f"{GOOD}，抽查 {number}", created=now - 2 - number) for number in range(10))
    await send_sampled(site.feed, *sampled)
    read = datetime.now(UTC) - timedelta(minutes=5)
    found = await next_tasks(site.store, reviewer, QueueOrder.AUDIT, CommentFilter(), 10, now=read)
    for index, comment in enumerate(task.comment for task in found.items):
        label = ShownLabel.POSITIVE if index else ShownLabel.NEGATIVE
        opinion = Opinion(comment.platform, comment.id, comment.version, label, blind=True)
        await add_review(site.store, Actor(reviewer, MARKUP, "session", None), opinion)


async def wait_for_cards(page: Page) -> None:
    """Wait until every card is filled."""
    await expect(page.locator(".analytics-card[aria-busy]")).to_have_count(0)


async def test_cards_show_charts_and_tables(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=all")
    await wait_for_cards(page)
    await expect(page.locator("#totals")).to_contain_text("条评论 · 正面")
    for card in CARDS:
        await expect(page.locator(f"#{card}-chart .main-svg").first).to_be_visible()
    await shot(page, "analytics")
    await check_accessibility(page)
    for card in CARDS:
        await page.locator(f"#{card} .analytics-toggle").press("Enter")
        await expect(page.locator(f"#{card}-table tbody tr").first).to_be_visible()
        await expect(page.locator(f"#{card}-chart")).to_be_hidden()
    await expect(page.locator("#reviewers-table")).to_contain_text(MARKUP)
    await expect(page.locator("#platforms-table")).to_contain_text("app_store")
    await shot(page, "analytics-tables")
    await check_accessibility(page)
    await page.locator("#labels .analytics-toggle").click()
    await expect(page.locator("#labels-chart .main-svg").first).to_be_visible()


async def test_axes_have_whole_ticks_and_partial_periods_are_hatched(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=7d")
    await wait_for_cards(page)
    # The newest day has not ended.
    await expect(page.locator("#labels .analytics-note")).to_have_text("斜线：该时段尚不完整。")
    layout = await page.evaluate("document.getElementById('labels-chart')._fullLayout.xaxis.tickvals.length")
    assert 1 <= layout <= 8
    await expect(page.locator("#totals")).to_contain_text("垃圾信息")
    shapes = await page.evaluate("document.getElementById('labels-chart').data[0].marker.pattern.shape")
    assert shapes[-1] == "\\"
    assert shapes[1] == ""


async def test_heat_map_colours_only_what_chance_does_not_explain(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=all")
    await wait_for_cards(page)
    script = """async () => {
        const { deviationOf } = await import("/admin/static/analytics-axes.js");
        const total = { comments: 168 * 3040, negative: 168 * 304 };
        const of = (comments, negative, measure) => deviationOf({ comments, negative }, measure, total).significant;
        return [of(2900, 0, "comments"), of(3180, 0, "comments"), of(3500, 0, "comments"),
                of(3000, 320, "negative"), of(3000, 600, "negative"), of(4, 4, "negative")];
    }"""
    assert await page.evaluate(script) == [False, False, True, False, True, False]
    await expect(page.locator("#hours-chart")).to_contain_text("%")


@pytest.mark.parametrize("groups", ["three", "two"])
@pytest.mark.parametrize(
    ("card", "column"), [("labels", "负面"), ("labels", "正面"), ("platforms", "正面"), ("hours", "评论数")]
)
async def test_cells_open_exactly_their_comments(
    visits: Visits, busy: Site, groups: str, card: str, column: str
) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=30d&groups={groups}")
    await wait_for_cards(page)
    await page.locator(f"#{card} .analytics-toggle").click()
    heads = await page.locator(f"#{card}-table thead th").all_inner_texts()
    cell = page.locator(f"#{card}-table tbody tr").nth(1).locator("td").nth(heads.index(column))
    expected = (await cell.inner_text()).replace(",", "")
    await cell.get_by_role("link").click()
    await expect(page.locator("#total")).to_have_text(f"共 {int(expected):,} 条评论")


async def test_a_click_on_a_bar_opens_its_comments(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=all")
    await wait_for_cards(page)
    await page.locator("#platforms-chart .points .point path").first.click(force=True)
    await page.wait_for_url("**/admin/comments?*platform=*")
    await page.go_back()
    await wait_for_cards(page)
    await page.locator("#keywords .analytics-toggle").click()
    await page.locator("#keywords-table tbody tr a").first.click()
    await page.wait_for_url("**/admin/comments?*text=*")
    await expect(page.locator(".comment-row").first).to_be_visible()


async def test_range_is_compared_with_the_previous_period_and_weekday(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=7d")
    await wait_for_cards(page)
    await expect(page.locator("#comparisons li")).to_have_count(1)
    await expect(page.locator("#comparisons")).to_contain_text("上一时段")
    await page.get_by_role("link", name="24 小时").click()
    await expect(page.locator("#comparisons li")).to_have_count(2)
    await expect(page.locator("#comparisons")).to_contain_text("比 7 天前相同星期的")


async def test_users_see_counts_but_no_words_or_reviewers(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.USER, f"{PATH}?range=all")
    await wait_for_cards(page)
    assert await page.locator(".analytics-card").evaluate_all("all => all.map((one) => one.id)") == CARDS[:4]
    await page.locator("#labels .analytics-toggle").click()
    await expect(page.locator("#labels-table tbody tr").first).to_be_visible()
    assert await page.locator("#labels-table a").count() == 0
    assert MARKUP not in await page.content()
    await check_accessibility(page)


async def test_charts_fit_phone(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=all", size=NARROW)
    await wait_for_cards(page)
    widths = await page.locator(".analytics-chart .main-svg").evaluate_all("all => all.map(one => one.clientWidth)")
    assert len(widths) >= len(CARDS)
    assert 200 < min(widths) <= max(widths) < NARROW["width"]
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    await page.screenshot(path=PICTURES / "analytics-phone.png", full_page=True)


async def test_range_and_platform_are_in_the_url(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, PATH)
    await wait_for_cards(page)
    await expect(page.get_by_role("link", name="30 天")).to_have_attribute("aria-current", "true")
    await expect(page.locator("#platform option:checked")).to_have_text("全部")
    await page.get_by_label("平台", exact=True).select_option("shop")
    await page.get_by_role("button", name="应用筛选").click()
    assert "platform=shop" in page.url
    await wait_for_cards(page)
    await page.locator("#platforms .analytics-toggle").click()
    await expect(page.locator("#platforms-table tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="7 天").click()
    assert "range=7d" in page.url
    assert "platform=shop" in page.url
    today = datetime.now(UTC).astimezone().date()
    await page.get_by_label("开始日期").fill((today - timedelta(days=2)).isoformat())
    await page.get_by_label("结束日期").fill(today.isoformat())
    await page.get_by_role("button", name="应用筛选").click()
    await wait_for_cards(page)
    assert f"last={today.isoformat()}" in page.url
    await expect(page.locator("#totals")).to_contain_text("条评论")
    await page.get_by_label("颜色含义").select_option("negative")
    await expect(page.locator("#hours-chart")).to_contain_text("%")


async def cells(page: Page, card: str) -> dict[str, int]:
    """Return the first row of a card's table by column name."""
    await wait_for_cards(page)
    await page.locator(f"#{card} .analytics-toggle").click()
    heads = await page.locator(f"#{card}-table thead th").all_inner_texts()
    row = await page.locator(f"#{card}-table tbody tr").first.locator("td").all_inner_texts()
    return {head: int(cell.replace(",", "")) for head, cell in zip(heads[1:], row[1:], strict=True)}


async def test_uncertain_comments_are_separate_or_count_under_their_label(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=all&platform=forum")
    three = await cells(page, "platforms")
    await expect(page.locator("#labels-chart .legend")).to_contain_text("不确定")
    await expect(page.get_by_role("link", name="不确定单列")).to_have_attribute("aria-current", "true")
    await page.get_by_role("link", name="只分正负").press("Enter")
    two = await cells(page, "platforms")
    await expect(page.locator("#labels-chart .legend")).not_to_contain_text("不确定")
    groups = ("正面", "负面", "不明确", "垃圾信息")
    assert sum(two[name] for name in groups) == sum(three[name] for name in (*groups, "不确定")) == two["评论数"]
    leaning = [two[name] - three[name] for name in ("正面", "负面")]
    assert sum(leaning) == three["不确定"] == two["不确定"]
    assert min(leaning) > 0
    await page.get_by_role("link", name="12 个月").click()
    await expect(page.get_by_role("link", name="只分正负")).to_have_attribute("aria-current", "true")


async def test_csv_download_matches_table(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=all&platform=forum")
    await wait_for_cards(page)
    async with page.expect_download() as started:
        await page.locator("#platforms .analytics-csv").click()
    [row] = read_csv(await (await started.value).path())
    await page.locator("#platforms .analytics-toggle").click()
    await expect(page.locator("#platforms-table tbody tr td").nth(1)).to_have_text(row["comments"])
    assert row["platform"] == "forum"


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as downloaded:
        return list(csv.DictReader(downloaded))


async def test_empty_cards_give_advice(visits: Visits, busy: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?first=1999-01-01&last=1999-02-01")
    await wait_for_cards(page)
    await expect(page.locator("#labels .analytics-empty")).to_contain_text("请选择更长的时间范围")
    await expect(page.locator("#reviewers").get_by_role("link", name="审核评论")).to_be_visible()
    assert await page.locator(".main-svg").count() == 0
    await shot(page, "analytics-empty")
    await check_accessibility(page)


@pytest.mark.parametrize("days", ["first=0001-01-01&last=9999-12-31", "first=0001-01-01&last=0001-01-01"])
async def test_first_and_last_possible_days_are_accepted(visits: Visits, busy: Site, days: str) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?{days}")
    await wait_for_cards(page)
    await expect(page.locator(".analytics-trouble:visible")).to_have_count(0)
    shown = "条评论" if "9999" in days else ""
    await expect(page.locator("#totals")).to_contain_text(shown)


async def test_invalid_filter_falls_back_to_defaults_in_english(visits: Visits, busy: Site) -> None:
    page = await visits.open(
        Role.ADMIN, f"{PATH}?range=%3Cscript%3E&platform=%27+OR+1&first=2026-13-01", language="en-US"
    )
    await wait_for_cards(page)
    await expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
    await expect(page.get_by_role("heading", name="Labels over time")).to_be_visible()
    await expect(page.locator("#totals")).to_contain_text("comments · Positive")
