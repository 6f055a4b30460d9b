"""Times are the database's, so that a wrong clock of one machine harms nobody."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from store.clock import database_now, trusted_now
from store.engine import open_engine
from store.store import Store
from store.types import stored_time
from tests.faults.clock import DAY, Clock

NEAR = timedelta(minutes=5)


@pytest.fixture
async def store_ahead(server_url: str) -> AsyncIterator[Callable[[int], Store]]:
    """Seconds -> a store whose database's clock is that far ahead of this machine's."""
    async with AsyncExitStack() as stores:

        def create(seconds: int) -> Store:
            def set_time(connection: Any, _record: object) -> None:
                connection.cursor().execute(f"SET SESSION timestamp = {time.time() + seconds}")

            engine = open_engine(server_url, 2)
            event.listen(engine.sync_engine, "connect", set_time)
            store = Store(engine, 20)
            stores.push_async_callback(store.close)
            return store

        yield create


def is_near(found: datetime, expected: datetime) -> bool:
    return abs(found - expected) < NEAR


async def writing_now(store: Store) -> datetime:
    async with store.writing() as session:
        return stored_time(session.now)


@pytest.mark.parametrize("days", [1, -1])
@pytest.mark.parametrize("read", [writing_now, Store.now, lambda store: store.read(database_now)])
async def test_the_databases_time_is_used(
    store_ahead: Callable[[int], Store], read: Callable[[Store], Awaitable[datetime]], days: int
) -> None:
    assert is_near(await read(store_ahead(days * DAY)), datetime.now(UTC) + timedelta(days=days))


async def test_times_of_a_machine_whose_clock_is_right_keep_their_order(store: Store) -> None:
    before = datetime.now(UTC)
    first, second = await writing_now(store), await store.now()
    assert before <= first <= second <= datetime.now(UTC)


async def test_a_fast_clock_deletes_nothing(store_ahead: Callable[[int], Store]) -> None:
    now = datetime.now(UTC)
    assert is_near(await store_ahead(-DAY).read(trusted_now), now - timedelta(days=1))
    assert is_near(await store_ahead(DAY).read(trusted_now), now)


PROGRAM = """
import asyncio, os, sys, time
from pathlib import Path
from store.store import Store
from tests.faults.clock import Clock

async def main(url, folder):
    clock = Clock(Path(folder), "machine")
    async with Store.open(url) as store:
        for ahead in (0, 86400, -86400, 0):
            clock.set(ahead)
            print(time.time(), (await store.now()).timestamp())

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_clock_that_is_set_is_noticed(server_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, **Clock(tmp_path, "machine").environment()}
    command = [sys.executable, "-c", PROGRAM, server_url, str(tmp_path)]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    times = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    now = time.time()
    assert [round((wall - now) / DAY) for wall, _ in times] == [0, 1, -1, 0]
    assert all(abs(database - now) < NEAR.total_seconds() for _, database in times)
