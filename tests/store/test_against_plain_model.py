"""Property test: for any events in any batches, the store has the same contents as the reference implementation."""

import asyncio
import tempfile
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from store.admin_tables import metadata
from store.audit import Actor
from store.batch import Arrival, DeadLetter, Label, Tombstone
from store.check import recount, recount_comments, recount_sums
from store.comments import ShownLabel
from store.errors import EditedMeanwhileError, NoCommentError, NothingToUndoError
from store.reviews import Opinion, add_review, undo_review
from store.store import Store
from tests.store.conftest import MIGRATED, ready_store
from tests.store.feed import Feed, arrival, dead_letter, feed_of, minutes, tombstone
from tests.store.plain_model import PlainModel
from tests.store.tables_read import read_contents


@dataclass(frozen=True)
class Review:
    """A review of the current version of a comment (``seen``) or of an older one."""

    id: str
    reviewer: int
    label: ShownLabel
    seen: bool


@dataclass(frozen=True)
class Undo:
    """A reviewer withdraws their last review."""

    id: str
    reviewer: int


IDS = st.sampled_from(["1", "1", "1", "1", "1", "a", "A"])
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
    st.sampled_from(["好", "好", "不好", "好 "]),
    MINUTES,
    st.none() | MINUTES,
    st.sampled_from([None, "甲"]),
    st.sampled_from(Label),
    st.booleans(),
)
tombstones = st.builds(tombstone, IDS, st.sampled_from([-2.0, 0.0, 45.0]))
letters = st.builds(lambda id: dead_letter(key=f"forum:{id}".encode()), IDS)
events = st.one_of(*[arrivals] * 8, tombstones, letters)
batches = st.tuples(st.sampled_from([0, 1]), st.lists(events, min_size=1, max_size=6))
REVIEWERS = st.sampled_from([7, 7, 8])
reviews = st.builds(Review, IDS, REVIEWERS, st.sampled_from(ShownLabel), st.sampled_from([True, True, True, False]))
undos = st.builds(Undo, IDS, REVIEWERS)
steps = st.lists(st.one_of(batches, batches, batches, reviews, reviews, reviews, undos), min_size=6, max_size=14)
Records = list[Arrival | Tombstone | DeadLetter]
Step = tuple[int, Records] | Review | Undo


REFUSED = {"missing": NoCommentError, "edited": EditedMeanwhileError, "nothing": NothingToUndoError}


@pytest.mark.minutes
@pytest.mark.parametrize("examples", [100, pytest.param(2_500, marks=[pytest.mark.long, pytest.mark.timeout(1_200)])])
def test_any_events_and_reviews_match_the_plain_model(examples: int) -> None:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        store = runner.run(ready_store(f"sqlite+aiosqlite:///{Path(folder) / 'liuyan.db'}"))

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(steps)
        def compare(steps: list[Step]) -> None:
            runner.run(_compare(store, steps))

        try:
            compare()
        finally:
            runner.run(store.close())


async def _compare(store: Store, steps: list[Step]) -> None:
    await _empty(store)
    feeds = [await feed_of(store, sha256) for sha256 in ("a" * 64, "b" * 64)]
    plain = PlainModel(active=feeds[0].model.number)
    offset = 0
    first_records = [arrival(id, "好", created=-1) for id in ("1", "a")]
    for step in [(0, first_records), *steps]:
        if isinstance(step, Review | Undo):
            await _decide(store, plain, step)
            continue
        which, records = step
        placed = [_at(record, offset + at) for at, record in enumerate(records)]
        offset = await _send(feeds[which], offset, placed)
        for record in placed:
            plain.apply(record, feeds[which].model.number)
    assert await read_contents(store) == plain.contents()
    assert await store.read(recount) == []
    assert await store.read(recount_sums) == []
    assert await store.read(recount_comments) == []


async def _decide(store: Store, plain: PlainModel, step: Review | Undo) -> None:
    key = ("forum", step.id)
    actor = Actor(step.reviewer, f"reviewer {step.reviewer}", "session", None)
    if isinstance(step, Undo):
        expected = plain.undo(key, step.reviewer)
        action: Awaitable[object] = undo_review(store, actor, *key, minutes(0))
    else:
        version = plain.comments[key].content.version - (not step.seen) if key in plain.comments else 0
        expected = plain.review(key, version, step.reviewer, step.label)
        action = add_review(store, actor, Opinion(*key, version, step.label))
    if expected in REFUSED:
        with pytest.raises(REFUSED[expected]):
            await action
    else:
        await action


async def _send(feed: Feed, offset: int, records: Records) -> int:
    feed.offset = offset
    await feed.send(*records)
    return feed.offset


def _at(record: Arrival | Tombstone | DeadLetter, offset: int) -> Arrival | Tombstone | DeadLetter:
    return dead_letter(offset, record.key) if isinstance(record, DeadLetter) else record


async def _empty(store: Store) -> None:
    async with store.writing() as session:
        for table in reversed(metadata.sorted_tables):
            if table.name not in MIGRATED | {"key_checks"}:
                await session.connection.execute(delete(table))
