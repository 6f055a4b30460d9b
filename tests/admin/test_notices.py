"""Tests of notices: administrators write, preview, schedule, pin, withdraw and delete them; users read them."""

import pytest
from playwright.async_api import Dialog, Page, expect

from api.identity.roles import Role
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot

pytestmark = pytest.mark.timeout(120)
BODY = """周六 **22:00** 起停机一小时。

- [详情](https://example.org/plan)
- <script>alert(1)</script> <img src=x onerror=alert(2)>
- [陷阱](javascript:alert(3))
- ![图](https://example.org/picture.png)
"""


async def write(page: Page, title: str, body: str = "", **times: str) -> None:
    """Save a new notice with the form."""
    await page.goto("/admin/notices/new")
    await page.get_by_label("标题").fill(title)
    await page.get_by_label("正文").fill(body)
    for label, value in times.items():
        await page.get_by_label(label).fill(value)
    await page.get_by_role("button", name="保存").click()
    await page.wait_for_url("**/admin/notices")


async def test_notice_is_previewed_saved_withdrawn_restored_and_deleted(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN, "/admin/notices")
    await check_accessibility(page)
    await shot(page, "notices-empty")
    await page.get_by_role("link", name="发布第一条公告").click()
    await page.get_by_label("标题").fill("维护 <b>通知</b>")
    await page.get_by_label("正文").fill(BODY)
    await page.get_by_role("button", name="预览").click()
    preview = page.get_by_role("region", name="预览")
    await expect(preview).to_contain_text("<script>alert(1)</script>")
    assert await preview.locator("img, script, b").count() == 0
    assert await preview.locator("a").evaluate_all("links => links.map(link => link.href)") == [
        "https://example.org/plan",
        "https://example.org/picture.png",
    ]
    await shot(page, "notice-form")
    await check_accessibility(page)
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("alert")).to_contain_text("公告已保存")
    await shot(page, "notices")
    await check_accessibility(page)

    reader = await visits.open(Role.USER)
    await expect(reader.get_by_role("heading", name="维护 <b>通知</b>")).to_be_visible()
    await expect(reader.locator(".markdown strong")).to_have_text("22:00")
    await shot(reader, "home-notice")
    await check_accessibility(reader)

    await page.get_by_role("button", name="撤回: 维护").click()
    await expect(page.get_by_role("row").filter(has_text="维护")).to_contain_text("已撤回")
    await reader.reload()
    await expect(reader.get_by_text("没有公告")).to_be_visible()
    await page.get_by_role("button", name="恢复: 维护").click()
    await expect(page.get_by_role("row").filter(has_text="维护")).to_contain_text("显示中")

    async def refuse(dialog: Dialog) -> None:
        await dialog.dismiss()

    page.once("dialog", refuse)
    await page.get_by_role("button", name="删除: 维护").click()
    await expect(page.get_by_role("row").filter(has_text="维护")).to_be_visible()

    async def accept(dialog: Dialog) -> None:
        assert dialog.message == "永久删除这条公告？"
        await dialog.accept()

    page.once("dialog", accept)
    await page.get_by_role("button", name="删除: 维护").click()
    await expect(page.get_by_role("alert")).to_contain_text("公告已删除")
    await expect(page.get_by_text("还没有公告")).to_be_visible()


async def test_scheduled_notice_is_hidden_and_pinned_one_comes_first(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN)
    await write(page, "先发布的", "一")
    await write(page, "后发布的", "二")
    await write(page, "明年的", "三", 开始显示="2099-01-01T08:00")
    await expect(page.get_by_role("row").filter(has_text="明年的")).to_contain_text("待显示")
    await expect(page.get_by_role("row").filter(has_text="明年的").locator("time").first).to_have_attribute(
        "datetime", "2099-01-01T00:00:00+00:00"
    )
    await page.get_by_role("link", name="先发布的").click()
    await page.get_by_label("置顶显示").check()
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("row").filter(has_text="先发布的")).to_contain_text("置顶")
    reader = await visits.open(Role.USER)
    shown = await reader.locator("section h2").all_inner_texts()
    assert [title for title in shown if title.endswith("发布的")] == ["先发布的", "后发布的"]
    assert "明年的" not in shown


async def test_errors_are_shown_at_the_field_and_the_form_is_kept(visits: Visits) -> None:
    visits.allow("status of 422")
    page = await visits.open(Role.ADMIN, "/admin/notices/new")
    await page.get_by_label("标题").fill("倒过来的")
    await page.locator("#body").fill("写了很久")
    await page.get_by_label("开始显示").fill("2030-01-02T00:00")
    await page.get_by_label("结束显示").fill("2030-01-01T00:00")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#ends_at-error")).to_have_text("结束时间必须晚于开始时间。")
    await expect(page.locator("#body")).to_have_value("写了很久")
    await shot(page, "notice-error")
    await check_accessibility(page)
