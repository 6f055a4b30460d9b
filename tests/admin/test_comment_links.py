"""Tests that links work for comments with any id."""

import pytest
from playwright.async_api import expect

from api.admin.comments import history_path
from api.identity.roles import Role
from tests.admin.conftest import NAMES, PASSWORD, Visits
from tests.store.feed import arrival

pytestmark = pytest.mark.timeout(120)

IDS = [
    *(
        "a/b c",
        "..",
        ".",
        "x/../y",
        "./x",
        "%2F?#",
        "%",
        "100%",
        "a%20b",
        "李 👍",
        "end/",
        "/",
        "//x//",
        " ",
        " a ",
        ";v=1",
    ),
    *(
        "line\nbreak\n",
        "\n",
        "\r\n",
        "\t",
        "\x1b",
        "\x7f",
        "\\",
        "a\\..\\b",
        "'\"<>&",
        "?x=1&y=2#z",
        "+",
        "a:b@c~d.e-f_g",
    ),
    *(".hidden", "a/.hidden", "...", "\u202e", "\u2028", "javascript:alert(1)", "文" * 128, "é"),
]


@pytest.mark.parametrize("id", ["..", "line\nbreak\n", "%2F?#", "李 👍", "end/"])
async def test_every_id_has_a_history_page(visits: Visits, id: str) -> None:
    await visits.site.feed.send(arrival(id, f"编号 {id!r}", platform="ids", created=1000))
    page = await visits.open(Role.REVIEWER, "/admin/comments?platform=ids")
    row = page.locator(".comment-row", has_text=f"编号 {id!r}")
    await row.get_by_role("link", name="历史").click()
    await expect(page.locator("#comment .history-text")).to_have_text(f"编号 {id!r}")
    assert await page.locator("#comment").get_attribute("data-id") == id


async def test_every_link_opens_its_comment(visits: Visits) -> None:
    """Links by the server and by the script are equal, and the browser reaches the comment."""
    site = visits.site
    await site.feed.send(*(arrival(id, f"编号 {id!r}", platform="links", created=1000) for id in IDS))
    page = await visits.open(Role.REVIEWER, "/admin/review")
    paths = await page.evaluate(
        "async (ids) => { const { historyPath } = await import('/admin/static/review-page.js');"
        "return ids.map((id) => historyPath({ platform: 'links', id })); }",
        IDS,
    )
    assert paths == [history_path("links", id) for id in IDS]
    for path, id in zip(paths, IDS, strict=True):
        await page.goto(path)
        await expect(page.locator("#comment .history-text")).to_have_text(f"编号 {id!r}")


@pytest.mark.parametrize("path", ["/nothing", "/comments/forum/no%0Abody", "/a%0Ab", "/comments/forum/%0A"])
async def test_unknown_paths_show_error_page(visits: Visits, path: str) -> None:
    visits.allow("404")
    page = await visits.open(Role.REVIEWER, f"/admin{path}")
    await expect(page.get_by_role("heading", name="页面不存在")).to_be_visible()


async def test_sign_in_redirects_to_id_with_line_feed(visits: Visits) -> None:
    await visits.site.feed.send(arrival("先\n登录", "先登录", platform="ids", created=1000))
    page = await visits.open(None, "/admin/comments/ids/%E5%85%88%0A%E7%99%BB%E5%BD%95")
    await page.get_by_label("账号名").fill(NAMES[Role.REVIEWER])
    await page.get_by_label("密码", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await expect(page.locator("#comment .history-text")).to_have_text("先登录")
