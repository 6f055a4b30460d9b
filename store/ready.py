"""Open a store for commands, with up-to-date tables, and probe the database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from liuyan.reachable import ANSWER_SECONDS, Reachable
from liuyan.settings import Settings, load_settings
from store.errors import OUTAGES
from store.models import read_active
from store.store import Store

Answer = TypeVar("Answer")


@asynccontextmanager
async def ready_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the store of ``settings`` and check it. Raises SettingsError and the errors of ``Store.check_ready``."""
    async with Store.open(settings.required_database_url(), lock_wait_seconds=settings.lock_wait_seconds) as store:
        await store.check_ready()
        yield store


def with_store(work: Callable[[Store], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run a command's ``work`` with the store in a new event loop. Raises what ``ready_store`` and ``work`` raise."""

    async def run() -> Answer:
        async with ready_store(load_settings()) as store:
            return await work(store)

    return asyncio.run(run())


def database_reachable(store: Store) -> Reachable:
    """Return a probe that checks whether the database answers."""

    async def ask() -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            await store.read(read_active)

    return Reachable("database", "The database", ask, outages=OUTAGES)
