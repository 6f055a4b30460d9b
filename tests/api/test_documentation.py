"""The OpenAPI document is complete, and /docs loads nothing from other hosts."""

import re
from collections import Counter
from typing import Any
from urllib.parse import urljoin

import pytest
from jsonschema import Draft202012Validator

from tests.api.conftest import Api
from tests.api.test_roles import ROUTES
from tests.store.feed import arrival, dead_letter

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    answer = await api.client.get("/openapi.json")
    found: dict[str, Any] = answer.json()
    return found


async def test_every_endpoint_is_described(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    served = {re.sub(r":\w+}", "}", route.partition(" ")[2]) for route in ROUTES}
    assert set(document["paths"]) == {path for path in served if path.startswith("/api/v1")}
    tags = {tag["name"] for tag in document["tags"]}
    names = Counter(operation["operationId"] for path in document["paths"].values() for operation in path.values())
    assert names.most_common(1)[0][1] == 1
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert len(operation["description"]) > 30, (method, path)
            assert operation["tags"], (method, path)
            assert set(operation["tags"]) <= tags, (method, path)
            assert re.fullmatch("[a-z_]+", operation["operationId"])
            assert {"401", "403", "503"} <= set(operation["responses"]), (method, path)
            assert operation["security"], (method, path)


async def test_every_error_is_declared_as_a_problem(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"], operation["operationId"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_every_field_has_a_description_and_an_example_where_needed(document: dict[str, Any]) -> None:
    lacking = []
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            one_of = [described, *described.get("anyOf", [])]
            # A nested object is described by its fields.
            composed = any("$ref" in part or "$ref" in part.get("items", {}) for part in one_of)
            if "$ref" not in described and not any("description" in part for part in one_of):
                lacking.append(f"{name}.{field}: description")
            if not composed and not any(is_self_explanatory(part) for part in one_of):
                lacking.append(f"{name}.{field}: example")
    assert lacking == []


def is_self_explanatory(part: dict[str, Any]) -> bool:
    """Return whether the schema shows what a value looks like."""
    plain = part.get("type") in ("boolean", "object") or part.get("format") == "date-time"
    return plain or bool({"examples", "const", "default", "enum"} & set(part))


async def test_every_reference_resolves(document: dict[str, Any]) -> None:
    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(document)))
    assert len(references) >= 10
    assert references <= set(document["components"]["schemas"])


async def test_answers_match_their_schemas(api: Api, document: dict[str, Any]) -> None:
    await api.feed.send(arrival("1"), arrival("1", "改过了", edited=1), dead_letter(2))

    def check(schema: str, answer: object) -> None:
        Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **document}).validate(answer)

    check("CommentPage", (await api.client.get("/api/v1/comments?limit=1")).json())
    check("CommentHistory", (await api.client.get("/api/v1/comments/forum/1")).json())
    check("PredictionAnswer", (await api.client.post("/api/v1/predict", json={"texts": ["好"]})).json())
    check("Problem", (await api.client.get("/api/v1/comments?limit=0")).json())
    check("Problem", (await api.client.get("/api/v1/comments/forum/2")).json())


async def test_the_documentation_loads_only_from_this_server(api: Api) -> None:
    answer = await api.client.get("/docs")
    assert answer.status_code == 200
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    links = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert links.count("admin/") == 2  # the way back, in both languages
    links = [link for link in links if link != "admin/"]
    assert len(links) == 4
    for link in links:
        assert not re.match(r"[a-z]+:|//", link)
        assert (await api.client.get(urljoin("http://liuyan.test/docs", link))).status_code == 200, link
    assert not re.search(r"<script(?![^>]* src=)", answer.text)


@pytest.mark.parametrize("path", ["/", "/admin"])
async def test_the_root_redirects_to_the_admin_app(api: Api, path: str) -> None:
    answer = await api.anonymous.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")


async def test_swagger_ui_supports_openapi_3_1(api: Api) -> None:
    script = (await api.client.get("/docs/assets/swagger-ui-bundle.js")).text
    assert "SwaggerUIBundle" in script
    assert "OpenAPI31" in script or "isOAS31" in script


async def test_metrics_contain_routes_but_no_ids(own_api: Api) -> None:
    for path in ("/api/v1/comments", "/api/v1/comments/forum/secret-id", "/nothing-here", "/api/v1/comments?limit=0"):
        await own_api.client.get(path)
    await own_api.client.post("/api/v1/predict", json={"texts": ["好评", "好评", "太差了，不会再来"]})

    def requests(method: str, route: str, status: str) -> float | None:
        labels = {"method": method, "route": route, "status": status}
        return own_api.registry.get_sample_value("liuyan_api_requests_total", labels)

    assert requests("GET", "/api/v1/comments", "200") == 1
    assert requests("GET", "/api/v1/comments", "422") == 1
    assert requests("GET", "/api/v1/comments/{platform}/{id}", "404") == 1
    assert requests("GET", "other", "404") == 1
    assert requests("POST", "/api/v1/predict", "200") == 1
    labelled = [
        own_api.registry.get_sample_value("liuyan_api_predictions_total", {"label": label})
        for label in ("positive", "negative")
    ]
    assert labelled == [2, 1]
    assert own_api.registry.get_sample_value("liuyan_api_requests_in_flight") == 0
    assert own_api.registry.get_sample_value("liuyan_api_prediction_requests_waiting") == 0
    timed = own_api.registry.get_sample_value(
        "liuyan_api_request_duration_seconds_count", {"method": "POST", "route": "/api/v1/predict"}
    )
    assert timed == 1
    assert "secret-id" not in str([list(metric.samples) for metric in own_api.registry.collect()])
