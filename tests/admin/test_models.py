"""Tests of the models page: list, activation after a confirmation, and the warning about another loaded model."""

import pytest
from playwright.async_api import Dialog, expect
from sqlalchemy import update

from api.identity.roles import Role
from store.models import read_active, register_model
from store.tables import models
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot

pytestmark = pytest.mark.timeout(120)


async def test_model_is_activated_after_confirmation(visits: Visits) -> None:
    store = visits.site.store
    first = visits.site.feed.model
    second = await register_model(store, "b" * 64, "<b>新模型</b>", 0.2, 0.8)
    page = await visits.open(Role.ADMIN, "/admin/models")
    old, new = page.get_by_role("row").filter(has_text=first.name), page.get_by_role("row").filter(has_text="<b>新模型")
    await expect(page.locator("#other-model")).to_have_count(0)
    await expect(old).to_contain_text("已启用")
    await expect(old).to_contain_text("本服务已加载")
    await expect(new).to_contain_text("0.200 – 0.800")
    await shot(page, "models")
    await check_accessibility(page)

    questions: list[str] = []

    async def answer(dialog: Dialog) -> None:
        questions.append(dialog.message)
        await (dialog.dismiss() if len(questions) == 1 else dialog.accept())

    page.on("dialog", answer)
    await new.get_by_role("button", name="启用").click()
    assert await store.read(read_active) == first
    await new.get_by_role("button", name="启用").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("<b>新模型</b> 已启用")
    assert len(questions) == 2
    assert questions[0].startswith("从现在起在各处显示 <b>新模型</b> 的标签？")
    active = await store.read(read_active)
    assert active is not None
    assert active.number == second.number
    # The server keeps its loaded model, and pages say so until it is restarted.
    warning = page.locator("#other-model")
    await expect(warning).to_contain_text(f"本服务启动时加载的模型 {visits.site.services.predictor.name}")
    await expect(warning).to_contain_text("已启用模型 <b>新模型</b> 的标签")
    await expect(warning).to_contain_text("liuyan api serve")
    await expect(warning).to_contain_text("b" * 12)
    await shot(page, "models-other")
    await check_accessibility(page)
    await page.goto("/admin/detect")
    await expect(warning).to_contain_text("LIUYAN_MODELS_DIR")
    await shot(page, "detect-other-model")
    await check_accessibility(page)
    user = await visits.open(Role.USER, "/admin/detect")
    await expect(user.locator("#other-model")).to_contain_text("管理员重新启动服务后")
    await expect(user.locator("#other-model")).not_to_contain_text("LIUYAN_MODELS_DIR")
    async with store.writing() as session:
        await session.connection.execute(update(models).values(active=None))
    await user.reload()
    await expect(user.locator("#other-model")).to_have_count(0)
