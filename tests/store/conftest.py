"""Stores to test with: migrated, empty, and ready to write."""

from collections.abc import AsyncIterator

import pytest_asyncio

from liuyan.store.migrate import migrate
from liuyan.store.store import Store
from tests.store.feed import ERASURE_KEY, Feed, feed_of


async def ready_store(url: str, lock_wait_seconds: int = 10) -> Store:
    store = Store.open(url, lock_wait_seconds=lock_wait_seconds)
    await migrate(store.engine, lambda step: None)
    await store.check_ready(ERASURE_KEY)
    return store


@pytest_asyncio.fixture
async def store(every_database_url: str) -> AsyncIterator[Store]:
    """A store on MySQL, MariaDB and SQLite in turn."""
    async with await ready_store(every_database_url) as store:
        yield store


@pytest_asyncio.fixture
async def server_store(database_url: str) -> AsyncIterator[Store]:
    """A store on the run's main server, whose sessions wait two seconds for a lock."""
    async with await ready_store(database_url, lock_wait_seconds=2) as store:
        yield store


@pytest_asyncio.fixture
async def feed(store: Store) -> Feed:
    """A feed into ``store``."""
    return await feed_of(store)


@pytest_asyncio.fixture
async def server_feed(server_store: Store) -> Feed:
    """A feed into ``server_store``."""
    return await feed_of(server_store)
