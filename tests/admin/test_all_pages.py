"""Every page at four sizes of window, in both languages and both themes: nothing overflows, axe finds nothing serious.

The pictures are in build/screenshots/pages, to be looked at.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize

from api.identity.roles import Role
from api.identity.secrets import digest_of, new_token
from registry.compare import Worker, work_on_comparison
from store.audit import Actor
from store.batch import Label
from store.comments import ShownLabel
from store.comparisons import ComparisonOrder, order_comparison
from store.notices import NoticeText, add_notice
from store.reviews import Opinion, add_review
from store.tokens import add_token
from tests.admin.conftest import Site, Visits
from tests.admin.looking import ENLARGED, NARROW, PICTURES, WIDE, check_accessibility
from tests.registry.two_models import two_models
from tests.store.feed import START, arrival, dead_letter, microseconds, minutes

FOLDER = PICTURES / "pages"
LAPTOP = ViewportSize(width=1366, height=650)
SIZES = MappingProxyType({"wide": WIDE, "laptop": LAPTOP, "enlarged": ENLARGED, "narrow": NARROW})
SMALL = MappingProxyType({"enlarged": ENLARGED, "narrow": NARROW})
ADMIN = Actor(1, "小管", "session", None)
REASONS = ("invalid_field", "not_json", "platform_not_allowed", "missing_key", "refused_by_database")
# By name, the account that opens each page; the platform's account is added to the roles below.
PAGES: dict[str, tuple[Role | None, str]] = {
    "home": (Role.ADMIN, "/"),
    "home-reviewer": (Role.REVIEWER, "/"),
    "home-user": (Role.USER, "/"),
    "home-platform": (Role.PLATFORM, "/"),
    "review": (Role.REVIEWER, "/review"),
    "comments": (Role.REVIEWER, "/comments"),
    "comments-filtered": (Role.REVIEWER, "/comments?text=退&label=negative&created_from=2026-01-01T00:00"),
    "comment": (Role.REVIEWER, "/comments/forum/praise-0"),
    "reviews": (Role.REVIEWER, "/reviews"),
    "detect": (Role.USER, "/detect"),
    "analytics": (Role.REVIEWER, "/analytics?range=all"),
    "analytics-user": (Role.USER, "/analytics?range=all"),
    "platforms": (Role.ADMIN, "/platforms"),
    "platform": (Role.PLATFORM, "/platforms/forum"),
    "platform-empty": (Role.ADMIN, "/platforms/nowhere"),
    "notices": (Role.ADMIN, "/notices"),
    "notice-new": (Role.ADMIN, "/notices/new"),
    "notice": (Role.ADMIN, "/notices/1"),
    "dead-letters": (Role.ADMIN, "/dead-letters"),
    "dead-letter": (Role.ADMIN, "/dead-letters/1"),
    "models": (Role.ADMIN, "/models"),
    "promotion": (Role.ADMIN, "/models/3/promote"),
    "comparisons": (Role.ADMIN, "/models/comparisons"),
    "comparison": (Role.ADMIN, "/models/comparisons/1"),
    "users": (Role.ADMIN, "/users"),
    "user-new": (Role.ADMIN, "/users/new"),
    "user": (Role.ADMIN, "/users/1"),
    "privacy": (Role.ADMIN, "/privacy"),
    "audit": (Role.ADMIN, "/audit"),
    "account": (Role.ADMIN, "/account"),
    "account-platform": (Role.PLATFORM, "/account"),
    "second-factor": (Role.USER, "/second-factor"),
    "password": (Role.USER, "/password"),
    "confirm": (Role.USER, "/confirm"),
    "forbidden": (Role.USER, "/users"),
    "login": (None, "/login"),
    "sign-up": (None, "/sign-up"),
}
# The widest element of a page that is wider than its window, and texts whose characters are stacked or cut off.
FAULTS = """() => {
  const found = [], width = document.documentElement.clientWidth;
  const name = (one) => `${one.tagName}.${one.className} "${(one.textContent || "").trim().slice(0, 40)}"`;
  if (document.documentElement.scrollWidth > width) {
    const all = [...document.querySelectorAll("body *")];
    const wide = all.filter((one) => one.getBoundingClientRect().right > width + 1);
    found.push(`wider than the window: ${wide.slice(-3).map(name).join("; ")}`);
  }
  const hidden = ".visually-hidden, .js-plotly-plot, svg, dialog:not([open])";
  for (const one of document.querySelectorAll("main *, aside *, header *")) {
    const texts = [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const box = one.getBoundingClientRect(), style = getComputedStyle(one), size = parseFloat(style.fontSize);
    if (!one.checkVisibility({visibilityProperty: true}) || one.closest(hidden)) continue;
    if (box.width < 2 || !texts.some((node) => node.data.trim().length > 3)) continue;
    if (box.width < 2.2 * size && box.height > 3 * size) found.push(`stacked: ${name(one)}`);
    const cut = one.scrollWidth > one.clientWidth + 2 && style.overflowX === "hidden";
    if (cut && style.textOverflow !== "ellipsis") found.push(`cut off: ${name(one)}`);
  }
  return [...new Set(found)];
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def full(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site in which no page is empty."""
    folder: Path = tmp_path_factory.mktemp("models")
    now = datetime.now(UTC)
    latest = (now - START).total_seconds() / 60
    await site.feed.send(
        *(
            arrival(
                f"recent-{n}", f"等了{n}天才发货，包装也破了", created=latest - n * 97 - 5, author=f"u{n}", label=label
            )
            for n, label in enumerate((Label.NEGATIVE, Label.POSITIVE, Label.POSITIVE) * 60)
        )
    )
    letter = replace(dead_letter(0), detail="field text: must have at most 10000 characters", platform="forum")
    await site.feed.send(*(replace(letter, offset=n, reason=reason) for n, reason in enumerate(REASONS)))
    both = await two_models(site.store, folder, 200, sampled=60)
    await site.store.write(order_comparison, ADMIN, ComparisonOrder(both.old.number, both.new.number), None)
    await work_on_comparison(Worker(site.store, site.services.settings, 1))
    async with site.store.writing() as session:
        body = "周六 **22:00** 起停机一小时。\n\n- 请提前保存\n- [详情](https://example.org)"
        await add_notice(session, ADMIN, NoticeText("周末维护", body, True, now - timedelta(days=1), None))
        later = NoticeText("下月培训", "", False, now + timedelta(days=20), now + timedelta(days=40))
        await add_notice(session, ADMIN, later)
        owner = site.users[Role.ADMIN]
        for name, role, platform in (("每晚导出", "reviewer", None), ("论坛", "platform", "forum")):
            expires = now + timedelta(days=30)
            await add_token(session, owner, digest_of(new_token()), name, role, now, expires, platform=platform)
    reviewer = Actor(site.users[Role.REVIEWER], "小审", "session", None)
    opinion = Opinion("shop", "blame-1", microseconds(minutes(11)), ShownLabel.POSITIVE, reason="反话")
    await add_review(site.store, reviewer, opinion)
    await site.add_user("等待批准的小李", Role.USER, state="waiting")
    site.users[Role.PLATFORM] = await site.add_user("论坛团队", Role.PLATFORM, platform="forum")
    return site


async def _look(page: Page, name: str, sizes: MappingProxyType[str, ViewportSize]) -> list[str]:
    """Save pictures at all sizes and return what is wrong, with the page's name and size."""
    found: list[str] = []
    for word, size in sizes.items():
        await page.set_viewport_size(size)
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=FOLDER / f"{name}-{word}.png", full_page=True, animations="disabled")
        found += [f"{name}-{word}: {fault}" for fault in await page.evaluate(FAULTS)]
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
async def test_all_pages(full: Site, visits: Visits, language: str, theme: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    visits.allow("403|404")
    found: list[str] = []
    for name, (role, path) in PAGES.items():
        page = await visits.open(role, f"/admin{path}", language=language)
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        picture = f"{language[:2]}-{theme}-{name}"
        found += await _look(page, picture, SIZES)
        try:
            await check_accessibility(page)
        except AssertionError as violations:
            found.append(f"{picture}: {violations}")
        await page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", ["small", "large"])
async def test_all_pages_fit_with_other_text_sizes(full: Site, visits: Visits, size: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    visits.allow("403|404")
    found: list[str] = []
    for name, (role, path) in PAGES.items():
        page = await visits.open(role, f"/admin{path}")
        cookie = {"name": "text_size", "value": size, "url": full.url}
        await page.context.add_cookies([cookie])  # type: ignore[list-item] # a dict is one
        await page.reload()
        found += await _look(page, f"{size}-{name}", SMALL)
        await page.context.close()
    assert not found, "\n".join(found)
