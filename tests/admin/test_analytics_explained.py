"""Tests of what explains the charts: links to exactly the counted rows, changes with their causes, and annotations."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from api.identity.roles import Role
from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel
from store.models import register_model
from store.notices import NoticeText, add_notice
from store.promotion import promote_model, roll_back
from store.queue import next_tasks
from store.reviews import Opinion, add_review, add_reviews
from store.routes import QueueOrder
from store.search import CommentFilter
from tests.admin.conftest import Site, Visits
from tests.admin.looking import check_accessibility, shot
from tests.admin.test_analytics import CARDS, wait_for_cards
from tests.store.feed import START, arrival, earlier, send_sampled

pytestmark = pytest.mark.timeout(120)
PATH = "/admin/analytics"
GOOD, BAD = "物流很快，包装也好", "等了两周，客服不理人，只好退货"
THREAD = "<b>退款</b>"
MODEL, NOTICE = "<i>新模型</i>", "系统<u>维护</u>"
LI = Actor(None, "li", "command", None)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def swing(site: Site) -> Site:
    """Add two days of comments: on the second one, a thread raises the share of negative. Some are reviewed."""
    now = (datetime.now(UTC) - START) / timedelta(minutes=1)
    records = [
        arrival(
            f"swing-{n}",
            f"{BAD if n % 8 == 0 else GOOD}，{n}",
            created=now - 5 - n * 7,
            platform="forum" if n % 3 else "shop",
            author=f"u-{n % 30}",
            label=Label.NEGATIVE if n % 8 == 0 else Label.POSITIVE,
            uncertain=n % 20 == 0,
        )
        for n in range(400)
    ]
    records += [
        arrival(
            f"refund-{n}", f"{BAD}，{n}", created=now - 9 - n * 10, author="u-7", thread=THREAD, label=Label.NEGATIVE
        )
        for n in range(60)
    ]
    await site.feed.send(*records)
    number = site.users[Role.REVIEWER]
    opinions = [
        Opinion(one.platform, one.id, one.content.version, ShownLabel.SPAM if index % 3 else ShownLabel.POSITIVE)
        for index, one in enumerate(records[1:60:4])
    ]
    await add_reviews(site.store, Actor(number, "小审", "session", None), opinions)
    await _audit(site, now)
    await _events(site)
    return site


async def _audit(site: Site, now: float) -> None:
    """Add six blind decisions, two of which contradict the model."""
    await send_sampled(site.feed, *(arrival(f"audit-{n}", f"{GOOD}，抽查 {n}", created=now - 2 - n) for n in range(6)))
    reviewer = site.users[Role.ADMIN]
    found = await next_tasks(site.store, reviewer, QueueOrder.AUDIT, CommentFilter(), 10, now=earlier())
    for index, comment in enumerate(task.comment for task in found.items):
        label = ShownLabel.NEGATIVE if index < 2 else ShownLabel.POSITIVE
        opinion = Opinion(comment.platform, comment.id, comment.version, label, blind=True)
        await add_review(site.store, Actor(reviewer, "小管", "session", None), opinion)


async def _events(site: Site) -> None:
    """Promote another model and roll back, and publish a notice."""
    first, files = site.feed.model, {"SHA256SUMS": b"sums"}
    await register_model(site.store, first.sha256, first.name, 0.3, 0.7, files=files)
    other = await register_model(site.store, "d" * 64, MODEL, 0.3, 0.7, files=files)
    await site.store.write(promote_model, LI, other.number, first.number)
    await site.store.write(roll_back, LI, other.number)
    notice = NoticeText(NOTICE, "今晚维护", False, datetime.now(UTC) - timedelta(hours=12), None)
    await site.store.write(add_notice, LI, notice)


@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
async def test_one_sentence_explains_a_change(visits: Visits, swing: Site, language: str) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=1d", language=language)
    await wait_for_cards(page)
    [zh, en] = ["%，比上一时段的 12.", "points higher than the 12."]
    item = page.locator("#comparisons li").first
    await expect(item).to_contain_text(zh if language == "zh-CN" else en)
    await expect(item).to_contain_text("p < 0.001")
    await item.get_by_role("button", name="查找原因" if language == "zh-CN" else "Explain").press("Enter")
    await expect(item).to_contain_text(THREAD)
    words = ["，其中 ", "来自主题", "来自作者 u-7", "来自含“"]
    english = [", of which ", "comes from thread", "comes from author u-7", "comes from comments with “"]
    for word in words if language == "zh-CN" else english:
        await expect(item).to_contain_text(word)
    if language == "zh-CN":
        await shot(page, "analytics-explained")
        await check_accessibility(page)
    await item.get_by_role("link", name=THREAD).click()
    await expect(page.locator("#total")).to_contain_text("60")


async def test_events_are_marked_listed_and_in_the_table(visits: Visits, swing: Site) -> None:
    page = await visits.open(Role.USER, f"{PATH}?range=1d")
    await wait_for_cards(page)
    events = [f"公告：{NOTICE}", f"启用模型：{MODEL}", f"回退到模型：{swing.feed.model.name}"]
    for card in ("labels", "shares"):
        found = page.locator(f"#{card} .analytics-annotations li")
        for number, event in enumerate(events):
            await expect(found.nth(number)).to_contain_text(event)
        assert (
            await page.locator(f"#{card}-chart").evaluate(
                "chart => chart.layout.annotations.map((one) => one.text).join(', ')"
            )
            == "1, 2, 3"
        )
    # Users see no causes and no links.
    assert await page.locator("#comparisons button").count() == 0
    await page.locator("#labels .analytics-toggle").click()
    table = page.locator("#labels-table")
    await expect(table.locator("thead th").last).to_have_text("事件")
    await expect(table).to_contain_text(" · ".join(events[1:]))


async def linked(page: Page, card: str, column: str) -> tuple[str, int]:
    """Return the address of the first link in the column of a card's table, and the number that it shows."""
    heads = await page.locator(f"#{card}-table thead th").all_text_contents()
    found = page.locator(f"#{card}-table tbody tr td:nth-child({heads.index(column) + 1}) a").first
    return str(await found.get_attribute("href")), int(str(await found.text_content()).replace(",", ""))


