"""Tests of the review page: decisions by keys, context, undo, leases, identical texts and edits."""

import statistics

import pytest
from playwright.async_api import Page, expect

from api.identity.roles import Role
from store.batch import Label
from store.comments import CommentHistory, comment_history
from store.group_decisions import take_steps
from tests.admin.conftest import Site, Visits
from tests.admin.looking import NARROW, PICTURES, check_accessibility, shot
from tests.admin.seed import MARKUP
from tests.store.feed import arrival

pytestmark = pytest.mark.timeout(120)
# Measures the time from a key press to the next frame after the comment has changed.
MEASURE = """() => {
    window.waits = [];
    document.addEventListener("keydown", (event) => {
        if (!["1", "2", "3", "4", "Enter"].includes(event.key)) return;
        const pressed = performance.now();
        const text = document.getElementById("text");
        new MutationObserver((_, observer) => {
            observer.disconnect();
            requestAnimationFrame(() => setTimeout(() => window.waits.push(performance.now() - pressed)));
        }).observe(text, { childList: true, characterData: true, subtree: true });
    }, { capture: true });
}"""


async def fill(site: Site, platform: str, count: int, **changes: object) -> None:
    """Add comments with different texts that wait for a review; the first one is the most uncertain."""
    await site.feed.send(
        *(
            arrival(
                f"{n}",
                f"{platform} 的第 {n} 条：还行吧，说不上好也说不上坏",
                created=n,
                platform=platform,
                probability=0.5 + (n + 1) / 1000,
                uncertain=True,
                **changes,  # type: ignore[arg-type]
            )
            for n in range(count)
        )
    )


async def history(site: Site, platform: str, id: str) -> CommentHistory:
    found = await site.store.read(comment_history, platform, id)
    assert found is not None
    return found


async def label(site: Site, platform: str, id: str) -> tuple[str | None, str | None]:
    """Return a comment's shown label and its source."""
    comment = (await history(site, platform, id)).comment
    assert comment is not None
    return comment.label, comment.label_source


async def wait_for_text(page: Page, text: str) -> None:
    """Wait until the text is shown and keys are no longer ignored."""
    await expect(page.locator("#text")).to_contain_text(text)
    await wait_for_keys(page)


async def wait_for_keys(page: Page) -> None:
    """Wait until the text is shown long enough that keys are no longer ignored."""
    await expect(page.locator("#decision.is-new")).to_have_count(0)


async def wait_until_stored(page: Page) -> None:
    await expect(page.locator("#sending")).to_have_text("已全部保存")


async def count_done(page: Page) -> int:
    """Return the server's number of reviews today."""
    answer = await page.evaluate(
        """async () => {
            const { rest } = await import("/admin/static/rest.js");
            return (await rest("POST", "/reviews/next", { filter: { platform: "nothing" } })).done_today;
        }"""
    )
    assert isinstance(answer, int)
    return answer


async def test_twenty_comments_are_reviewed_with_keys(visits: Visits) -> None:
    site = visits.site
    await fill(site, "keys", 21)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=keys")
    await wait_for_text(page, "keys 的第 0 条")
    await expect(page.locator("#remaining")).to_have_text("21")
    await page.evaluate(MEASURE)
    keys = ["1", "2", "3", "4", "Enter"]
    for n in range(20):
        await wait_for_text(page, f"keys 的第 {n} 条")
        await page.keyboard.press(keys[n % 5])
    await wait_for_text(page, "keys 的第 20 条")
    await wait_until_stored(page)
    await expect(page.locator("#done-today")).to_have_text("20")
    await expect(page.locator("#remaining")).to_have_text("1")
    expected = ["positive", "negative", "unclear", "spam", "positive"]
    for n in range(20):
        assert await label(site, "keys", str(n)) == (expected[n % 5], "review")
    waits = await page.evaluate("window.waits")
    assert len(waits) == 20
    assert statistics.median(waits) < 100


async def test_comment_is_shown_with_its_context(visits: Visits) -> None:
    site = visits.site
    await fill(site, "context", 3, thread="售后")
    await site.feed.send(
        arrival(
            "0",
            "改过一次：客服态度一般，东西还可以",
            created=0,
            edited=30,
            platform="context",
            thread="售后",
            probability=0.5,
            uncertain=True,
        )
    )
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=context")
    await wait_for_text(page, "改过一次")
    await expect(page.locator("#model")).to_contain_text("正面")
    await expect(page.locator("#versions")).to_contain_text("context 的第 0 条")
    await expect(page.locator("#thread li")).to_have_count(2)
    await expect(page.locator("#meta")).to_contain_text("售后")
    await expect(page.locator("#legend")).to_be_visible()
    assert await page.locator("#text").text_content() == "改过一次：客服态度一般，东西还可以"
    await shot(page, "review")
    await check_accessibility(page)


