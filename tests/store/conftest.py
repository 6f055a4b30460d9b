"""Stores for tests: migrated, empty and ready for writing.

Creating the tables takes a server half a second, so each kind of database is created once per run and emptied for each
test; tests of migrations and commands use fresh ones.
"""

import asyncio
import functools
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest
import pytest_asyncio
from sqlalchemy import URL, delete, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.admin_tables import metadata
from store.engine import open_engine
from store.migrate import migrate
from store.store import Store
from tests.conftest import MAIN
from tests.store.feed import ERASURE_KEY, Feed, feed_of

# Tables whose rows migrations, not the program, write.
MIGRATED = frozenset({"compatibility", "stored_keys"})


async def ready_store(url: str, lock_wait_seconds: int = 10) -> Store:
    """Migrate the database at ``url`` and open a store on it, whose comments stay out of the audit sample."""
    store = Store.open(url, lock_wait_seconds=lock_wait_seconds, audit_share=0)
    await migrate(store.engine, lambda step: None)
    await store.check_ready(ERASURE_KEY)
    return store


@functools.cache
def kept_engine(url: str, lock_wait_seconds: int) -> AsyncEngine:
    """An engine that keeps its compiled statements from test to test; closing its store closes its connections."""
    return open_engine(url, lock_wait_seconds)


async def empty_store(url: str, lock_wait_seconds: int = 10) -> Store:
    """Empty the tables at ``url`` and open a store on them, whose comments stay out of the audit sample."""
    store = Store(kept_engine(url, lock_wait_seconds), 20 + 2 * lock_wait_seconds, audit_share=0)
    async with store.writing() as session:
        for table in (one for one in reversed(metadata.sorted_tables) if one.name not in MIGRATED):
            await session.connection.execute(delete(table))
    await store.check_ready(ERASURE_KEY)
    return store


@pytest.fixture(scope="session")
def kept_database(
    _database_server: Callable[[str], URL], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Kind -> URL of a migrated database, kept for the whole run."""
    urls: dict[str, str] = {}
    with ExitStack() as drops:

        def url_of(kind: str) -> str:
            if kind not in urls:
                urls[kind] = _create(kind)
                asyncio.run(_migrate(urls[kind]))
            return urls[kind]

        def _create(kind: str) -> str:
            if kind == "sqlite":
                return f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('store') / 'liuyan.db'}"
            name = f"liuyan_store_{secrets.token_hex(6)}"
            server = _database_server(kind)
            asyncio.run(_execute(server, f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
            drops.callback(lambda: asyncio.run(_execute(server, f"DROP DATABASE {name}")))
            return server.set(database=name).render_as_string(hide_password=False)

        yield url_of


async def _migrate(url: str) -> None:
    await (await ready_store(url)).close()


async def _execute(server: URL, statement: str) -> None:
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


@pytest.fixture(params=["mysql", "mariadb", "sqlite"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database."""
    return str(request.param)


@pytest.fixture
def store_url(store_kind: str, kept_database: Callable[[str], str]) -> str:
    """The URL of the kept database of each kind."""
    return kept_database(store_kind)


@pytest.fixture
def server_url(kept_database: Callable[[str], str]) -> str:
    """The URL of the kept database on the main server."""
    return kept_database(MAIN)


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An empty store on each kind of database."""
    async with await empty_store(store_url) as store:
        yield store


@pytest_asyncio.fixture
async def server_store(server_url: str) -> AsyncIterator[Store]:
    """An empty store on the main server, with a lock timeout of two seconds."""
    async with await empty_store(server_url, lock_wait_seconds=2) as store:
        yield store


@pytest_asyncio.fixture
async def feed(store: Store) -> Feed:
    """A feed into ``store``."""
    return await feed_of(store)


@pytest_asyncio.fixture
async def server_feed(server_store: Store) -> Feed:
    """A feed into ``server_store``."""
    return await feed_of(server_store)
