"""Tests of the models page: list, promotion after a confirmation, rollback, and the warning about a loaded model."""

import re

import pytest
from playwright.async_api import Dialog, Page, expect

from api.identity.roles import Role
from store.audit import Actor
from store.batch import Label
from store.models import read_active, register_model
from store.promotion import retire_model
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot
from tests.store.feed import arrival, feed_of

FILES = {"SHA256SUMS": b"sums"}
pytestmark = pytest.mark.timeout(120)


async def test_a_model_is_promoted_after_a_confirmation(visits: Visits) -> None:
    store, feed = visits.site.store, visits.site.feed
    first = feed.model
    second = await register_model(store, "b" * 64, "<b>新模型</b>", 0.2, 0.8, files=FILES)
    other = await feed_of(store, "b" * 64)
    other.offset = feed.offset
    await other.send(
        arrival("promoted-1", label=Label.NEGATIVE, probability=0.1), arrival("promoted-2", uncertain=True)
    )
    feed.offset = other.offset
    await feed.send(arrival("promoted-1"), arrival("promoted-2", uncertain=True))
    retired = await register_model(store, "e" * 64, "旧模型", 0.2, 0.8, files=FILES)
    await store.write(retire_model, Actor(7, "wang", "session", None), retired.number)
    await register_model(store, "f" * 64, "未登记", 0.2, 0.8)
    page = await visits.open(Role.ADMIN, "/admin/models")
    old, new = (page.get_by_role("row").filter(has_text=name) for name in (first.name, "<b>新模型"))
    await expect(page.locator("#other-model")).to_have_count(0)
    await expect(old).to_contain_text("已启用")
    await expect(old).to_contain_text("本服务已加载")
    await expect(new).to_contain_text("0.200 – 0.800")
    await expect(new).to_contain_text("暂无数据")
    link = new.get_by_role("link", name="开始比较: <b>新模型</b>")
    await expect(link).to_have_attribute("href", re.compile(f"old={first.number}&new={second.number}$"))
    await expect(new).to_contain_text(re.compile(r"\d+\.\d\d%\s*缺 [\d,]+ 条"))
    await expect(page.get_by_role("row").filter(has_text="旧模型")).to_contain_text("已停用")
    await expect(page.get_by_role("row").filter(has_text="未登记")).to_contain_text("缺少模型文件")
    await expect(page.get_by_role("link", name=re.compile("^启用"))).to_have_count(1)
    await shot(page, "models")
    await check_accessibility(page)

    await new.get_by_role("link", name=re.compile("^启用")).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("启用 <b>新模型</b>")
    await expect(page.locator("#flips")).to_contain_text(
        "最新 2 条评论中，1 条的标签会改变：0 条变为正面，1 条变为负面"
    )
    await expect(page.locator("#missing")).to_contain_text("将保留其他模型的标签")
    await shot(page, "promotion")
    await check_accessibility(page)
    await page.get_by_role("button", name="启用").click()  # The browser asks for the check box first.
    assert await store.read(read_active) == first
    await page.get_by_label("尚未标注全部评论，仍要启用").check()
    await page.get_by_role("button", name="启用").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("<b>新模型</b> 已启用")
    active = await store.read(read_active)
    assert active is not None
    assert active.number == second.number
    await _charts_state_what_is_unlabelled(page)
    await _server_with_another_model(visits, page)
    await _roll_back(visits, page)


async def _charts_state_what_is_unlabelled(page: Page) -> None:
    """The new model has labelled two comments of many."""
    await page.goto("/admin/analytics?range=all")
    await expect(page.locator("#unlabelled")).to_contain_text("尚未由已启用的模型标注")
    await shot(page, "analytics-unlabelled")
    await check_accessibility(page)
    await page.goto("/admin/review")
    await expect(page.locator("#unlabelled")).to_contain_text("尚未由已启用的模型标注")
    await shot(page, "review-unlabelled")
    await check_accessibility(page)
    await page.goto("/admin/audit?object_kind=model")
    await expect(page.get_by_role("row").filter(has_text="启用模型")).to_have_count(1)
    await expect(page.get_by_role("row").filter(has_text="停用模型")).to_have_count(1)
    await page.goto("/admin/models")


async def _roll_back(visits: Visits, page: Page) -> None:
    """The button appears once the previous model has an artifact, and asks."""
    store, first = visits.site.store, visits.site.feed.model
    await page.goto("/admin/models")
    await expect(page.get_by_role("button", name="回退")).to_have_count(0)
    await register_model(store, first.sha256, first.name, 0.3, 0.7, files=FILES)
    await page.reload()
    await shot(page, "models-previous")
    await check_accessibility(page)
    questions: list[str] = []

    async def answer(dialog: Dialog) -> None:
        questions.append(dialog.message)
        await (dialog.dismiss() if len(questions) == 1 else dialog.accept())

    page.on("dialog", answer)
    await page.get_by_role("button", name="回退").click()
    await page.get_by_role("button", name="回退").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text(f"{first.name} 已启用")
    assert questions == [f"确定回退到 {first.name} 吗？启用后新存入或编辑过的评论将由它在后台标注。"] * 2
    assert (await store.read(read_active)) == first


async def _server_with_another_model(visits: Visits, page: Page) -> None:
    # The server has not loaded the active model yet, and pages say so.
    warning = page.locator("#other-model")
    await expect(warning).to_contain_text(f"检测暂时仍使用模型 {visits.site.services.predictor.model.name}")
    await expect(warning).to_contain_text("已启用模型 <b>新模型</b> 的标签")
    await expect(warning).to_contain_text("正在后台加载")
    await shot(page, "models-other")
    await check_accessibility(page)
    await page.goto("/admin/detect")
    await expect(warning).to_contain_text("正在后台加载")
    await shot(page, "detect-other-model")
    await check_accessibility(page)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_confirmation_states_what_stands_against_a_promotion(visits: Visits, language: str) -> None:
    store = visits.site.store
    lost = await register_model(store, "c" * 64, "lost", 0.2, 0.8)
    page = await visits.open(Role.ADMIN, f"/admin/models/{lost.number}/promote", language=language)
    words = {"zh": "数据库中没有该模型的文件", "en": "The model's artifact is not in the database."}
    await expect(page.locator("main")).to_contain_text(words[language])
    await expect(page.locator("main form")).to_have_count(0)
    await page.goto(f"/admin/models/{visits.site.feed.model.number}/promote")
    words = {"zh": "该模型已启用", "en": "This model is already active."}
    await expect(page.locator("main")).to_contain_text(words[language])
    await shot(page, f"promotion-{language}")
    missing = await page.request.get(f"{visits.site.url}/admin/models/999999/promote")
    assert missing.status == 404