async def test_undo_shows_the_comment_with_its_label(visits: Visits) -> None:
    site = visits.site
    await fill(site, "undo", 2)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=undo")
    await wait_for_text(page, "undo 的第 0 条")
    await page.keyboard.press("4")
    await wait_for_text(page, "undo 的第 1 条")
    await wait_until_stored(page)
    await page.keyboard.press("z")
    await wait_for_text(page, "undo 的第 0 条")
    await expect(page.locator("#label-spam")).to_be_checked()
    await wait_until_stored(page)
    assert await label(site, "undo", "0") == ("positive", "active_model")
    await page.keyboard.press("2")
    await wait_for_text(page, "undo 的第 1 条")
    await wait_until_stored(page)
    assert await label(site, "undo", "0") == ("negative", "review")
    rows = (await history(site, "undo", "0")).reviews
    assert [(row.label, row.withdrawn, row.withdraws is not None) for row in rows] == [
        ("negative", False, False),
        ("spam", False, True),
        ("spam", True, False),
    ]


async def test_identical_texts_are_reviewed_and_undone_together(visits: Visits) -> None:
    site, text = visits.site, "copies 的默认好评"
    ids = [str(n) for n in range(12)]
    copies = [arrival(id, text, platform="copies", thread="商品", probability=0.501, uncertain=True) for id in ids]
    other = arrival("other", "copies 的别的话", platform="copies", thread="商品", created=1, probability=0.6)
    await site.feed.send(*copies, other)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=copies")
    await wait_for_text(page, text)
    await expect(page.locator("#meta")).to_contain_text("出现 12 次")
    await expect(page.locator("#remaining")).to_have_text("13")
    await expect(page.locator("#thread .review-neighbour")).to_have_text(["copies 的别的话"])
    await shot(page, "review-copies")
    await check_accessibility(page)
    await page.keyboard.press("4")
    await wait_for_text(page, "copies 的别的话")
    await expect(page.locator("#remaining")).to_have_text("1")
    await expect(page.locator("#done-today")).not_to_have_text("–")
    await expect(page.locator("#meta")).not_to_contain_text("出现")
    await expect(page.locator("#thread .review-neighbour")).to_have_text([text])
    await expect(page.locator("#announce")).to_have_text("已保存为垃圾信息。 下一条评论： copies 的别的话")
    await wait_until_stored(page)
    await _take_all_steps(site)
    assert [await label(site, "copies", id) for id in ids] == [("spam", "review")] * 12
    await page.keyboard.press("z")
    await wait_for_text(page, text)
    await expect(page.locator("#undone")).to_have_text("已撤销全部 12 条：“垃圾信息”已取消，请重新判断这段文本。")
    await wait_until_stored(page)
    await _take_all_steps(site)
    assert [await label(site, "copies", id) for id in ids] == [("positive", "active_model")] * 12
    await expect(page.locator("#remaining")).to_have_text("13")
    await page.keyboard.press("z")
    await expect(page.locator("#message")).to_have_text("没有可以撤销的判断。")
    await expect(page.locator("#undone")).to_be_hidden()


async def _take_all_steps(site: Site) -> None:
    """Do the server's background work."""
    while (await take_steps(site.store)).taken:
        pass


async def test_skipped_comment_goes_to_another_reviewer_and_can_be_undone(visits: Visits) -> None:
    site = visits.site
    await fill(site, "skip", 2)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=skip")
    await wait_for_text(page, "skip 的第 0 条")
    await page.keyboard.press("s")
    await wait_for_text(page, "skip 的第 1 条")
    await wait_until_stored(page)
    other = await visits.open(Role.ADMIN, "/admin/review?platform=skip")
    await wait_for_text(other, "skip 的第 0 条")
    await other.close()
    await page.keyboard.press("z")
    await wait_for_text(page, "skip 的第 0 条")


async def test_two_reviewers_get_different_comments(visits: Visits) -> None:
    await fill(visits.site, "both", 12)
    first = await visits.open(Role.REVIEWER, "/admin/review?platform=both")
    await wait_for_text(first, "both 的第 0 条")
    second = await visits.open(Role.ADMIN, "/admin/review?platform=both")
    await wait_for_text(second, "both 的第 4 条")


async def test_leases_are_released_when_the_page_closes(visits: Visits) -> None:
    await fill(visits.site, "leave", 1)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=leave")
    await wait_for_text(page, "leave 的第 0 条")
    await page.goto("/admin/")
    other = await visits.open(Role.ADMIN, "/admin/review?platform=leave")
    await wait_for_text(other, "leave 的第 0 条")


async def test_leases_are_renewed_while_the_page_is_open(visits: Visits) -> None:
    await fill(visits.site, "renew", 2)
    page = await visits.open(Role.REVIEWER)
    await page.clock.install()
    await page.goto("/admin/review?platform=renew")
    await wait_for_text(page, "renew 的第 0 条")
    async with page.expect_request("**/api/v1/reviews/renew") as renewal:
        await page.clock.fast_forward(150_000)
    answer = await (await renewal.value).response()
    assert answer is not None
    assert [comment["id"] for comment in (await answer.json())["comments"]] == ["0", "1"]


