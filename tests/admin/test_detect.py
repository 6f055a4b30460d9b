"""Tests of the detection page, with one comment and with thousands in a file."""

import asyncio
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Page, expect
from sqlalchemy import func, select

from api.identity.roles import Role
from liuyan.text_files import workbook
from store.admin_tables import metadata
from store.tables import outbox, pending_reviews
from tests.admin.conftest import Site, Visits
from tests.admin.looking import NARROW, check_accessibility, shot

pytestmark = pytest.mark.timeout(120)
PATH = "/admin/detect"
GOOD = "物流很快，服务也好，下次还来 👍"
BAD = "太差了，再也不来"
MARKUP = "<img src=x onerror=alert(1)>很好"
# Simulates dropping a file on the page.
DROP = """({name, text}) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name, {type: "text/csv"}));
    document.getElementById("many-drop").dispatchEvent(
        new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


async def counts(site: Site) -> dict[str, int]:
    """Return the number of rows of each table, except sessions."""
    async with site.store.reading() as connection:
        return {
            table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in metadata.sorted_tables
            if table.name != "sessions"
        }


async def ask(page: Page, text: str) -> None:
    await page.get_by_label("评论", exact=True).fill(text)
    await page.get_by_role("button", name="检测", exact=True).click()


async def test_one_comment_is_labelled_and_explained(visits: Visits, site: Site) -> None:
    before = await counts(site)
    page = await visits.open(Role.USER, PATH)
    await shot(page, "detect-empty")
    await page.get_by_label("评论", exact=True).fill(GOOD)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#one-label")).to_have_text("正面")
    await expect(page.locator("#one-probability")).to_contain_text("%")
    assert await page.locator("#one-words").text_content() == GOOD
    assert "很快" in "".join(await page.locator("#one-words .word-positive").all_text_contents())
    await page.get_by_text("以表格查看各词").click()
    await expect(page.locator("#one-table")).to_contain_text("👍")
    await shot(page, "detect-one")
    await check_accessibility(page)
    assert await counts(site) == before


async def test_uncertain_prediction_is_marked_and_markup_escaped(visits: Visits) -> None:
    page = await visits.open(Role.USER, PATH)
    await ask(page, "还行吧，说不上好也说不上坏")
    await expect(page.locator("#one-doubt")).to_be_visible()
    await expect(page.locator("#one-label")).to_have_text(re.compile("^不确定（偏[正负]面）$"))
    await ask(page, MARKUP)
    await expect(page.locator("#one-words")).to_have_text(MARKUP)
    assert await page.locator("#one-words img").count() == 0


async def test_wrong_prediction_is_stored_with_the_right_label(visits: Visits, site: Site) -> None:
    page = await visits.open(Role.USER, PATH)
    await ask(page, BAD)
    await expect(page.locator("#one-label")).to_have_text("负面")
    await page.get_by_role("button", name="不对").press("Enter")
    # The choices exclude the model's label, and the first one has the focus.
    await expect(page.get_by_role("group", name="正确的标签是哪个").get_by_role("button")).to_have_text(
        ["正面", "不明确", "垃圾信息"]
    )
    await shot(page, "detect-wrong")
    await page.keyboard.press("Enter")
    await expect(page.locator("#one-kept")).to_contain_text("“正面”")
    await expect(page.get_by_role("button", name="不对")).to_be_disabled()
    await check_accessibility(page)
    async with site.store.reading() as connection:
        [pending] = await connection.execute(select(pending_reviews))
        [message] = await connection.execute(select(outbox))
    assert (pending.label, pending.reviewer) == ("positive", "小用")
    assert BAD.encode() in message.value


def csv_file(texts: Sequence[str], name: str = "评论.csv") -> FilePayload:
    """Return a CSV file in the encoding of Chinese spreadsheets."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(["id", "text"])
    writer.writerows(enumerate(texts))
    return {"name": name, "mimeType": "text/csv", "buffer": written.getvalue().encode("gb18030")}


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as downloaded:
        return list(csv.DictReader(downloaded))


