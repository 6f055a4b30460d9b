"""Request bodies are read only after authentication, within limits on size, time and memory."""

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from starlette.routing import Mount, Route
from starlette.types import Message

from api.app import create_app
from api.identity.csrf import HEADER
from api.identity.roles import Role
from api.limits import MAXIMUM_BODY, SMALL_BODY, BodyRules, LimitBodies, admit_body
from api.metrics import Metrics
from api.predictor import Predictor
from api.services import Services
from liuyan.health import address_of, listen, quiet_server
from model.labeller import Labeller
from store.store import Store
from tests.api.conftest import Api
from tests.api.people import QUICK_PASSWORDS, Person, add_person, csrf_token, settings_for_tests
from tests.api.test_comments import problem
from tests.store.feed import ERASURE_KEY, arrival, feed_of

pytestmark = pytest.mark.timeout(120)
PUBLIC = {"/admin/login", "/admin/login/code", "/admin/sign-up"}
WITH_BODY = {"POST", "PUT", "PATCH", "DELETE"}
CONTINUE = b"HTTP/1.1 100 Continue\r\n"
NUMBER = "1"


@dataclass(frozen=True)
class Running:
    """The API over TCP, with a user and an admin."""

    host: str
    port: int
    app: FastAPI
    user: Person
    admin: Person


async def serve(file: Path, labeller: Labeller, rules: BodyRules | None = None) -> AsyncIterator[Running]:
    metrics = Metrics(CollectorRegistry())
    async with Store.open(f"sqlite+aiosqlite:///{file}") as store:
        await store.check_ready(ERASURE_KEY)
        feed = await feed_of(store, labeller.sha256)
        await feed.send(arrival("1", "物流很快"))
        now = datetime.now(UTC)
        user, admin = [await add_person(store, role, role, now=now) for role in (Role.USER, Role.ADMIN)]
        with Predictor(labeller, metrics) as predictor, contextlib.closing(listen("127.0.0.1:0")) as listener:
            services = Services(store, predictor, settings_for_tests(), QUICK_PASSWORDS, metrics=metrics)
            app = create_app(services, rules)
            server = quiet_server(app, grace_seconds=1)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            address = urlsplit(f"http://{address_of(listener)}")
            yield Running(str(address.hostname), int(address.port or 0), app, user, admin)
            server.should_exit = True
            await task


@pytest_asyncio.fixture
async def running(migrated_file: Path, labeller: Labeller, tmp_path: Path) -> AsyncIterator[Running]:
    file = tmp_path / "liuyan.db"
    shutil.copy(migrated_file, file)
    async for one in serve(file, labeller):
        yield one


