"""Every form field, every string of a JSON document and every body has a maximum length."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from api.identity.csrf import COOKIE, HEADER
from api.limits import MAXIMUM_BODY, SMALL_BODY
from store.accounts import find_user
from tests.api.conftest import Api
from tests.api.people import csrf_token
from tests.api.test_comments import problem
from tests.api.test_limits import NUMBER, cookies_of, routes_of

pytestmark = [pytest.mark.timeout(120), pytest.mark.programs]


async def fields_of(api: Api) -> list[str]:
    """Return the names of all form fields on all pages."""
    pages = ["login", "sign-up", "password", "account", "users", "users/new", "users/1", "notices/new", "dead-letters"]
    found = set()
    for path in pages:
        headers = {} if path in ("login", "sign-up") else {"Cookie": cookies_of(api.admin)}
        answer = await api.anonymous.get(f"/admin/{path}", headers=headers)
        assert answer.status_code == 200, path
        found |= set(re.findall(r"""<(?:input|textarea|select|button)\b[^>]*\bname="(\w+)\"""", answer.text))
    assert {"name", "password", "current_password", "title", "body", "role", "token_name"} <= found
    return sorted(found | {"session"})  # Only shown if there is another session.


async def post_form(api: Api, path: str, fields: dict[str, str]) -> int:
    headers = {"Cookie": cookies_of(api.admin), HEADER: csrf_token()}
    return (await api.anonymous.post(path, data=fields, headers=headers)).status_code


def forms_of(api: Api) -> list[str]:
    forms = [path for method, path in routes_of(api.app) if path.startswith("/admin") and method == "POST"]
    assert len(forms) > 12
    # These end the session that the others require.
    return [path for path in forms if path not in ("/admin/logout", "/admin/account/sessions/end")]


async def test_8_mib_in_any_field_of_any_form_are_rejected(api: Api) -> None:
    content = "x" * MAXIMUM_BODY
    for path in forms_of(api):
        assert await post_form(api, path, {"csrftoken": csrf_token(), "name": content}) == 413, path
    for field in await fields_of(api):
        for path in ("/admin/sign-up", "/admin/account/details", "/admin/notices/new"):
            assert await post_form(api, path, {field: content}) == 413, (path, field)


async def test_a_long_value_in_any_field_of_any_form_is_rejected_or_ignored(api: Api) -> None:
    fields = await fields_of(api)
    for path in forms_of(api):
        for field in fields:
            # Close to the maximum size of these bodies.
            status = await post_form(api, path, {"csrftoken": csrf_token(), field: "a" + "\u0300\u0316" * 5_000})
            assert status < 500, (path, field)
    async with api.store.reading() as connection:
        user = await find_user(connection, api.admin.number)
    assert user is not None
    assert user.name == "admin"


def strings_in(schema: Any, document: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and schema of every string in a schema. A list's items have the path component []."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for other in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from strings_in(other, document, place)
    if schema.get("type") == "string":
        yield place, schema
    for name, part in schema.get("properties", {}).items():
        yield from strings_in(part, document, (*place, name))
    if "items" in schema:
        yield from strings_in(schema["items"], document, (*place, "[]"))


def operations_of(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            yield method, path, operation


def is_bounded(schema: Any) -> bool:
    bounded = {"maxLength", "enum", "const"} & set(schema) or schema.get("format") == "date-time"
    return bool(bounded) or re.fullmatch(r"\^.*\{\d+\}\$", schema.get("pattern", "")) is not None


async def test_every_string_of_every_request_has_a_maximum_length(api: Api) -> None:
    document = api.app.openapi()
    unbounded = []
    for method, path, operation in operations_of(api.app):
        for parameter in operation.get("parameters", ()):
            for place, schema in strings_in(parameter["schema"], document, (parameter["name"],)):
                if not is_bounded(schema):
                    unbounded.append(f"{method} {path} {'.'.join(place)}")
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for place, schema in strings_in(content["schema"], document) if content else ():
            if not is_bounded(schema):
                unbounded.append(f"{method} {path} {'.'.join(place)}")
    assert unbounded == []


def nested(place: tuple[str, ...], value: str) -> Any:
    if not place:
        return value
    inner = nested(place[1:], value)
    return [inner] if place[0] == "[]" else {place[0]: inner}


async def test_8_mib_in_any_string_of_any_document_are_rejected(api: Api) -> None:
    document = api.app.openapi()
    tried = 0
    for method, path, operation in operations_of(api.app):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for place, _ in strings_in(content["schema"], document) if content else ():
            address = re.sub(r"\{[^}]*\}", NUMBER, path)
            for size, allowed in ((MAXIMUM_BODY, {413}), (SMALL_BODY - 1_000, {422})):
                body = json.dumps(nested(place, "x" * size))
                # A confirmed session may call more endpoints than a token.
                answer = await api.page.request(
                    method, address, content=body, headers={"Content-Type": "application/json"}
                )
                assert answer.status_code in allowed, (method, path, place, size, answer.text[:200])
                tried += 1
    assert tried > 40


async def test_only_the_first_of_many_errors_are_reported(api: Api) -> None:
    body = dict.fromkeys([f"unknown{number}" for number in range(2_000)], 1)
    found = problem(await api.page.post("/api/v1/account/tokens", json=body), 422)
    assert len(found["errors"]) == 20


@pytest.mark.parametrize("path", ["/admin/login", "/admin/sign-up"])
async def test_a_form_that_is_too_large_is_answered_with_a_page(api: Api, path: str) -> None:
    headers = {"Cookie": f"{COOKIE}={csrf_token()}", HEADER: csrf_token(), "Accept-Language": "zh"}
    for size in (SMALL_BODY, SMALL_BODY * 3):
        answer = await api.anonymous.post(path, data={"name": "x" * size}, headers=headers)
        assert answer.status_code == 413
        assert "<html" in answer.text
        assert "一次提交的内容过多" in answer.text
        assert "提交的内容过大：一次最多 64 KiB。" in answer.text


async def test_the_error_for_a_large_document_states_the_limit(api: Api) -> None:
    answer = await api.page.post("/api/v1/account/tokens", json={"name": "x" * SMALL_BODY})
    assert problem(answer, 413)["detail"] == "The request is too large: send at most 64 KiB at once."
