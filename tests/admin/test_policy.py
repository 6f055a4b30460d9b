"""Tests of security and cache headers, of requests to other hosts, and of templates against the policy."""

import re
from pathlib import Path

import pytest
from starlette.routing import Mount, Route

from api.admin.security import POLICY
from api.admin.templating import FOLDER
from api.identity.roles import Role
from store.notices import list_notices
from tests.admin.conftest import Site, Visits

pytestmark = pytest.mark.timeout(180)


def pages(site: Site) -> list[str]:
    """Return the paths of all pages without parameters that GET can open."""
    found = ["/docs"]
    for route in site.app.routes:
        if isinstance(route, Mount) and route.name == "admin":
            read = [one for one in route.routes if isinstance(one, Route) and "GET" in (one.methods or ())]
            found += [f"/admin{one.path}" for one in read]
    return sorted(
        {path for path in found if "{" not in path and not path.endswith((".js", ".csv", "/export", "-count"))}
    )


async def test_every_page_has_the_policy_and_loads_nothing_from_other_hosts(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN)
    seen: set[str] = set()
    paths = pages(visits.site)
    assert {"/docs", "/admin/", "/admin/notices", "/admin/notices/new", "/admin/models"} <= set(paths)
    for path in paths:
        answer = await page.goto(path)
        assert answer is not None
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        assert answer.status == 200, path
        assert answer.headers["content-security-policy"] == POLICY, path
        seen.add(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
    assert len(seen) >= 8


@pytest.mark.parametrize(
    ("path", "status"),
    [("/admin/nothing", 404), ("/admin/models/1/rollback", 405), ("/admin/models", 200), ("/nothing", 404)],
)
async def test_error_responses_have_security_headers(visits: Visits, path: str, status: int) -> None:
    visits.allow("status of 40[45]")
    page = await visits.open(Role.ADMIN)
    answer = await page.goto(path)
    assert answer is not None
    assert answer.status == status
    html = answer.headers["content-type"].startswith("text/html")
    assert ("content-security-policy" in answer.headers) == html
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_inline_script_does_not_run(visits: Visits) -> None:
    visits.allow("Content Security Policy")
    visits.allow("another host: http://192.0.2.1/")  # The browser reports the request and blocks it.
    page = await visits.open(Role.ADMIN)
    await page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.ran = true">');
            const picture = document.createElement("img");
            picture.src = "http://192.0.2.1/picture.png";
            document.body.append(picture);
        }"""
    )
    await page.wait_for_timeout(300)
    assert await page.evaluate("window.ran") is None
    assert len([error for error in visits.errors if "Content Security Policy" in error]) >= 3


async def test_only_versioned_files_are_cached(visits: Visits) -> None:
    page = await visits.open(Role.USER)

    async def caching(path: str) -> str:
        return (await page.request.get(path)).headers["cache-control"]

    assert await caching("/admin/static/liuyan.css") == "no-cache"
    assert await caching("/admin/static/liuyan.css?v=1") == "public, max-age=31536000, immutable"
    assert await caching("/admin/static/vendor/js/plotly.min.js?v=7") == "public, max-age=31536000, immutable"
    assert await caching("/api/v1/notices?v=1") == "no-store"


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.html")), ids=lambda file: file.name)
def test_templates_comply_with_the_policy(file: Path) -> None:
    source = file.read_text()
    assert not re.search(r"""\son[a-z]+\s*=\s*["']""", source)
    assert "javascript:" not in source
    for attributes in re.findall(r"<script([^>]*)>", source):
        # The policy applies only to executable scripts.
        assert " src=" in attributes or ' type="application/json"' in attributes


async def test_forged_form_is_refused_with_advice(visits: Visits) -> None:
    visits.allow("status of 403")
    page = await visits.open(Role.ADMIN, "/admin/notices/new")
    await page.get_by_label("标题").fill("不该写下的")
    # Without the submit event, upon which a script corrects the token.
    forge = "token => { token.value = 'forged'; token.form.submit() }"
    await page.locator("input[name=csrftoken]").last.evaluate(forge)
    await page.get_by_role("heading", name="这个表单已过期").wait_for()
    assert (await visits.site.store.read(list_notices)).items == []