async def test_five_thousand_lines_with_progress_and_download(visits: Visits) -> None:
    texts = [f'{(GOOD, BAD)[number % 2]}，第{number}"条"' for number in range(4_999)] + [MARKUP]
    file = csv_file(texts, "<b>评论<b>.csv")
    page = await visits.open(Role.USER, PATH)
    await page.set_input_files("#many-file", file)
    await expect(page.locator("#many-name-words")).to_have_text("<b>评论<b>.csv")
    await page.evaluate(
        """() => { window.seen = [];
        new MutationObserver(() => window.seen.push(document.getElementById("many-bar").value))
            .observe(document.getElementById("many-bar"), {attributes: true}); }"""
    )
    await page.get_by_role("button", name="全部检测").click()
    await expect(page.locator("#many-done")).to_have_text("5000 条评论已全部检测。", timeout=60_000)
    seen = await page.evaluate("window.seen")
    assert len({value for value in seen if 0 < value < 5_000}) > 3
    await expect(page.locator("#many-summary")).to_contain_text("正面 2501 条 · 负面 2499 条")
    assert await page.locator("#many-rows tr").count() == 100
    async with page.expect_download() as started:
        await page.get_by_role("button", name="下载 CSV").click()
    rows = read_csv(await (await started.value).path())
    assert [row["text"] for row in rows] == texts
    assert [row["label"] for row in rows[:2]] == ["positive", "negative"]
    assert set(rows[0]) == {"id", "text", "label", "probability_positive", "uncertain"}
    await shot(page, "detect-many")
    await check_accessibility(page)


async def test_uncertain_predictions_count_separately(visits: Visits) -> None:
    page = await visits.open(Role.USER, PATH)
    await page.get_by_label("每行一条评论").fill(f"{GOOD}\n还行吧，说不上好也说不上坏\n{BAD}")
    await page.get_by_role("button", name="全部检测").click()
    await expect(page.locator("#many-summary")).to_have_text("正面 1 条 · 负面 1 条 · 不确定 1 条")
    leaning = page.locator("#many-rows tr").nth(1).locator("td").nth(2)
    await expect(leaning).to_have_text(re.compile("^不确定（偏[正负]面）$"))
    for choice in ("positive", "uncertain", "negative"):
        await page.get_by_label("显示", exact=True).select_option(choice)
        await expect(page.locator("#many-rows tr")).to_have_count(1)
    async with page.expect_download() as started:
        await page.get_by_role("button", name="下载 CSV").click()
    rows = read_csv(await (await started.value).path())
    assert [row["uncertain"] for row in rows] == ["false", "true", "false"]


async def test_table_filters_rows_and_opens_a_text(visits: Visits) -> None:
    page = await visits.open(Role.USER, PATH, size=NARROW)
    lines = [GOOD] * 120 + [MARKUP, BAD]
    await page.get_by_label("每行一条评论").fill("\n".join(lines))
    await page.get_by_role("button", name="全部检测").click()
    await expect(page.locator("#many-shown")).to_have_text("已显示 100 / 122 条")
    await page.get_by_role("button", name="显示更多").click()
    await expect(page.locator("#many-rows tr")).to_have_count(122)
    await expect(page.locator("#many-rows tr").nth(120)).to_contain_text(MARKUP)
    await page.get_by_label("显示", exact=True).select_option("negative")
    await expect(page.locator("#many-rows tr")).to_have_count(1)
    await page.get_by_role("button", name="逐词分析第 122 行").click()
    await expect(page.locator("#one-label")).to_have_text("负面")
    await expect(page.locator("#one-text")).to_have_value(BAD)


async def test_dropped_file_is_labelled_and_an_invalid_one_reports_why(visits: Visits) -> None:
    visits.allow("422")
    page = await visits.open(Role.USER, PATH)
    await page.evaluate(DROP, {"name": "评论.csv", "text": f"编号,text\n1,{GOOD}\n"})
    await expect(page.locator("#many-name-words")).to_have_text("评论.csv")
    await page.get_by_role("button", name="全部检测").click()
    await expect(page.locator("#many-rows tr")).to_have_count(1)
    missed = """() => document.body.dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true}))"""
    assert not await page.evaluate(missed), "the browser would open the file instead of the page"
    await page.evaluate(DROP, {"name": "坏.csv", "text": 'text\n"没有结尾的引号\n'})
    # Without a click: the first rows are shown as soon as the file is chosen.
    await expect(page.locator("#many-trouble")).to_contain_text("第 2 行开始的引号没有结束")
    await check_accessibility(page)
    await page.get_by_role("button", name="移除").click()
    await expect(page.locator("#many-name")).to_be_hidden()


