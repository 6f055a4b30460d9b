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
from starlette.applications import Starlette

from api.app import create_app
from api.identity.roles import Role
from api.metrics import Metrics
from api.paths import MountAll
from api.predictor import Predictor
from api.services import Services
from model.labeller import Labeller, load_labeller
from store.migrate import migrate
from store.store import Store
from tests.api.people import QUICK_PASSWORDS, Person, add_person, session_headers, settings_for_tests
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
            self._app = create_app(services, self.metrics)
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


@pytest.fixture
def migrated_url(sqlite_url: str, migrated_file: Path) -> str:
    """A migrated SQLite database."""
    shutil.copy(migrated_file, sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    return sqlite_url


@pytest_asyncio.fixture
async def api(migrated_url: str, labeller: Labeller, built_app: BuiltApp) -> AsyncIterator[Api]:
    """The application with SQLite."""
    async for api in _api(migrated_url, labeller, built_app):
        yield api


@pytest_asyncio.fixture
async def own_api(migrated_url: str, labeller: Labeller) -> AsyncIterator[Api]:
    """A separate application for a test that changes it or reads absolute metrics."""
    async for api in _api(migrated_url, labeller, BuiltApp()):
        yield api


@pytest_asyncio.fixture
async def server_api(database_url: str, labeller: Labeller, built_app: BuiltApp) -> AsyncIterator[Api]:
    """The application with the test run's database server."""
    await _prepare(database_url)
    async for api in _api(database_url, labeller, built_app):
        yield api


async def _prepare(url: str) -> None:
    async with Store.open(url) as store:
        await migrate(store.engine, lambda step: None)
        await store.check_ready(ERASURE_KEY)


async def _api(url: str, labeller: Labeller, built: BuiltApp) -> AsyncIterator[Api]:
    clock = Clock()
    async with Store.open(url, audit_share=0) as store:
        await store.check_ready(ERASURE_KEY)
        with Predictor(labeller, built.metrics) as predictor:
            services = Services(store, predictor, settings_for_tests(), QUICK_PASSWORDS, clock)
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
