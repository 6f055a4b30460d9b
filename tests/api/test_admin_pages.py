"""What all pages of the admin app share: who may open one, the files they load, tokens of forms, and messages."""

import re
from dataclasses import replace
from typing import ClassVar

import httpx2 as httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.admin import admin
from api.admin.assets import VENDOR
from api.admin.flash import COOKIE as MESSAGES
from api.admin.menu import pages
from api.admin.page import Page, route
from api.app import create_app
from api.identity.csrf import COOKIE
from api.identity.roles import Role
from tests.api.conftest import Api
from tests.api.people import add_person
from tests.api.test_sign_in import browser, sign_in

pytestmark = pytest.mark.timeout(60)
VERSIONED = re.compile(r'(?:src|href)="http://liuyan\.test(/admin/static/[^"]+)"')


class Bare(Page):
    """Declares no role."""

    path = "/bare"

    async def index(self, request: Request) -> Response:
        """Everything there is."""
        return PlainTextResponse("bare")

    @route("/more", methods=["POST"])
    async def more(self, request: Request) -> Response:
        """Below it."""
        return PlainTextResponse("more")


class Open(Bare):
    """Says that it is for everybody."""

    path = "/open"
    role: ClassVar[Role | None] = None


@pytest.fixture
def with_bare_pages(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The application with two pages more."""
    monkeypatch.setattr(admin, "pages", lambda: [*pages(), Bare(), Open()])
    return replace(api, app=create_app(api.services))


async def test_a_page_that_declares_nothing_is_closed_without_a_session(with_bare_pages: Api) -> None:
    api = with_bare_pages
    await add_person(api.store, "user", now=api.clock())
    async with browser(api) as client:
        for method, path in (("GET", "/admin/bare"), ("POST", "/admin/bare/more"), ("GET", "/admin/bare/more")):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["location"][:12]) == (303, "/admin/login"), path
        assert (await client.get("/admin/open")).text == "bare"
        assert (await sign_in(client, "user")).status_code == 303
        assert (await client.get("/admin/bare")).text == "bare"
        assert (await client.get("/admin/bare/more")).status_code == 405
        assert (await client.post("/admin/bare/more", headers={"X-CSRFToken": client.cookies[COOKIE]})).text == "more"


async def test_a_method_that_a_page_does_not_answer_is_not_told_to_whom_it_is_closed(api: Api) -> None:
    await add_person(api.store, "user", Role.USER, now=api.clock())
    async with browser(api) as client:
        await sign_in(client, "user")
        assert (await client.get("/admin/models/1/rollback")).status_code == 403


async def test_pages_load_files_that_are_there_and_may_be_kept(api: Api) -> None:
    async with browser(api) as client:
        addresses = VERSIONED.findall((await client.get("/admin/login")).text)
        assert len(addresses) >= 6
        for address in addresses:
            answer = await client.get(address)
            assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True), address
            # A cache may give such an answer to somebody else.
            assert "set-cookie" not in answer.headers


async def test_of_packages_only_the_files_that_pages_load_are_served(api: Api) -> None:
    kinds = {".css": "text/css", ".js": "text/javascript", ".woff2": "font/woff2"}
    async with browser(api) as client:
        for path in VENDOR:
            answer = await client.get(f"/admin/static/vendor/{path}")
            assert answer.status_code == 200, path
            assert answer.headers["content-type"].startswith(kinds[path[path.rindex(".") :]])
        for path in ("css/main.css", "js/main.js", "css/tabler-icons.min.css", "%2e%2e/%2e%2e/__init__.py", ""):
            assert (await client.get(f"/admin/static/vendor/{path}")).status_code == 404, path


async def test_a_refused_form_leads_to_a_page_whose_own_forms_work(api: Api) -> None:
    await add_person(api.store, "user", now=api.clock())
    async with browser(api) as client:
        await sign_in(client, "user")
        refused = await client.post("/admin/account/tokens/revoke", data={"csrftoken": "forged"})
        assert refused.status_code == 403
        [token, *_] = re.findall(r'name="csrftoken" value="([^"]+)"', refused.text)
        answer = await client.post("/admin/logout", data={"csrftoken": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")


async def signed_out(api: Api, client: httpx.AsyncClient) -> None:
    await add_person(api.store, "user", now=api.clock())
    await sign_in(client, "user")
    answer = await client.post("/admin/logout", data={"csrftoken": client.cookies[COOKIE]})
    assert "httponly" in answer.headers["set-cookie"].lower()


async def test_a_message_waits_for_a_page_and_is_shown_once(api: Api) -> None:
    async with browser(api) as client:
        await signed_out(api, client)
        await client.get("/admin/static/liuyan.css")
        await client.get("/admin/")  # Leads to the sign-in page.
        assert "You are signed out." in (await client.get("/admin/login")).text
        assert MESSAGES not in client.cookies
        assert "You are signed out." not in (await client.get("/admin/login")).text


async def test_a_message_that_somebody_else_wrote_is_not_shown(api: Api) -> None:
    async with browser(api) as client:
        await signed_out(api, client)
        forged = client.cookies[MESSAGES][:-1] + "!"
        client.cookies.clear()
        client.cookies.set(MESSAGES, forged, domain="liuyan.test")
        answer = await client.get("/admin/login")
        assert (answer.status_code, "You are signed out." in answer.text) == (200, False)


async def test_an_error_page_has_the_headers_of_its_error(api: Api) -> None:
    answer = await api.page.put("/admin/models")
    assert (answer.status_code, sorted(answer.headers["allow"].split(", "))) == (405, ["GET", "HEAD"])
    assert answer.headers["content-type"].startswith("text/html")
