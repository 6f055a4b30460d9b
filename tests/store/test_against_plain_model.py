"""Any events, cut into batches anywhere, leave what the contract says: the store against a dictionary."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from liuyan.store.admin_tables import metadata
from liuyan.store.batch import Arrival, DeadLetter, Label, Tombstone
from liuyan.store.check import recount
from liuyan.store.store import Store
from tests.store.conftest import ready_store
from tests.store.feed import Feed, arrival, dead_letter, feed_of, tombstone
from tests.store.plain_model import PlainModel
from tests.store.tables_read import read_contents

IDS = st.sampled_from(["1", "1", "1", "a", "A"])
MINUTES = st.integers(0, 4).map(lambda step: step * 45.0)

arrivals = st.builds(
    lambda id, text, created, edit, author, label, uncertain: arrival(
        id,
        text,
        created=created,
        edited=None if edit is None else created + edit,
        author=author,
        label=label,
        probability=0.9 if label is Label.POSITIVE else 0.2,
        uncertain=uncertain,
    ),
    IDS,
    st.sampled_from(["好", "不好", "好 "]),
    MINUTES,
    st.none() | MINUTES,
    st.sampled_from([None, "甲"]),
    st.sampled_from(Label),
    st.booleans(),
)
tombstones = st.builds(tombstone, IDS, MINUTES)
letters = st.builds(lambda id: dead_letter(key=f"forum:{id}".encode()), IDS)
batches = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.lists(arrivals | arrivals | arrivals | tombstones | letters, max_size=16)),
    max_size=6,
)
Records = list[Arrival | Tombstone | DeadLetter]


def test_any_events_in_any_batches_leave_what_the_contract_says() -> None:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        store = runner.run(ready_store(f"sqlite+aiosqlite:///{Path(folder) / 'liuyan.db'}"))

        @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
        @given(batches)
        def compare(batches: list[tuple[int, Records]]) -> None:
            runner.run(_compare(store, batches))

        try:
            compare()
        finally:
            runner.run(store.close())


async def _compare(store: Store, batches: list[tuple[int, Records]]) -> None:
    await _empty(store)
    feeds = [await feed_of(store, sha256) for sha256 in ("a" * 64, "b" * 64)]
    plain = PlainModel()
    offset = 0
    for which, records in batches:
        placed = [_at(record, offset + at) for at, record in enumerate(records)]
        offset = await _send(feeds[which], offset, placed)
        for record in placed:
            plain.take(record, feeds[which].model.number)
    assert await read_contents(store) == plain.contents()
    assert await recount(store) == []


async def _send(feed: Feed, offset: int, records: Records) -> int:
    feed.offset = offset
    await feed.send(*records)
    return feed.offset


def _at(record: Arrival | Tombstone | DeadLetter, offset: int) -> Arrival | Tombstone | DeadLetter:
    return dead_letter(offset, record.key) if isinstance(record, DeadLetter) else record


async def _empty(store: Store) -> None:
    async with store.writing() as session:
        for table in reversed(metadata.sorted_tables):
            if table.name != "key_checks":
                await session.connection.execute(delete(table))
