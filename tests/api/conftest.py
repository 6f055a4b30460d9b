"""An application in memory, over a store of its own and the shipped model."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from liuyan.api.app import create_app
from liuyan.api.metrics import Metrics
from liuyan.api.predictor import Predictor
from liuyan.model.labeller import Labeller, load_labeller
from liuyan.store.migrate import migrate
from liuyan.store.store import Store
from tests.store.feed import ERASURE_KEY, Feed, feed_of


@dataclass(frozen=True)
class Api:
    """What a test asks, fills and looks at."""

    client: httpx.AsyncClient
    app: FastAPI
    store: Store
    feed: Feed
    registry: CollectorRegistry


@pytest.fixture(scope="session")
def labeller() -> Labeller:
    return load_labeller()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'liuyan.db'}"


@pytest_asyncio.fixture
async def api(sqlite_url: str, labeller: Labeller) -> AsyncIterator[Api]:
    """The application over SQLite."""
    async for api in _api(sqlite_url, labeller):
        yield api


@pytest_asyncio.fixture
async def server_api(database_url: str, labeller: Labeller) -> AsyncIterator[Api]:
    """The application over the run's main database server."""
    async for api in _api(database_url, labeller):
        yield api


async def _api(url: str, labeller: Labeller) -> AsyncIterator[Api]:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    async with Store.open(url) as store:
        await migrate(store.engine, lambda step: None)
        await store.check_ready(ERASURE_KEY)
        with Predictor(labeller, metrics) as predictor:
            app = create_app(store, predictor, metrics)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://liuyan.test") as client:
                yield Api(client, app, store, await feed_of(store), registry)
