"""Fixtures: the application in memory, with its own database and the shipped model."""

import asyncio
import functools
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette

from api.app import create_app
from api.identity.roles import Role
from api.metrics import Metrics
from api.paths import MountAll
from api.predictor import Predictor
from api.services import Services
from model.labeller import Labeller, load_labeller
from store.engine import open_engine
from store.migrate import migrate
from store.store import Store
from tests.api.people import QUICK_PASSWORDS, Person, add_person, session_headers, settings_for_tests
from tests.api.reviewers import Reviewer, add_reviewer
from tests.store.feed import ERASURE_KEY, Feed, feed_of


class Clock:
    """The clock for the expiry of sessions and tokens: real time, plus an offset that tests set."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Api:
    """The application under test, with clients and a feed of comment events.

    ``client`` sends an admin's token, ``page`` the same admin's confirmed session, ``anonymous`` no credentials.
    """

    client: httpx.AsyncClient
    page: httpx.AsyncClient
    anonymous: httpx.AsyncClient
    app: FastAPI
    services: Services
    store: Store
    feed: Feed
    registry: CollectorRegistry
    clock: Clock
    admin: Person


class BuiltApp:
    """An application that serves one test after the other: building its routes and templates takes longer than a test.

    Its metrics count over all tests that it serves.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self._app: FastAPI | None = None

    def over(self, services: Services) -> FastAPI:
        """The application over ``services``, which replace those of the test before."""
        if self._app is None:
            self._app = create_app(services)
        self._app.state.services = services
        for mount in self._app.routes:
            if isinstance(mount, MountAll) and isinstance(mount.app, Starlette):
                mount.app.state.services = services
        return self._app


@pytest.fixture(scope="session")
def labeller() -> Labeller:
    return load_labeller()


@pytest.fixture(scope="session")
def built_app() -> BuiltApp:
    """The application that all tests share."""
    return BuiltApp()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'liuyan.db'}"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file with the erasure key, created once and copied for each test."""
    file = tmp_path_factory.mktemp("api") / "migrated.db"
    asyncio.run(_prepare(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def kept_engine(migrated_file: Path) -> AsyncEngine:
    """An engine that keeps its compiled statements from test to test; its database is replaced for each test."""
    return open_engine(f"sqlite+aiosqlite:///{migrated_file.with_name('kept.db')}", lock_wait_seconds=10)


@pytest.fixture
def kept_store(kept_engine: AsyncEngine, migrated_file: Path) -> Store:
    """A store on a migrated SQLite database. Closing it closes the connections of the engine."""
    file = Path(str(kept_engine.url.database))
    for suffix in ("-wal", "-shm"):  # Left by a connection that a test did not close; they belong to the old database.
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    shutil.copy(migrated_file, file)
    return Store(kept_engine, 40, audit_share=0)


@pytest_asyncio.fixture
async def api(kept_store: Store, labeller: Labeller, built_app: BuiltApp) -> AsyncIterator[Api]:
    """The application with SQLite."""
    async for api in _api(kept_store, labeller, built_app):
        yield api


@pytest_asyncio.fixture
async def own_api(kept_store: Store, labeller: Labeller) -> AsyncIterator[Api]:
    """A separate application for a test that changes it or reads absolute metrics."""
    async for api in _api(kept_store, labeller, BuiltApp()):
        yield api


@pytest_asyncio.fixture
async def server_api(migrated_url: str, labeller: Labeller, built_app: BuiltApp) -> AsyncIterator[Api]:
    """The application with the test run's database server."""
    async for api in _api(Store.open(migrated_url, audit_share=0), labeller, built_app):
        yield api


async def _prepare(url: str) -> None:
    async with Store.open(url) as store:
        await migrate(store.engine, lambda step: None)
        await store.check_ready(ERASURE_KEY)


async def _api(store: Store, labeller: Labeller, built: BuiltApp) -> AsyncIterator[Api]:
    clock = Clock()
    async with store:
        await store.check_ready(ERASURE_KEY)
        with Predictor(labeller, built.metrics) as predictor:
            services = Services(store, predictor, settings_for_tests(), QUICK_PASSWORDS, clock, metrics=built.metrics)
            app = built.over(services)
            admin = await add_person(store, "admin", Role.ADMIN, now=clock())
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            asking = functools.partial(httpx.AsyncClient, transport=transport, base_url="http://liuyan.test")
            async with (
                asking(headers=admin.bearer) as client,
                asking(headers=session_headers(admin.session)) as page,
                asking() as anonymous,
            ):
                feed = await feed_of(store)
                yield Api(client, page, anonymous, app, services, store, feed, built.registry, clock, admin)


@pytest_asyncio.fixture
async def reviewer(api: Api) -> Reviewer:
    """A reviewer."""
    return await add_reviewer(api, "审一")


@pytest_asyncio.fixture
async def second(api: Api) -> Reviewer:
    """Another reviewer."""
    return await add_reviewer(api, "审二")
