"""The counts of a database that the benchmarks fill are those of its rows."""

from collections.abc import Callable

import pytest

from benchmarks.made_up import CHUNK_SIZE, fill
from store.migrate import migrate
from store.repair import find_differences
from store.store import Store


@pytest.fixture
def mysql_url(_new_database: Callable[[str], str]) -> str:
    """The URL of an empty database on MySQL."""
    return _new_database("mysql")


@pytest.mark.long
async def test_made_up_comments_are_counted(mysql_url: str) -> None:
    async with Store.open(mysql_url) as store:
        await migrate(store.engine, lambda step: None)
        await fill(store, 3 * CHUNK_SIZE)
        async with store.reading(patient=True) as connection:
            found = await find_differences(connection)
    assert len(found) == 0, (found.hourly[:3], found.sums[:3], found.comments[:3])
