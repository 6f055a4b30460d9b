"""Screenshots of a page at desktop and phone width, and accessibility checks with axe."""

from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize

PICTURES = Path(__file__).parent.parent.parent / "build" / "screenshots"
WIDE = ViewportSize(width=1280, height=900)
# A window of 1280 x 900 at 200 %.
ENLARGED = ViewportSize(width=640, height=450)
NARROW = ViewportSize(width=390, height=844)
NO_MOTION = "*, *::before, *::after { transition: none !important; animation: none !important }"


async def shot(page: Page, name: str) -> None:
    """Save screenshots of the whole page at desktop and phone width as NAME-wide.png and NAME-narrow.png.

    Fail if the page is wider than the phone.
    """
    PICTURES.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for size, word in ((WIDE, "wide"), (NARROW, "narrow")):
        await page.set_viewport_size(size)
        await page.screenshot(path=PICTURES / f"{name}-{word}.png", full_page=True, animations="disabled")
    width = await page.evaluate("document.documentElement.scrollWidth")
    await page.set_viewport_size(before or WIDE)
    assert width <= NARROW["width"], f"{name} is {width} pixels wide on a phone"


async def check_accessibility(page: Page) -> None:
    """Fail on violations that axe rates serious or critical, and list their elements."""
    await page.add_style_tag(content=NO_MOTION)  # A text that is still fading in lacks contrast.
    found = (await Axe().run(page)).response["violations"]
    violations = [
        f"{one['id']}: {one['help']}: {node['html']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert not violations, "\n".join(violations)
