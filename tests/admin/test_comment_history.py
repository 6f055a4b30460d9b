"""The page of one comment: its history, reviews of it, and its verdict where the model is uncertain."""

import pytest
from playwright.async_api import expect

from api.identity.roles import Role
from store.batch import Label
from store.comments import comment_history
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot
from tests.admin.test_review import label
from tests.store.feed import arrival, dead_letter

pytestmark = pytest.mark.timeout(120)


async def test_the_history_tells_what_became_of_a_comment(visits: Visits) -> None:
    site = visits.site
    await site.feed.send(
        arrival("story", "第一次写的话", platform="tale", thread="t", author="u-1"),
        dead_letter(site.feed.offset + 1, key=b"tale:story"),
    )
    page = await visits.open(Role.REVIEWER, "/admin/comments/tale/story")
    await page.get_by_label("理由").fill("反话")
    await page.get_by_role("button", name="负面").click()
    await expect(page.get_by_text("由人判断").first).to_be_visible()
    await site.feed.send(
        arrival(
            "story",
            "后来改过的话",
            edited=30,
            platform="tale",
            thread="t",
            author="u-1",
            label=Label.NEGATIVE,
            probability=0.2,
        )
    )
    second = await visits.open(Role.ADMIN, "/admin/comments/tale/story")
    await second.get_by_role("button", name="正面").click()
    await expect(second.get_by_text("当前有效")).to_be_visible()
    await second.get_by_role("button", name="垃圾").click()
    events = second.locator(".history-events li")
    await expect(events.filter(has_text="小管")).to_have_count(2)
    await expect(events.filter(has_text="小审")).to_contain_text("反话")
    await expect(events.filter(has_text="小审")).to_contain_text("第一次写的话")
    await expect(events.filter(has_text="作者的修改替换了这段文本")).to_contain_text("第一次写的话")
    await expect(events.filter(has_text="不符合约定")).to_contain_text("It is not JSON.")
    await expect(events.filter(has_text="model")).to_have_count(1)
    await shot(second, "history")
    await check_accessibility(second)
    found = await site.store.read(comment_history, "tale", "story")
    assert found is not None
    assert [review.label for review in found.reviews] == ["spam", "positive", "negative"]
    await second.get_by_role("button", name="撤销审核").click()
    await expect(events.filter(has_text="撤销了")).to_have_count(1)
    assert await label(site, "tale", "story") == ("positive", "review")


async def test_a_review_of_a_text_that_was_edited_meanwhile_is_refused(visits: Visits) -> None:
    site = visits.site
    visits.allow("409")
    await site.feed.send(arrival("1", "原来的话", platform="stale"))
    page = await visits.open(Role.REVIEWER, "/admin/comments/stale/1")
    await site.feed.send(arrival("1", "新的话", edited=20, platform="stale"))
    await page.get_by_role("button", name="负面").click()
    await expect(page.get_by_role("alert")).to_contain_text("在此期间被作者修改")


async def test_a_comment_that_is_not_there_is_not_found(visits: Visits) -> None:
    visits.allow("404")
    page = await visits.open(Role.REVIEWER, "/admin/comments/forum/nobody")
    await expect(page.get_by_text("404")).to_be_visible()


async def test_an_uncertain_label_is_never_headlined_as_one(visits: Visits) -> None:
    site = visits.site
    await site.feed.send(
        arrival("sure", "很好", platform="leans", created=2),
        arrival("good", "什么时候发货？", platform="leans", created=1, probability=0.55, uncertain=True),
        arrival(
            "bad",
            "说不上来",
            platform="leans",
            created=0,
            label=Label.NEGATIVE,
            probability=0.45,
            uncertain=True,
        ),
    )
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=leans")
    badges = page.locator(".comment-verdict .badge")
    verdicts = ["正面", "不确定（偏正面）", "不确定（偏负面）"]
    await expect(badges).to_have_text(verdicts)
    await expect(page.locator(".comment-verdict").nth(1)).to_contain_text("正面概率 55%")
    await page.locator(".comment-check").nth(1).check()
    await page.locator("#bulk").get_by_role("button", name="负面").click()
    await page.get_by_role("button", name="保存", exact=True).click()
    await expect(badges).to_have_text(["正面", "负面", "不确定（偏负面）"])
    await page.get_by_role("button", name="全部撤销（1 条）").click()
    await expect(badges).to_have_text(verdicts)
    await shot(page, "comments-uncertain")
    await check_accessibility(page)
    await page.goto("/admin/comments/leans/good")
    await expect(page.locator("#comment .badge").first).to_have_text("不确定（偏正面）")
    await expect(page.locator(".history-events")).to_contain_text("不确定（偏正面）")
    await page.get_by_role("button", name="负面").click()
    review = page.locator(".history-events li").filter(has_text="小审").filter(has_text="当前有效")
    await expect(review.locator(".badge").first).to_have_text("不确定（偏正面）")
    await page.goto("/admin/reviews?platform=leans&mine=true")
    await expect(page.locator("tbody .badge").first).to_have_text("不确定（偏正面）")
    english = await visits.open(Role.REVIEWER, "/admin/comments?platform=leans", language="en-GB")
    await expect(english.locator(".comment-verdict .badge").nth(2)).to_have_text("Uncertain (leaning negative)")
