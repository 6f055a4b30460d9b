"""A walk along an index visits every entry once and in order, and skips groups of entries."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from store import index_walk
from store.index_walk import NOTHING_SKIPPED, Path, Skipped, walk
from store.store import Store
from store.tables import comments, predictions
from store.types import LARGEST_NUMBER
from tests.store.feed import Feed, arrival

Entry = tuple[float, int | None, int]
OF = predictions.c
NOW = datetime(2026, 3, 1, tzinfo=UTC)
# Distance and digest of the entries; older programs store no digest.
VALUES: Sequence[tuple[float, int | None]] = (
    *[(0.1, None)] * 3,
    (0.1, 5),
    *[(0.1, 7)] * 4,
    (0.1, 8),
    (0.2, 5),
    *[(0.2, 7)] * 3,
    *[(0.3, None)] * 2,
    (0.3, 7),
)


@pytest_asyncio.fixture
async def entries(feed: Feed) -> list[Entry]:
    """Store a second model's predictions; return their index entries in order."""
    await feed.send(*(arrival(str(n)) for n in range(len(VALUES))))
    async with feed.store.writing() as session:
        numbers = (await session.connection.execute(select(comments.c.number))).scalars().all()
        found = [(*value, number) for value, number in zip(VALUES, sorted(numbers, reverse=True), strict=True)]
        rows = [
            {
                "comment_number": number,
                "model_number": 99,
                "label": "positive",
                "probability": 0.5,
                "uncertain": True,
                "predicted_at": NOW,
                "distance": distance,
                "folded_digest": digest,
            }
            for distance, digest, number in found
        ]
        await session.connection.execute(insert(predictions), rows)
    return sorted(found, key=lambda entry: (entry[0], entry[1] is not None, entry[1] or 0, entry[2]))


def path(*, descending: bool = False) -> Path:
    equal = (OF.model_number == 99, OF.reviewed.is_(False))
    return Path("predictions_to_review", equal, (OF.distance, OF.folded_digest, OF.comment_number), descending)


async def visit(
    store: Store,
    along: Path,
    after: Entry | None = None,
    *,
    limit: int = 100,
    skipped: Skipped = NOTHING_SKIPPED,
    seconds: float = 60,
) -> tuple[list[Entry], Entry | None]:
    """Return the entries that a walk visits without those of ``skipped``, and where it stopped."""
    query = select(*along.columns).where((~skipped.condition).is_not(False))
    async with store.reading() as connection:
        found = await walk(connection, query, along, after, limit, seconds, skipped)
    return [tuple(row) for row in found.rows], found.place


@pytest.mark.parametrize("step", [1, 2, 3, 50])
@pytest.mark.parametrize("descending", [False, True])
async def test_every_entry_is_visited_once_and_in_order(
    feed: Feed, entries: list[Entry], monkeypatch: pytest.MonkeyPatch, step: int, descending: bool
) -> None:
    monkeypatch.setattr(index_walk, "FIRST_STEP", step)
    monkeypatch.setattr(index_walk, "GROWTH", 1)
    along, expected = path(descending=descending), entries[::-1] if descending else entries
    assert await visit(feed.store, along) == (expected, None)
    for at, entry in enumerate(expected):
        assert await visit(feed.store, along, entry) == (expected[at + 1 :], None)
        assert await visit(feed.store, along, limit=at + 1) == (expected[: at + 1], entry)


async def test_walk_continues_behind_a_skipped_group(
    feed: Feed, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_walk, "FIRST_STEP", 5)
    skipped = Skipped(OF.folded_digest == 7, {})
    expected = [entry for entry in entries if entry[1] != 7]
    assert await visit(feed.store, path(), skipped=skipped) == (expected, None)
    # The first step ends at the first of four entries of a group.
    found, place = await visit(feed.store, path(), skipped=skipped, seconds=0)
    assert (found, place) == (entries[:4], (0.1, 7, LARGEST_NUMBER))
    found, _ = await visit(feed.store, path(), place, skipped=skipped, limit=1)
    assert found == [entries[8]]


async def test_kept_entries_of_a_skipped_group_are_visited(
    feed: Feed, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_walk, "FIRST_STEP", 1)
    kept = {entries[at][2]: 7 for at in (6, 11, 15)}
    condition = (OF.folded_digest == 7) & OF.comment_number.not_in(list(kept))
    query = select(*path().columns).where(condition.is_not(True))
    async with feed.store.reading() as connection:
        found = await walk(connection, query, path(), None, 100, 60, Skipped(OF.folded_digest == 7, kept))
    assert [tuple(row) for row in found.rows] == [entry for entry in entries if entry[1] != 7 or entry[2] in kept]
    # Kept entries of other groups do not matter.
    other = Skipped(OF.folded_digest == 7, {entries[-1][2]: 5})
    assert other.end_of_group(entries[5]) == (0.1, 7, LARGEST_NUMBER)
