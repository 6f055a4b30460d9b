"""Tests of what all pages share: the dark theme, the focus ring, the landmarks and invisible characters."""

import re

import pytest
from playwright.async_api import Page, expect

from api.identity.roles import Role
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot
from tests.store.feed import arrival

pytestmark = pytest.mark.timeout(120)
PAGES = (
    *("/admin/", "/admin/review", "/admin/comments", "/admin/detect", "/admin/analytics", "/admin/dead-letters"),
    *("/admin/users", "/admin/audit", "/admin/account"),
)


def luminance(colour: str) -> float:
    """Return the relative luminance of an opaque CSS colour, as WCAG defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("path", PAGES)
async def test_dark_theme_follows_the_system(visits: Visits, path: str) -> None:
    page = await visits.open(Role.ADMIN, path)
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    await page.emulate_media(color_scheme="dark")
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    await page.wait_for_load_state("networkidle")
    await shot(page, f"dark-{path.removeprefix('/admin/') or 'home'}")
    await check_accessibility(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_focus_ring_is_visible_in_the_sidebar(visits: Visits, scheme: str) -> None:
    page = await visits.open(Role.ADMIN)
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    link = page.locator("aside .nav-link").nth(1)
    await link.focus()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Tab")
    ring = await link.evaluate("one => getComputedStyle(one).outlineColor")
    behind = await page.locator("aside").evaluate("one => getComputedStyle(one).backgroundColor")
    assert contrast(ring, behind) >= 3


async def test_heading_is_in_main(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN, "/admin/users")
    await expect(page.get_by_role("main").get_by_role("heading", level=1)).to_have_text("账号管理")


async def controls(page: Page, selector: str) -> list[str | None]:
    marks = page.locator(f"{selector} .bidi-control")
    await expect(marks.first).to_be_visible()
    return [await mark.get_attribute("data-name") for mark in await marks.all()]


async def test_bidirectional_controls_are_visible(visits: Visits) -> None:
    text = "退款\u202e很快\u2066。"
    await visits.site.feed.send(arrival("bidi", text, platform="bidi"))
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=bidi")
    assert await controls(page, ".comment-text") == ["U+202E", "U+2066"]
    assert await page.locator(".comment-text").evaluate("one => one.textContent") == text
    await shot(page, "bidi")
    await page.goto("/admin/comments/bidi/bidi")
    assert (await controls(page, "main"))[:2] == ["U+202E", "U+2066"]