async def test_keys_are_listed_and_ignored_while_typing(visits: Visits) -> None:
    site = visits.site
    await fill(site, "typing", 2)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=typing")
    await wait_for_text(page, "typing 的第 0 条")
    await page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("2")
    await shot(page, "review-keys")
    await check_accessibility(page)
    await page.keyboard.press("Escape")
    await expect(dialog).not_to_be_visible()
    await expect(page.locator("#label-negative")).not_to_be_checked()
    await page.get_by_label("理由").fill("")
    await page.get_by_label("理由").press_sequentially("1sz? 反话")
    await wait_for_text(page, "typing 的第 0 条")
    await page.locator("label[for=label-negative]").click()
    await page.get_by_role("button", name="保存：负面").click()
    await wait_for_text(page, "typing 的第 1 条")
    await expect(page.get_by_label("理由")).to_have_value("")
    await wait_until_stored(page)
    [review] = (await history(site, "typing", "0")).reviews
    assert (review.label, review.reason, review.reviewer) == ("negative", "1sz? 反话", "小审")


async def test_edited_comment_is_shown_again_with_its_new_text(visits: Visits) -> None:
    site = visits.site
    await fill(site, "edited", 3)
    visits.allow("409")
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=edited")
    await wait_for_text(page, "edited 的第 0 条")
    await site.feed.send(
        arrival("0", "完全改过的话", created=0, edited=50, platform="edited", label=Label.NEGATIVE, probability=0.4)
    )
    await page.keyboard.press("1")
    await wait_for_text(page, "edited 的第 1 条")
    await expect(page.locator("#message")).to_contain_text("判断没有保存")
    await shot(page, "review-edited")
    # The comment comes next as soon as it is leased again.
    await wait_until_stored(page)
    await page.keyboard.press("Enter")
    await wait_for_text(page, "完全改过的话")
    await expect(page.locator("#edited")).to_be_visible()
    assert await label(site, "edited", "0") == ("negative", "active_model")
    await page.keyboard.press("3")
    await wait_for_text(page, "edited 的第 2 条")
    await wait_until_stored(page)
    assert await label(site, "edited", "0") == ("unclear", "review")
    await expect(page.locator("#done-today")).to_have_text(str(await count_done(page)))


async def test_empty_queue_gives_advice(visits: Visits) -> None:
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=empty")
    await expect(page.locator("#nothing").get_by_text("没有符合筛选条件的待审核评论")).to_be_visible()
    await shot(page, "review-empty")
    await check_accessibility(page)
    await fill(visits.site, "empty", 1)
    await page.get_by_role("button", name="刷新队列").click()
    await wait_for_text(page, "empty 的第 0 条")


async def test_invalid_filter_is_explained(visits: Visits) -> None:
    page = await visits.open(Role.REVIEWER, "/admin/review?probability_from=2&platform=GROSS")
    await expect(page.get_by_text("请填写 0 到 1 之间的数，上限不低于下限。")).to_be_visible()
    await expect(page.get_by_text("平台名只含小写字母、数字、_ 和 -。")).to_be_visible()


async def test_review_page_escapes_markup(visits: Visits) -> None:
    site = visits.site
    text = f"{MARKUP} <script>alert(2)</script>"
    await site.feed.send(
        arrival(
            "<b>1</b>/../x",
            text,
            platform="markup",
            author="<i>李</i>",
            thread="<u>帖</u>",
            uncertain=True,
            probability=0.5,
        ),
        arrival("2", f"又：{text}", created=1, platform="markup", author="<i>李</i>", thread="<u>帖</u>"),
    )
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=markup&text=%3Cscript")
    await wait_for_text(page, text)
    await expect(page.locator("#meta")).to_contain_text("<i>李</i>")
    await expect(page.locator("#meta")).to_contain_text("<u>帖</u>")
    await expect(page.locator("#thread")).to_contain_text(text)
    await expect(page.locator("#legend")).to_be_visible()
    assert await page.locator("#text").text_content() == text
    assert await page.locator("#task img, #task b, #task i, #task u, #task script").count() == 0


async def test_review_page_in_english(visits: Visits) -> None:
    await fill(visits.site, "english", 1)
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=english", language="en-GB")
    await wait_for_text(page, "english 的第 0 条")
    await expect(page.get_by_role("button", name="Accept the model's label: Positive")).to_be_visible()
    await shot(page, "review-english")


async def test_buttons_stay_visible_below_a_long_comment(visits: Visits) -> None:
    await visits.site.feed.send(
        arrival("1", "这家店我去了三次，每次都不一样。" * 150, platform="long", probability=0.5, uncertain=True)
    )
    page = await visits.open(Role.REVIEWER, "/admin/review?platform=long", size=NARROW)
    await wait_for_text(page, "这家店我去了三次")
    await expect(page.locator("#accept")).to_be_in_viewport(ratio=1)
    await page.screenshot(path=PICTURES / "review-long-narrow.png")
