"""What consumers and commands do on a large database, measured one after the other for `make bench-large`."""

import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import text

from benchmarks.made_up import DAYS, NEWEST, PLATFORMS, texts
from store.audit import Actor
from store.author_erasures import order_erasure
from store.authors import Author, AuthoredComment, comments_of
from store.batch import Arrival, Batch, Content, Label, Prediction, Tombstone
from store.lock_keys import new_token
from store.repair import find_differences
from store.retention import Rules, count_purgeable, purge
from store.store import Store
from store.write import write_batch

ADMIN = Actor(1, "admin", "command", None)
MODEL = 1
BATCHES, BATCH = 40, 500
PURGED_DAYS = 10
# A platform's comments of one author are read and erased in pages, like a consumer does.
PAGE = 500

# Returns sentences for the report.
Measure = Callable[[Store], Awaitable[str]]


async def write(store: Store) -> str:
    """Store new comments in batches, as a consumer does after labelling."""
    chance, written = random.Random(5), texts(2_000)
    seconds = []
    for batch in range(BATCHES):
        arrivals = [_arrival(f"new-{batch}-{one}", chance, written) for one in range(BATCH)]
        seconds.append(await _timed(store.write(write_batch, Batch(MODEL, (), arrivals))))
    return f"{BATCH / statistics.median(seconds):,.0f} rows/s in batches of {BATCH}"


def _arrival(id: str, chance: random.Random, written: list[str]) -> Arrival:
    at = NEWEST - timedelta(seconds=chance.randrange(86_400))
    version = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    author, thread = f"u{chance.randrange(20_000)}", f"t{chance.randrange(50_000)}"
    content = Content(chance.choice(written) + id, version, at, None, author, thread)
    probability = chance.random()
    label = Label.POSITIVE if probability >= 0.5 else Label.NEGATIVE
    return Arrival(chance.choice(PLATFORMS), id, content, Prediction(label, probability, 0.3 <= probability <= 0.7))


async def erase_author(store: Store) -> str:
    """Find and erase all comments of an author with tombstones."""
    author = Author(PLATFORMS[0], "u4711")
    ordered = await _timed(store.write(order_erasure, ADMIN, author))
    started, erased = time.perf_counter(), 0
    after: AuthoredComment | None = None
    while found := await store.read(comments_of, author, after, PAGE):
        now = time.time_ns() // 1_000
        tombstones = [Tombstone(author.platform, one.id, now) for one in found]
        await store.write(write_batch, Batch(MODEL, (), tombstones))
        after, erased = found[-1], erased + len(found)
    seconds = time.perf_counter() - started
    return f"order {1000 * ordered:.0f} ms, {erased} comments in {seconds:.2f} s"


async def purge_oldest(store: Store) -> str:
    """Purge the oldest days, and count first what would be purged."""
    oldest = NEWEST - timedelta(days=DAYS)
    days = (datetime.now(UTC) - oldest).days - PURGED_DAYS
    rules = Rules(days, 0, 0, 0, 0, 0, reviewed=False)
    started = time.perf_counter()
    async with store.reading(patient=True) as connection:
        expected = await count_purgeable(connection, rules)
    dry = time.perf_counter() - started
    steps = [time.perf_counter()]
    done = await purge(store, rules, ADMIN, new_token(), lambda *_: steps.append(time.perf_counter()))
    if done.comments == 0:
        return f"dry run {dry:.1f} s; an earlier run has purged everything"
    gaps = [after - before for before, after in pairwise(steps[1:])]
    return (
        f"dry run {dry:.1f} s for {expected.comments:,}; {done.comments / sum(gaps):,.0f} comments/s, "
        f"longest step {1000 * max(gaps):.0f} ms"
    )


async def check(store: Store) -> str:
    """Recount everything, as `liuyan store check` does."""
    started = time.perf_counter()
    async with store.reading(patient=True) as connection:
        differences = await find_differences(connection)
    return f"{time.perf_counter() - started:.0f} s, {len(differences)} differences"


async def sizes(store: Store) -> str:
    """Return the megabytes of all tables in files, per million comments."""
    files = text("SELECT SUM(file_size) FROM information_schema.innodb_tablespaces WHERE name LIKE :tables")
    parts = text(
        "SELECT table_name, data_length / 1e6, index_length / 1e6 FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND data_length > 5e7 ORDER BY data_length + index_length DESC"
    )
    async with store.reading(patient=True) as connection:
        total = (await connection.execute(files, {"tables": f"{store.engine.url.database}/%"})).scalar_one()
        comments = (await connection.execute(text("SELECT COUNT(*) FROM comments"))).scalar_one()
        tables = (await connection.execute(parts)).all()
    listed = ", ".join(f"{name} {data:,.0f} + {index:,.0f}" for name, data, index in tables)
    return f"{total / comments:,.0f} MB per million comments in files; data + indexes in MB: {listed}"


WORK: dict[str, Measure] = {
    "size": sizes,
    "consumer: write": write,
    "store check": check,
    "erase author": erase_author,
    "store purge": purge_oldest,
}


async def _timed(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started
