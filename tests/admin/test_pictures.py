"""The README's screenshots, from generated comments that the shipped model labels; see `make pictures`."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from playwright.async_api import ViewportSize, expect

from api.identity.roles import Role
from model.labeller import Labeller
from store.batch import Arrival, Label
from tests.admin.conftest import Site, Visits
from tests.admin.looking import PICTURES
from tests.store.feed import START, arrival

SIZE = ViewportSize(width=1280, height=800)
DAYS = 28
COMMENTS = 1_500
PLATFORMS = ("forum", "shop", "support")
ITEMS = ("耳机", "书包", "电饭锅", "雨伞", "台灯", "键盘", "水杯", "风扇", "毛衣", "拖鞋")
PRAISE = (
    "{}收到了，做工很好，超出预期",
    "给家人买的{}，他们都说好用",
    "{}用了一个月，没有任何问题",
    "客服推荐的{}，确实值这个价",
)
BLAME = ("{}刚用两天就坏了", "{}和图片完全不一样，很失望", "等了十天，{}还没有发货", "{}有异味，申请退货也没人处理")
DETAILS = ("", "，颜色是蓝色的那款", "，上周三下的单", "，在门店也看过同款", "，这是第二次购买", "，朋友介绍来的")
AUTHORS = ("晓雨", "老周", "momo", "大熊", "阿琳", "小北")
MIXED = ("{}还行，就是包装有点破", "{}外观不错，质量一般", "{}便宜，但是说明书看不懂")
# Weights of praise, blame and mixed comments. Complaints rise in the last week, so that charts show a change.
USUAL, RECENT = (0.62, 0.26, 0.12), (0.42, 0.45, 0.13)


def generate(now: datetime) -> Iterator[tuple[str, str, str, float]]:
    """Yield id, platform, text and minutes after START of each comment, oldest first."""
    rng = random.Random(7)
    latest = (now - START).total_seconds() / 60
    ages = sorted((rng.triangular(0, DAYS, 9) for _ in range(COMMENTS)), reverse=True)
    for n, age in enumerate(ages):
        kind = rng.choices((PRAISE, BLAME, MIXED), RECENT if age < 7 else USUAL)[0]
        text = rng.choice(kind).format(rng.choice(ITEMS)) + rng.choice(DETAILS)
        yield f"generated-{n}", rng.choices(PLATFORMS, (5, 3, 2))[0], text, latest - age * 24 * 60


def labelled(labeller: Labeller, now: datetime) -> list[Arrival]:
    """Return the comments with the model's predictions."""
    comments = list(generate(now))
    predictions = labeller.predict([text for _, _, text, _ in comments])
    return [
        arrival(
            id,
            text,
            created=created,
            platform=platform,
            author=AUTHORS[len(text + id) % len(AUTHORS)],
            label=Label(prediction.label),
            probability=prediction.probability,
            uncertain=prediction.uncertain,
        )
        for (id, platform, text, created), prediction in zip(comments, predictions, strict=True)
    ]


async def test_pictures_of_review_and_analytics(visits: Visits, site: Site, labeller: Labeller) -> None:
    records = labelled(labeller, datetime.now(UTC))
    for first in range(0, len(records), 500):
        await site.feed.send(*records[first : first + 500])
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = await visits.open(Role.REVIEWER, "/admin/review", size=SIZE)
    await expect(page.locator("#text")).not_to_be_empty()
    await page.screenshot(path=PICTURES / "readme-review.png", animations="disabled")
    page = await visits.open(Role.REVIEWER, "/admin/analytics", size=SIZE)
    await expect(page.locator(".analytics-card[aria-busy]")).to_have_count(0)
    await expect(page.locator("#labels-chart .main-svg").first).to_be_visible()
    await page.screenshot(path=PICTURES / "readme-analytics.png", animations="disabled")
