"""The writer's handling of errors that real databases do not produce on demand."""

from collections.abc import Awaitable, Callable, Sequence, Set
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord

from consumer.event import Erasure
from consumer.metrics import ConsumerMetrics
from consumer.worker import Entry, LabelledBatch, PreparedRecord
from consumer.writer import Writer, WriteResult, halves
from store.batch import (
    Advance,
    Batch,
    BatchOutcome,
    DeadLetter,
    PartitionKey,
    Tombstone,
)
from store.errors import CommitUnknownError, FencedError, PermanentStoreError, TransientStoreError
from store.store import Store
from tests.consumer.scripted_models import loaded

KEYS = [PartitionKey("group", "comments", number) for number in range(3)]


def entry(partition: int, offset: int) -> Entry:
    record = ConsumerRecord("comments", partition, offset, 0, 0, b"forum:1", None, 0, 7, 0, ())
    return Entry(
        PreparedRecord(record, Erasure("forum", str(offset)), None, loaded(1), 0, 0),
        Tombstone("forum", str(offset), 0),
    )


def labelled(entries: Sequence[Entry], advances: Sequence[Advance]) -> LabelledBatch:
    return LabelledBatch(epoch=1, model=1, entries=entries, advances=advances)


class ScriptedStore:
    """Compare and set offsets, refuse the given records and fail as scripted."""

    def __init__(self, offsets: dict[int, int], refused: Set[str] = frozenset(), script: Sequence[object] = ()) -> None:
        self.offsets = offsets
        self.refused = refused
        self.script = list(script)
        self.stored: list[Tombstone | DeadLetter] = []
        self.truncated: list[bool] = []

    async def write(self, change: Callable[..., Awaitable[Any]], *args: object, **kwargs: object) -> Any:
        return await getattr(self, change.__name__)(*args, **kwargs)

    async def write_batch(self, batch: Batch, *, truncate_dead_letters: bool = False) -> BatchOutcome:
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception) and not isinstance(step, CommitUnknownError):
            raise step
        for change in batch.records:
            if isinstance(change, Tombstone) and change.id in self.refused:
                raise PermanentStoreError("Data too long")
            if (
                isinstance(change, DeadLetter)
                and f"letter {change.offset}" in self.refused
                and not truncate_dead_letters
            ):
                raise PermanentStoreError("Packet too large")
        for advance in batch.advances:
            if self.offsets[advance.partition.partition] != advance.expected:
                raise FencedError("moved")
        if step != "not stored":
            self.offsets |= {advance.partition.partition: advance.next_offset for advance in batch.advances}
            self.stored += [cast(Tombstone | DeadLetter, change) for change in batch.records]
            self.truncated.append(truncate_dead_letters)
        if isinstance(step, CommitUnknownError) or step == "not stored":
            raise CommitUnknownError("connection lost during COMMIT")
        return BatchOutcome(erased=len(batch.records))


def writer(store: ScriptedStore, is_current: Callable[[int], bool] = lambda epoch: True) -> Writer:
    return Writer(cast(Store, store), ConsumerMetrics(), is_current)


async def test_refused_record_becomes_a_dead_letter_and_others_are_stored_in_order() -> None:
    store = ScriptedStore({0: 0, 1: 0}, refused={"3"})
    entries = [entry(0, 0), entry(1, 1), entry(0, 3), entry(0, 4), entry(1, 5)]
    batch = labelled(entries, [Advance(KEYS[0], 0, 6), Advance(KEYS[1], 0, 8)])
    assert await writer(store).write(batch) is WriteResult.STORED
    names = [change.id if isinstance(change, Tombstone) else f"dead {change.offset}" for change in store.stored]
    assert names == ["0", "1", "dead 3", "4", "5"]
    assert store.offsets == {0: 6, 1: 8}


async def test_dead_letter_that_is_too_large_is_truncated() -> None:
    store = ScriptedStore({0: 0}, refused={"0", "letter 0"})
    assert await writer(store).write(labelled([entry(0, 0)], [Advance(KEYS[0], 0, 1)])) is WriteResult.STORED
    assert store.truncated == [True]
    assert isinstance(store.stored[0], DeadLetter)
    assert store.stored[0].reason == "refused_by_database"


async def test_transient_errors_are_retried() -> None:
    store = ScriptedStore({0: 0}, script=[TransientStoreError("1213"), TransientStoreError("1205")])
    assert await writer(store).write(labelled([entry(0, 0)], [Advance(KEYS[0], 0, 1)])) is WriteResult.STORED
    assert len(store.stored) == 1


async def test_batch_is_abandoned_after_its_epoch_ends() -> None:
    store = ScriptedStore({0: 0}, script=[TransientStoreError("2006")] * 2)
    answers = iter([True, False])
    batch = labelled([entry(0, 0)], [Advance(KEYS[0], 0, 1)])
    assert await writer(store, lambda epoch: next(answers)).write(batch) is WriteResult.ABANDONED
    assert store.stored == []


@pytest.mark.parametrize("script", [CommitUnknownError("lost"), "not stored"])
async def test_unknown_commit_is_reported(script: object) -> None:
    store = ScriptedStore({0: 0}, script=[script])
    batch = labelled([entry(0, 0)], [Advance(KEYS[0], 0, 1)])
    assert await writer(store).write(batch) is WriteResult.COMMIT_UNKNOWN
    assert len(store.stored) == (0 if script == "not stored" else 1)


async def test_failed_compare_is_reported() -> None:
    store = ScriptedStore({0: 5})
    assert await writer(store).write(labelled([entry(0, 0)], [Advance(KEYS[0], 0, 1)])) is WriteResult.FENCED


def test_halves_split_at_the_first_record_of_the_second_half() -> None:
    entries = [entry(0, 10), entry(1, 20), entry(0, 14), entry(2, 30)]
    advances = [
        Advance(KEYS[0], 10, 18, pause_reason="poison"),
        Advance(KEYS[1], 20, 25),
        Advance(KEYS[2], 30, 31),
    ]
    first, second = halves(labelled(entries, advances))
    assert first.advances == [Advance(KEYS[0], 10, 14), Advance(KEYS[1], 20, 25)]
    assert second.advances == [Advance(KEYS[0], 14, 18, pause_reason="poison"), Advance(KEYS[2], 30, 31)]
    assert (first.entries, second.entries) == (entries[:2], entries[2:])
