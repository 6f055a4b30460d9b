"""The detection page, as people use it: one comment, and thousands in a file."""

import csv
import io
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from liuyan.api.identity.roles import Role
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot

pytestmark = pytest.mark.timeout(120)
PATH = "/admin/detect"
GOOD = "物流很快，服务也好，下次还来 👍"
BAD = "太差了，再也不来"
MARKUP = "<img src=x onerror=alert(1)>很好"


async def test_one_comment_is_labelled_and_explained(visits: Visits) -> None:
    page = await visits.open(Role.USER, PATH)
    await shot(page, "detect-empty")
    await page.get_by_label("评论", exact=True).fill(GOOD)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#one-label")).to_have_text("正面")
    await expect(page.locator("#one-probability")).to_contain_text("%")
    assert await page.locator("#one-words").text_content() == GOOD
    marked = await page.locator("#one-words .word-positive").all_text_contents()
    assert "很快" in "".join(marked)
    await shot(page, "detect-one")
    await check_accessibility(page)
