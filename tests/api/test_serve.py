"""The API process: it serves over TCP, survives database outages, and reports startup errors in one line."""

import asyncio
import hashlib
import json
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

import model
from api.identity.roles import Role
from api.serve import running_api
from liuyan.errors import LiuyanError, SettingsError
from liuyan.health import AddressError
from liuyan.settings import Settings
from local_stack.mariadb import MariaDB
from model.errors import ArtifactError
from store.errors import DatabaseUnavailableError, MigrationsPendingError
from store.migrate import migrate
from store.models import register_model
from store.store import Store
from tests.api.people import add_person, settings_for_tests
from tests.api.test_comments import problem
from tests.harness import Installation, Process, free_port, get

ARTIFACT = Path(model.__file__).parent / "artifact"
SECRET_TEXT = "这句话不应该出现在日志里"

pytestmark = [pytest.mark.timeout(60), pytest.mark.programs]


def settings(database_url: str | None, health: str = "127.0.0.1:0") -> Settings:
    url = SecretStr(database_url) if database_url else None
    return settings_for_tests(database_url=url, api_address=health)


async def migrated(url: str) -> str:
    async with Store.open(url) as store:
        await migrate(store.engine, lambda step: None)
    return url


async def admin_of(url: str) -> dict[str, str]:
    """Create an admin and return the headers with its token."""
    async with Store.open(url) as store:
        return (await add_person(store, "admin", Role.ADMIN, now=datetime.now(UTC))).bearer


