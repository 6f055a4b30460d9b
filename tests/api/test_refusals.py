"""Rejections that libraries would answer in plain text: people get a page, programs a problem."""

import pytest

from api.admin.security import HEADERS
from tests.api.conftest import Api
from tests.api.people import csrf_token
from tests.api.test_comments import problem

pytestmark = pytest.mark.timeout(60)
ELSEWHERE = {"Host": "elsewhere.example"}
CHINESE, ENGLISH = {"Accept-Language": "zh-CN"}, {"Accept-Language": "en"}


def signed_in(api: Api) -> dict[str, str]:
    """Return the cookie header of the admin's browser."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in api.admin.cookies.items())}


@pytest.mark.parametrize("host", ["elsewhere.example", "liuyan.test.elsewhere.example", "", "a b", "liuyan.test:x"])
async def test_an_unknown_host_gets_a_page(api: Api, host: str) -> None:
    answer = await api.anonymous.get("/admin/", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "LIUYAN_ALLOWED_HOSTS" in answer.text
    assert '<html lang="zh">' in answer.text
    assert "这个地址不属于本服务器" in answer.text
    # The page has no links and shows nothing from the request.
    assert "href" not in answer.text
    assert "elsewhere" not in answer.text


async def test_the_page_is_translated_and_has_the_headers_of_all_pages(api: Api) -> None:
    answer = await api.anonymous.get("/anything", headers=ELSEWHERE | ENGLISH)
    assert "This address does not belong to this server" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/api/v1/comments", "/api/v1/nothing", "/openapi.json"])
async def test_an_unknown_host_gets_a_problem_under_the_api(api: Api, path: str) -> None:
    found = problem(await api.anonymous.get(path, headers=ELSEWHERE), 400)
    assert found["code"] == "wrong_host"
    assert found["detail"].startswith("This address does not belong to this server")
    chinese = problem(await api.anonymous.get(path, headers=ELSEWHERE | CHINESE), 400)
    assert chinese["detail"].startswith("这个地址不属于本服务器")


@pytest.mark.parametrize("path", ["/admin/login", "/admin/logout", "/admin/notices/new", "/admin/nothing"])
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}])
async def test_a_cross_site_form_gets_a_page(api: Api, path: str, headers: dict[str, str]) -> None:
    headers = signed_in(api) | headers | {"X-CSRFToken": csrf_token()}
    answer = await api.anonymous.post(path, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "content-security-policy" in answer.headers
    assert "此请求来自其他网站" in answer.text
    assert "请在本站打开页面重新操作" in answer.text


@pytest.mark.parametrize("token", [None, "forged"])
@pytest.mark.parametrize("path", ["/admin/login", "/admin/notices/new", "/admin/logout"])
async def test_a_form_without_csrf_token_gets_a_page(api: Api, path: str, token: str | None) -> None:
    headers = signed_in(api) | ENGLISH | ({"X-CSRFToken": token} if token else {})
    answer = await api.anonymous.post(path, headers=headers)
    assert answer.status_code == 403
    assert "content-security-policy" in answer.headers
    assert "This form has expired" in answer.text
    assert "reload the page and send the form again" in answer.text


@pytest.mark.parametrize("token", [None, "forged"])
async def test_an_api_request_without_csrf_token_gets_a_problem(api: Api, token: str | None) -> None:
    headers = signed_in(api) | CHINESE | ({"X-CSRFToken": token} if token else {})
    answer = await api.anonymous.post("/api/v1/reviews/next", json={}, headers=headers)
    found = problem(answer, 403)
    assert found["code"] == "csrf"
    assert "X-CSRFToken" in found["detail"]
    foreign = headers | {"Sec-Fetch-Site": "cross-site"}
    answer = await api.anonymous.post("/api/v1/reviews/next", json={}, headers=foreign)
    assert "此请求来自其他网站" in problem(answer, 403)["detail"]


async def test_a_malformed_form_gets_a_page(api: Api) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await api.anonymous.post("/admin/login", content=b"--y\r\nnonsense", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