@pytest_asyncio.fixture
async def impatient(migrated_file: Path, labeller: Labeller, tmp_path: Path) -> AsyncIterator[Running]:
    """The API with short deadlines and memory for one large body."""
    file = tmp_path / "liuyan.db"
    shutil.copy(migrated_file, file)
    rules = BodyRules(seconds=1, pause_seconds=0.3, bytes_per_second=10**9, shared_bytes=2 * 1024 * 1024)
    async for one in serve(file, labeller, rules):
        yield one


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of every route that accepts a body: operations of the API and forms of the admin app."""
    found = [
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if method.upper() in WITH_BODY
    ]
    for mount in app.routes:
        if isinstance(mount, Mount) and mount.name == "admin":
            found += [
                (method, f"/admin{route.path}")
                for route in mount.routes
                if isinstance(route, Route)
                for method in sorted(WITH_BODY & (route.methods or set()))
            ]
    return [(method, re.sub(r"\{[^}]*\}", NUMBER, path)) for method, path in found]


def cookies_of(person: Person) -> str:
    return "; ".join(f"{name}={value}" for name, value in person.cookies.items())


async def send_head(running: Running, method: str, path: str, *headers: str) -> tuple[bytes, asyncio.StreamWriter]:
    """Announce a body without sending it, and return the first line of the response."""
    reader, writer = await asyncio.open_connection(running.host, running.port)
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: liuyan.test",
        "Content-Length: 1000",
        "Content-Type: application/x-www-form-urlencoded" if "/admin" in path else "Content-Type: application/json",
        "Expect: 100-continue",
        *headers,
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    async with asyncio.timeout(20):
        return await reader.readline(), writer


async def test_no_route_reads_a_body_before_authentication(running: Running) -> None:
    routes = routes_of(running.app)
    assert len(routes) > 35
    assert {path for _, path in routes} > PUBLIC
    for method, path in routes:
        line, writer = await send_head(running, method, path)
        writer.close()
        if path in PUBLIC:
            assert line == CONTINUE, path
        elif path.startswith("/admin"):
            assert line.startswith(b"HTTP/1.1 303"), (path, line)
        else:
            assert line.startswith(b"HTTP/1.1 401"), (path, line)


async def test_no_route_reads_a_body_before_it_checks_the_role(running: Running) -> None:
    bearer, session = f"Authorization: Bearer {running.user.token}", f"Cookie: {cookies_of(running.user)}"
    others = re.compile(r"/(api/v1|admin)/(users|notices|dead-letters|reviews|models)\b")
    routes = [(method, path) for method, path in routes_of(running.app) if others.match(path)]
    assert len(routes) > 20
    for method, path in routes:
        line, writer = await send_head(running, method, path, session if path.startswith("/admin") else bearer)
        writer.close()
        assert line.startswith(b"HTTP/1.1 403"), (method, path, line)


async def test_a_forged_request_is_rejected_before_its_body_is_read(running: Running) -> None:
    for headers in ([], ["Sec-Fetch-Site: cross-site", f"{HEADER}: {csrf_token()}"]):
        session = f"Cookie: {cookies_of(running.admin)}"
        line, writer = await send_head(running, "POST", "/api/v1/predict", session, *headers)
        writer.close()
        assert line.startswith(b"HTTP/1.1 403")


async def test_an_authorized_request_may_send_its_body(running: Running) -> None:
    bearer = f"Authorization: Bearer {running.user.token}"
    line, writer = await send_head(running, "POST", "/api/v1/predict", bearer)
    writer.close()
    assert line == CONTINUE


async def test_an_endpoint_that_reads_the_body_before_authentication_fails(own_api: Api) -> None:
    @own_api.app.post("/careless", include_in_schema=False)
    async def careless(request: Request) -> int:
        return len(await request.body())

    problem(await own_api.client.post("/careless", content=b"x"), 500)


# Time


async def half_a_body(running: Running, path: str, *headers: str) -> bytes:
    """Send only a part of a body and return the response."""
    reader, writer = await asyncio.open_connection(running.host, running.port)
    head = [f"POST {path} HTTP/1.1", "Host: liuyan.test", "Content-Length: 1000", *headers]
    writer.write("\r\n".join([*head, "", ""]).encode() + b"{")
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_stalled_body_times_out(impatient: Running) -> None:
    bearer = f"Authorization: Bearer {impatient.user.token}"
    answer = await half_a_body(impatient, "/api/v1/predict", "Content-Type: application/json", bearer)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_too_slow"' in answer
    assert b"connection: close" in answer.lower()


async def test_a_stalled_form_times_out_with_a_page(impatient: Running) -> None:
    answer = await half_a_body(impatient, "/admin/login", "Content-Type: application/x-www-form-urlencoded")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"<html" in answer


async def read_in_time(rules: BodyRules, parts: list[tuple[float, bytes]], maximum: int = MAXIMUM_BODY) -> bytes:
    """Return the body that an endpoint reads if its parts arrive at the given times of a fake clock."""
    clock = 0.0
    read: list[bytes] = []

    async def receive() -> Message:
        nonlocal clock
        at, content = parts.pop(0)
        clock = at
        return {"type": "http.request", "body": content, "more_body": bool(parts)}

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        admit_body(request, maximum)
        read.append(await request.body())

    async def send(_: Message) -> None:
        raise AssertionError("the endpoint must not respond")

    app = LimitBodies(endpoint, rules, now=lambda: clock)
    scope = {"type": "http", "headers": [(b"transfer-encoding", b"chunked")]}
    await app(scope, receive, send)
    return read[0]


async def test_a_steady_body_may_take_as_long_as_its_size_allows() -> None:
    rules = BodyRules(seconds=10, pause_seconds=60, bytes_per_second=1_000)
    part = b"x" * 2_000
    assert len(await read_in_time(rules, [(0, part), (9, part), (13, part), (15, b"")])) == 6_000


async def test_a_slow_body_times_out() -> None:
    rules = BodyRules(seconds=10, pause_seconds=60, bytes_per_second=1_000)
    with pytest.raises(Exception, match="408"):
        await read_in_time(rules, [(second, b"x") for second in range(100)])


# Memory


async def test_all_bodies_share_their_memory(impatient: Running) -> None:
    """Of two incomplete bodies that exceed the shared memory together, at least one times out."""
    bearer = f"Authorization: Bearer {impatient.user.token}"
    held = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection(impatient.host, impatient.port)
        head = ["POST /api/v1/predict HTTP/1.1", "Host: liuyan.test", "Content-Length: 1200000", bearer, "", ""]
        writer.write("\r\n".join(head).encode() + b'"' + b"x" * 1_100_000)
        await writer.drain()
        held.append((reader, writer))
    answers = []
    for reader, writer in held:
        async with asyncio.timeout(20):
            answers.append((await reader.readline())[:12])
        writer.close()
    # The second one finds no memory for its last part, or times out like the first.
    assert sorted(answers)[0] == b"HTTP/1.1 408"
    assert sorted(answers)[1] in (b"HTTP/1.1 408", b"HTTP/1.1 503")


async def test_a_body_beyond_the_shared_memory_is_rejected(api: Api) -> None:
    rules = BodyRules(shared_bytes=100_000)
    with pytest.raises(Exception, match="503"):
        await read_in_time(rules, [(0, b"x" * SMALL_BODY), (0, b"x" * 100_001), (0, b"")])
    assert len(await read_in_time(rules, [(0, b"x" * SMALL_BODY), (0, b"x" * 100_000), (0, b"")])) > 100_000


async def test_memory_is_released() -> None:
    rules = BodyRules(shared_bytes=100_000)
    sizes: list[int] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        admit_body(request, MAXIMUM_BODY)
        sizes.append(len(await request.body()))

    app = LimitBodies(endpoint, rules)

    async def send_body() -> None:
        parts = [b"x" * (SMALL_BODY + 90_000)]

        async def receive() -> Message:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}

        await app({"type": "http", "headers": [(b"content-length", b"155536")]}, receive, receive)  # type: ignore[arg-type]

    for _ in range(3):
        await send_body()
    assert sizes == [SMALL_BODY + 90_000] * 3