@asynccontextmanager
async def serving(url: str, **changes: object) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Run the API over TCP and yield clients for it and for its health endpoints."""
    health = f"127.0.0.1:{free_port()}"
    bearer = await admin_of(url)
    async with (
        running_api(settings(url, health).model_copy(update=changes), "127.0.0.1", 0) as address,
        httpx.AsyncClient(base_url=address, timeout=30, headers=bearer) as api,
        httpx.AsyncClient(base_url=f"http://{health}", timeout=30) as probe,
    ):
        yield api, probe


def test_the_command_serves_until_sigterm_and_logs_no_texts(tmp_path: Path, sqlite_url: str) -> None:
    asyncio.run(migrated(sqlite_url))
    bearer = asyncio.run(admin_of(sqlite_url))
    installation = Installation("127.0.0.1:9", "comments", sqlite_url, tmp_path)
    port = free_port()
    environment = installation.environment(LIUYAN_LOG_FORMAT="json")
    with Process(["api", "serve", "--port", str(port)], environment, tmp_path) as process:
        installation.wait_for(lambda: _answers(port), seconds=40, process=process)
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, headers=bearer, timeout=30) as client:
            assert client.get("/api/v1/comments").json()["items"] == []
            assert client.post("/api/v1/predict", json={"texts": [SECRET_TEXT]}).status_code == 200
            assert client.get(f"/api/v1/comments/forum/{SECRET_TEXT}").status_code == 404
        assert get(f"{url}/metrics")[0] == 404
        process.send(signal.SIGTERM)
        assert process.wait(15) == 0
        lines = [json.loads(line) for line in process.output().splitlines()]
    assert [line["event"] for line in lines] == ["serving", "stopping"]
    assert lines[0]["url"] == url
    assert SECRET_TEXT not in str(lines)


async def test_health_endpoints(sqlite_url: str) -> None:
    async with serving(await migrated(sqlite_url)) as (api, probe):
        await api.post("/api/v1/predict", json={"texts": ["好"]})
        ready = await probe.get("/readyz")
        assert ready.status_code == 200
        assert [(check["name"], check["ok"]) for check in ready.json()["checks"]] == [
            ("database", True),
            ("model", True),
            ("event_loop", True),
        ]
        assert (await probe.get("/livez")).status_code == 200
        metrics = (await probe.get("/metrics")).text
        assert 'liuyan_api_requests_total{method="POST",route="/api/v1/predict",status="200"} 1.0' in metrics


async def test_a_request_in_progress_is_finished(sqlite_url: str) -> None:
    texts = [f"{number} " + "包装很好，下次还会再来，就是送得有点慢。" * 20 for number in range(1_000)]
    bearer = await admin_of(await migrated(sqlite_url))
    async with httpx.AsyncClient(timeout=30, headers=bearer) as client:
        async with running_api(settings(sqlite_url), "127.0.0.1", 0) as url:
            working = asyncio.create_task(client.post(f"{url}/api/v1/predict", json={"texts": texts}))
            await asyncio.sleep(0.1)
            assert not working.done()
        answer = await working
    assert len(answer.json()["predictions"]) == 1_000


@pytest.mark.server
async def test_it_survives_database_outages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.serve.QUERY_SECONDS", 1)
    with MariaDB() as server:
        async with serving(await migrated(server.create_database("liuyan"))) as (api, probe):
            assert (await api.get("/api/v1/comments")).status_code == 200
            await asyncio.to_thread(server.pause)
            assert problem(await api.get("/api/v1/comments"), 503)["code"] == "database_unavailable"
            began = time.monotonic()
            ready = await probe.get("/readyz")
            assert (ready.status_code, time.monotonic() - began < 3) == (503, True)
            assert ready.json()["checks"][0]["detail"] == "The database does not answer."
            await asyncio.to_thread(server.resume)
            assert (await probe.get("/readyz")).status_code == 200
            await asyncio.to_thread(server.kill)
            ready = await probe.get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["checks"][0]["detail"] == "The database does not answer."
            assert (await probe.get("/livez")).status_code == 200
            assert problem(await api.get("/api/v1/comments"), 503)["code"] == "database_unavailable"
            assert problem(await api.get("/api/v1/comments/forum/1"), 503)["code"] == "database_unavailable"
            assert (
                problem(await api.post("/api/v1/predict", json={"texts": ["好"]}), 503)["code"]
                == "database_unavailable"
            )
            await asyncio.to_thread(server.restart)
            assert (await api.get("/api/v1/comments")).json()["items"] == []
            assert (await probe.get("/readyz")).status_code == 200


def test_pending_migrations_are_reported_in_one_line(tmp_path: Path) -> None:
    done = Installation("127.0.0.1:9", "comments", f"sqlite+aiosqlite:///{tmp_path / 'new.db'}", tmp_path).run(
        "api", "serve", "--port", "0"
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("liuyan: ")
    assert "`liuyan store migrate`" in line


async def startup_error(kind: type[LiuyanError], settings: Settings, port: int = 0) -> str:
    """Start the API, which must fail, and return the error message."""
    with pytest.raises(kind) as caught:
        async with running_api(settings, "127.0.0.1", port):
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_no_secret_key() -> None:
    sentence = await startup_error(SettingsError, Settings())
    assert "LIUYAN_SECRET_KEY is not set" in sentence
    assert "`openssl rand -hex 32`" in sentence


async def test_no_database_url() -> None:
    assert "LIUYAN_DATABASE_URL is not set" in await startup_error(LiuyanError, settings(None))


async def test_no_database_server() -> None:
    port = free_port()
    url = f"mysql+aiomysql://liuyan:wrong-password@127.0.0.1:{port}/liuyan"
    line = await startup_error(DatabaseUnavailableError, settings(url))
    assert f"127.0.0.1:{port}" in line
    assert "wrong-password" not in line


async def test_a_wrong_password(database_url: str) -> None:
    url = make_url(database_url).set(username="nobody", password="wrong-password")
    line = await startup_error(DatabaseUnavailableError, settings(url.render_as_string(hide_password=False)))
    assert "nobody" in line
    assert "wrong-password" not in line


async def test_pending_migrations(database_url: str) -> None:
    assert "`liuyan store migrate`" in await startup_error(MigrationsPendingError, settings(database_url))


async def test_the_active_model_is_loaded_and_must_exist(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "another"
    shutil.copytree(ARTIFACT, folder)
    changed, sums = folder / "metrics.json", folder / "SHA256SUMS"
    before = hashlib.sha256(changed.read_bytes()).hexdigest()
    changed.write_bytes(changed.read_bytes() + b"\n")
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(changed.read_bytes()).hexdigest()))
    sha256 = hashlib.sha256(sums.read_bytes()).hexdigest()
    async with Store.open(await migrated(sqlite_url)) as store:
        await register_model(store, sha256, "another", 0.3, 0.7)
    missing = await startup_error(ArtifactError, settings(sqlite_url))
    assert "model 1 (another) is not in the database" in missing
    found = settings(sqlite_url).model_copy(update={"models_dir": tmp_path / "models"})
    bearer = await admin_of(sqlite_url)
    async with running_api(found, "127.0.0.1", 0) as url, httpx.AsyncClient(headers=bearer) as client:
        answer = await client.post(f"{url}/api/v1/predict", json={"texts": ["好"]})
    assert answer.json()["model"] == sha256


async def test_a_port_in_use(sqlite_url: str) -> None:
    url = await migrated(sqlite_url)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = f"Cannot listen on 127.0.0.1:{port} (Address already in use)"
        assert sentence in await startup_error(AddressError, settings(url), port=port)
        assert sentence in await startup_error(AddressError, settings(url, health=f"127.0.0.1:{port}"))


def _answers(port: int) -> bool:
    with socket.socket() as client:
        if client.connect_ex(("127.0.0.1", port)) != 0:
            return False
    return get(f"http://127.0.0.1:{port}/docs/start.js")[0] == 200
