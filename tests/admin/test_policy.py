"""No answer leaves without its policy, no page asks another host, and no template does what the policy forbids."""

import re
from collections.abc import Iterator

import pytest
from starlette.routing import Mount, Route
from starlette_admin import BaseAdmin

from api.admin.security import POLICY, SafeTemplates
from api.identity.roles import Role
from store.notices import list_notices
from tests.admin.conftest import Site, Visits

pytestmark = pytest.mark.timeout(180)
NONCE = re.compile(r"'nonce-([\w-]{22})'")


def pages(site: Site) -> list[str]:
    """Every address of a page that a form's answer is not: the app's own and those of the admin app."""
    found = ["/docs"]
    for route in site.app.routes:
        if isinstance(route, Mount) and route.name == "admin":
            read = [one for one in route.routes if isinstance(one, Route) and "GET" in (one.methods or ())]
            found += [f"/admin{one.path}" for one in read]
    return sorted({path for path in found if "{" not in path and not path.endswith((".js", ".csv"))})


async def test_every_page_has_the_policy_with_a_nonce_of_its_own_and_loads_from_here_alone(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN)
    seen: set[str] = set()
    addresses = pages(visits.site)
    assert {"/docs", "/admin/", "/admin/notices", "/admin/notices/new", "/admin/models"} <= set(addresses)
    for path in addresses:
        answer = await page.goto(path)
        assert answer is not None
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        assert answer.status == 200, path
        policy = answer.headers["content-security-policy"]
        [nonce] = NONCE.findall(policy)
        assert policy == POLICY.format(nonce=nonce), path
        assert nonce not in seen
        seen.add(nonce)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
    assert len(seen) >= 8


@pytest.mark.parametrize(
    ("path", "status"),
    [("/admin/nothing", 404), ("/admin/models/1/activate", 405), ("/admin/models", 200), ("/nothing", 404)],
)
async def test_errors_have_the_headers_too(visits: Visits, path: str, status: int) -> None:
    visits.allow("status of 40[45]")
    page = await visits.open(Role.ADMIN)
    answer = await page.goto(path)
    assert answer is not None
    assert answer.status == status
    html = answer.headers["content-type"].startswith("text/html")
    assert ("content-security-policy" in answer.headers) == html
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_inline_script_without_the_nonce_does_not_run(visits: Visits) -> None:
    visits.allow("Content Security Policy")
    visits.allow("another host: http://192.0.2.1/")  # It is asked for, and goes nowhere.
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
    assert len([fault for fault in visits.faults if "Content Security Policy" in fault]) >= 3


async def test_files_with_a_version_are_kept_and_others_asked_for_again(visits: Visits) -> None:
    page = await visits.open(Role.USER)

    async def caching(path: str) -> str:
        return (await page.request.get(path)).headers["cache-control"]

    assert await caching("/admin/static/liuyan.css") == "no-cache"
    assert await caching("/admin/static/liuyan.css?v=1") == "public, max-age=31536000, immutable"
    assert await caching("/admin/static/plotly.min.js?v=7") == "public, max-age=31536000, immutable"
    assert await caching("/api/v1/notices?v=1") == "no-store"


def sources() -> Iterator[tuple[str, str]]:
    """Every template, ours and the library's, as Jinja sees it."""
    env = BaseAdmin(secret_key="x" * 32).templates.env
    extension = SafeTemplates(env)
    from api.admin.admin import HERE

    for file in sorted((HERE / "templates").glob("*.html")):
        yield file.name, extension.preprocess(file.read_text(), file.name)
    for name in env.list_templates():
        if not name.startswith("@") and env.loader is not None:
            yield f"starlette-admin's {name}", extension.preprocess(env.loader.get_source(env, name)[0], name)


def test_no_template_holds_what_the_policy_forbids() -> None:
    found = dict(sources())
    assert len(found) > 80
    for name, source in found.items():
        assert not re.search(r"""\son[a-z]+\s*=\s*["']""", source), name
        assert "javascript:" not in source, name
        for script in re.findall(r"<script[^>]*>", source):
            assert 'nonce="{{ request.state.script_nonce }}"' in script, name


def test_handlers_of_the_library_are_those_that_our_script_knows() -> None:
    handlers = {one for _, source in sources() for one in re.findall(r'data-on-\w+="([^"]*)"', source)}
    assert handlers == {"applyColumnVisibility()", "window.location = this.value"}


async def test_a_form_from_elsewhere_is_refused_with_a_page_that_says_what_to_do(visits: Visits) -> None:
    visits.allow("status of 403")
    page = await visits.open(Role.ADMIN, "/admin/notices/new")
    await page.locator("input[name=csrftoken]").last.evaluate("token => token.value = 'forged'")
    await page.get_by_label("标题").fill("不该写下的")
    await page.get_by_role("button", name="保存").click()
    await page.get_by_role("heading", name="这个表单已过期").wait_for()
    assert (await visits.site.store.read(list_notices)).items == []
