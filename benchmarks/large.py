"""`make bench-large`: measure Liuyan on MySQL with ten million made-up comments.

Filling takes about twenty minutes and 8 GB of disk. With --database it uses an empty database, or one that an earlier
run has filled; its counts then include what that run wrote and purged.
"""

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.admin import QUERIES, Query
from benchmarks.kafka_size import bytes_per_event
from benchmarks.large_work import WORK
from benchmarks.made_up import NEWEST, fill
from local_stack.mysql import MySQL
from store.accounts import UserFilter, count_users
from store.analytics import Bucket, CountFilter, mix_of_all, mix_over_time
from store.dead_letter_admin import DeadLetterFilter, DeadLetterState
from store.dead_letter_counts import count_dead_letters
from store.migrate import migrate, newest_revision
from store.notices import current_notices
from store.overview import consumer_health
from store.own_work import own_work
from store.queue import remaining
from store.routes import QueueOrder
from store.search import CommentFilter
from store.store import Store

COMMENTS = 10_000_000
# The tables as the previous release leaves them; each later migration is timed.
PREVIOUS = "0017"
GIGABYTES_PER_MILLION = 1.2
ERASURE_KEY = b"a key for benchmarks only"
# An interactive page may take this long.
MAXIMUM_SECONDS = 1.0
RUNS = 20
OPTIONS = (
    "--innodb-buffer-pool-size=4G",
    "--innodb-redo-log-capacity=4G",
    "--innodb-flush-log-at-trx-commit=2",
    "--disable-log-bin",
)
# These need a comparison over all comments, which is a job in the background.
LEFT_OUT = frozenset({"models: stored comparison"})


def run(comments: int, database: str | None) -> bool:
    """Fill, measure and print. Return whether every page is fast enough."""
    if database is not None:
        return _report(database, comments)
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    needed = GIGABYTES_PER_MILLION * comments / 1e6
    if free < needed:
        sys.exit(f"bench-large: {needed:.0f} GB are needed in {tempfile.gettempdir()}, but only {free:.0f} GB are free")
    with MySQL(OPTIONS) as mysql:
        return _report(mysql.create_database("large"), comments)


def _report(url: str, comments: int) -> bool:
    console = Console()
    passed = asyncio.run(_measure(url, comments, console))
    for compression, size in bytes_per_event().items():
        console.print(f"Kafka, compression {compression}: {size:.0f} bytes per event and replica")
    return passed


async def _measure(url: str, comments: int, console: Console) -> bool:
    async with Store.open(url) as store:
        await _migrate(store, PREVIOUS, console)
        if not await store.read(_is_filled):
            await fill(store, comments)
        await _migrate(store, newest_revision(), console)
        await store.check_ready(ERASURE_KEY)
        passed = await _pages(store, console)
        for name, work in WORK.items():
            console.print(f"{name}: {await work(store)}")
    return passed


async def _is_filled(connection: AsyncConnection) -> bool:
    return (await connection.execute(text("SELECT 1 FROM reviewer_counts LIMIT 1"))).first() is not None


async def _migrate(store: Store, to: str, console: Console) -> None:
    """Apply migrations one by one and print how long each took, if there are comments."""
    started = time.perf_counter()

    def report(step: str) -> None:
        nonlocal started
        console.print(f"migration {step}: {time.perf_counter() - started:.1f} s")
        started = time.perf_counter()

    await migrate(store.engine, report, to=to)


async def _pages(store: Store, console: Console) -> bool:
    table = Table("page", "median", "slowest of 20", "", box=None)
    passed = True
    for query in (*HOME, *QUERIES):
        if query.name in LEFT_OUT:
            continue
        seconds = await _seconds(store, query)
        good = max(seconds) < MAXIMUM_SECONDS
        passed = passed and good
        times = (f"{1000 * one:,.0f} ms" for one in (statistics.median(seconds), max(seconds)))
        table.add_row(query.name, *times, "" if good else "too slow")
    console.print(table)
    return passed


async def _seconds(store: Store, query: Query) -> Sequence[float]:
    chance, seconds = random.Random(7), []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        await query.run(store, chance)
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


async def _home(store: Store, chance: random.Random) -> None:
    """Read what the home page of an admin shows, at the time of the newest comments."""
    shanghai = timedelta(hours=8)
    await store.read(current_notices, datetime.now(UTC))
    await store.read(mix_over_time, CountFilter(created_from=NEWEST - timedelta(days=14)), Bucket.DAY, shanghai)
    await store.read(own_work, chance.randrange(1, 9), NEWEST - timedelta(days=30))
    await store.read(remaining, QueueOrder.UNCERTAIN, CommentFilter(uncertain=True))
    await store.read(mix_of_all, CountFilter(created_from=NEWEST - timedelta(hours=24)))
    await store.read(count_dead_letters, DeadLetterFilter(states=frozenset({DeadLetterState.OPEN})))
    await store.read(count_users, UserFilter(state="waiting"))
    await store.read(consumer_health)


async def _dashboard(store: Store, days: int) -> None:
    """Read a view as Grafana's panels do."""
    query = text(
        "SELECT UNIX_TIMESTAMP(hour) DIV 86400, SUM(negative) / NULLIF(SUM(comments), 0) FROM dashboard_hours "
        "WHERE active = 1 AND platform IN ('platform-00', 'platform-07') AND hour BETWEEN :first AND :last GROUP BY 1"
    )
    values = {"first": NEWEST.replace(tzinfo=None) - timedelta(days=days), "last": NEWEST.replace(tzinfo=None)}
    async with store.reading() as connection:
        await connection.execute(query, values)


async def _platforms(store: Store) -> None:
    """Read the list of platforms for the dashboard's menu."""
    async with store.reading() as connection:
        await connection.execute(text("SELECT DISTINCT platform FROM dashboard_hours WHERE active = 1"))


HOME = (
    Query("home, for an admin", _home),
    Query("dashboard: 30 days", lambda store, _: _dashboard(store, 30)),
    Query("dashboard: 2 years", lambda store, _: _dashboard(store, 730)),
    Query("dashboard: list of platforms", lambda store, _: _platforms(store)),
)


def main() -> int:
    """Return the exit status: 0 if every page is fast enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comments", type=int, default=COMMENTS)
    parser.add_argument("--database", help="SQLAlchemy URL of a database on MySQL")
    options = parser.parse_args()
    return 0 if run(options.comments, options.database) else 1


if __name__ == "__main__":
    sys.exit(main())