COMMENT_CELLS = [
    ("labels", "已更正"),
    ("labels", "不确定"),
    ("shares", "评论数"),
    ("platforms", "已审核"),
    ("hours", "正面"),
    ("accuracy", "已判定"),
    ("accuracy", "不一致"),
    ("keywords", "正面"),
    ("keywords", "负面"),
]
REVIEW_CELLS = [("reviewers", "审核数"), ("reviewers", "更正数"), ("models", "更正数"), ("models", "垃圾信息")]


async def test_cells_open_exactly_what_they_count(visits: Visits, swing: Site) -> None:
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=7d")
    await wait_for_cards(page)
    for card, column in COMMENT_CELLS:
        address, count = await linked(page, card, column)
        answer = await page.request.get(address.replace("/admin/comments?", "/admin/comments-count?"))
        assert (await answer.json())["words"] == f"共 {count:,} 条评论", (card, column, address)
    for card, column in REVIEW_CELLS:
        address, count = await linked(page, card, column)
        answer = await page.request.get(address)
        assert (await answer.text()).count("comment-text") == count, (card, column, address)
    await page.goto(address)
    await expect(page.locator("#linked")).to_contain_text("指定模型的标签 · 统计口径")
    # The form keeps what the link has set.
    await page.get_by_role("button", name="应用筛选").click()
    await expect(page.locator(".review-table tbody tr")).to_have_count(count)


async def test_a_click_in_each_chart_opens_its_rows(visits: Visits, swing: Site) -> None:
    opened: asyncio.Queue[str] = asyncio.Queue()

    async def stay(route: Route) -> None:
        opened.put_nowait(route.request.url)
        await route.fulfill(status=204)

    # An answer without content leaves the page as it is.
    lists = {"**/admin/comments?*": stay, "**/admin/reviews?*": stay}
    page = await visits.open(Role.REVIEWER, f"{PATH}?range=7d", routes=lists)
    await wait_for_cards(page)
    wanted = {
        "labels": "label=positive",
        "shares": "label=negative",
        "platforms": "platform=forum",
        "hours": "utc_hour_of_week=",
        "keywords": "text=",
        "reviewers": "reviewer=",
        "models": "from_model=",
        "accuracy": "audited=any",
    }
    for card in CARDS:
        if card == "hours":
            await page.locator("#hours-chart .nsewdrag").first.click()
        else:
            await page.locator(f"#{card}-chart .points path").first.click(force=True)
        assert wanted[card] in await asyncio.wait_for(opened.get(), 10)