async def test_column_is_reported_and_can_be_chosen(visits: Visits) -> None:
    visits.allow("422")
    page = await visits.open(Role.USER, PATH)
    await expect(page.locator("#many-columns")).to_be_hidden()
    await page.evaluate(DROP, {"name": "评论.csv", "text": f"序号,评论内容,备注\n1,{GOOD},{BAD}\n"})
    detect = page.get_by_role("button", name="全部检测")
    # The columns and the first rows are shown before anything is labelled.
    await expect(page.get_by_label("评论所在的列")).to_have_value("2")
    await expect(page.locator("#many-preview")).to_contain_text(GOOD)
    await detect.click()
    await expect(page.locator("#many-layout")).to_have_text(
        "已读取第 2 列“评论内容”，首行为表头。编码：UTF-8。分隔符：逗号。"
    )
    await page.get_by_label("评论所在的列").select_option("备注")
    await detect.click()
    await expect(page.locator("#many-layout")).to_contain_text("第 3 列“备注”")
    await expect(page.locator("#many-rows")).to_contain_text(BAD)
    await shot(page, "detect-column")
    await check_accessibility(page)
    await page.evaluate(DROP, {"name": "数字.csv", "text": "a,b\n1,2\n"})
    await expect(page.locator("#many-columns")).to_be_visible()
    await expect(page.get_by_label("评论所在的列")).to_have_value("")
    await detect.click()
    await expect(page.locator("#many-trouble")).to_have_text("请选择评论所在的列。")
    await page.get_by_label("评论所在的列").select_option("b")
    await detect.click()
    await expect(page.locator("#many-layout")).to_contain_text("第 2 列“b”")
    await page.evaluate(DROP, {"name": "空行.csv", "text": f"text\n{GOOD}\n \n"})
    await detect.click()
    await expect(page.locator("#many-layout")).to_have_text(
        "已读取第 1 列“text”，首行为表头。编码：UTF-8。没有文本、未检测的行：1。"
    )
    await page.get_by_role("button", name="移除").click()
    await page.get_by_label("每行一条评论").fill(GOOD)
    await detect.click()
    await expect(page.locator("#many-layout")).to_have_text("已将每行读作一条评论。编码：UTF-8。")
    await page.evaluate(DROP, {"name": "评论.jsonl", "text": f'{{"text":"{GOOD}"}}\n'})
    await detect.click()
    await expect(page.locator("#many-layout")).to_have_text("已读取字段“text”。编码：UTF-8。")


async def test_workbook_is_labelled_and_results_keep_its_columns(visits: Visits, tmp_path: Path) -> None:
    page = await visits.open(Role.USER, PATH)
    content = workbook.workbook_of([["编号", "评论内容", "=评分"], ["1", GOOD, 5], ["2", BAD, 1]])
    file = tmp_path / "评论.xlsx"
    file.write_bytes(content)
    await page.set_input_files("#many-file", file)
    await expect(page.get_by_label("评论所在的列")).to_have_value("2")
    await shot(page, "detect-preview")
    await check_accessibility(page)
    await page.get_by_role("button", name="全部检测").click()
    await expect(page.locator("#many-rows tr")).to_have_count(2)
    async with page.expect_download() as started:
        await page.get_by_role("button", name="下载 Excel").click()
    downloaded = workbook.csv_of((await (await started.value).path()).read_bytes()).decode().splitlines()
    assert downloaded[0] == "编号,评论内容,=评分,标签,正面概率,不确定"
    assert downloaded[1].startswith(f"1,{GOOD},5,正面,0.")
    async with page.expect_download() as started:
        await page.get_by_role("button", name="下载 CSV").click()
    rows = read_csv(await (await started.value).path())
    assert [row["评论内容"] for row in rows] == [GOOD, BAD]
    # The back button finds the results again.
    await page.goto("/admin/account")
    await page.go_back()
    await expect(page.locator("#many-rows tr")).to_have_count(2)


async def test_long_file_is_cancelled_and_does_not_block_others(visits: Visits) -> None:
    page, other = await visits.open(Role.USER, PATH), await visits.open(Role.REVIEWER, PATH)
    await page.set_input_files("#many-file", csv_file([f"{GOOD * 20}{number}" for number in range(5_000)]))
    await page.get_by_role("button", name="全部检测").click()
    await expect(page.get_by_role("button", name="取消")).to_be_visible()
    async with asyncio.timeout(5):
        await ask(other, BAD)
        await expect(other.locator("#one-label")).to_have_text("负面")
    await page.get_by_role("button", name="取消").click()
    await expect(page.locator("#many-done")).to_contain_text("已取消")
    await expect(page.get_by_role("button", name="全部检测")).to_be_enabled()


async def test_in_english(visits: Visits) -> None:
    page = await visits.open(Role.USER, PATH, language="en-US")
    await page.get_by_label("Comment", exact=True).fill(GOOD)
    await page.get_by_role("button", name="Detect", exact=True).click()
    await expect(page.locator("#one-label")).to_have_text("Positive")
    await shot(page, "detect-english")
