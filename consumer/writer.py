"""Step 5: write a labelled batch, come what may: retry what passes, halve what never will, tell what nobody knows."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

import structlog

from consumer.event import Reason, Rejection
from consumer.metrics import ConsumerMetrics
from consumer.worker import Entry, LabelledBatch, dead_letter
from store.batch import Advance, BatchOutcome, DeadLetter
from store.errors import CommitUnknownError, FencedError, PermanentStoreError, TransientStoreError
from store.store import Store
from store.write import write_batch

log = structlog.get_logger(__name__)

FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 5.0
Result = TypeVar("Result")


class WriteResult(StrEnum):
    """How a batch ended."""

    STORED = "stored"
    FENCED = "fenced"
    COMMIT_UNKNOWN = "commit_unknown"
    ABANDONED = "abandoned"


class Writer:
    """Writes batches one after the other. ``wanted(epoch)`` tells whether batches of an epoch are still worth it."""

    def __init__(self, store: Store, metrics: ConsumerMetrics, wanted: Callable[[int], bool]) -> None:
        self._store = store
        self._metrics = metrics
        self._wanted = wanted

    async def write(self, labelled: LabelledBatch) -> WriteResult:
        """Store a batch with its offsets, or tell why it was not."""
        try:
            with self._metrics.stage_seconds.labels("write").time():
                return await self._write(labelled)
        except FencedError:
            return WriteResult.FENCED
        except CommitUnknownError:
            # The stored offsets know: they are read again, and the batch is polled again from wherever they stand.
            return WriteResult.COMMIT_UNKNOWN

    async def _write(self, labelled: LabelledBatch, *, truncate: bool = False) -> WriteResult:
        if not self._wanted(labelled.epoch):
            return WriteResult.ABANDONED
        batch = labelled.batch
        try:
            outcome = await self._retry(
                lambda: self._store.write(write_batch, batch, truncate_dead_letters=truncate), labelled.epoch
            )
        except PermanentStoreError as error:
            return await self._halve(labelled, error, truncated=truncate)
        if outcome is None:
            return WriteResult.ABANDONED
        self._count(labelled, outcome)
        return WriteResult.STORED

    async def _halve(self, labelled: LabelledBatch, error: PermanentStoreError, *, truncated: bool) -> WriteResult:
        """The database refuses something in the batch for good: find the record and keep it as a dead letter."""
        if not labelled.entries or truncated:
            raise error
        if len(labelled.entries) > 1:
            for half in halves(labelled):
                written = await self._write(half)
                if written is not WriteResult.STORED:
                    return written
            return WriteResult.STORED
        entry = labelled.entries[0]
        if isinstance(entry.change, DeadLetter):
            return await self._write(labelled, truncate=True)
        record = entry.item.record
        rejection = Rejection(Reason.REFUSED_BY_DATABASE, str(error))
        letter = dead_letter(record, labelled.advances[0].partition.group, rejection)
        log.warning(
            "the database refuses a record", topic=record.topic, partition=record.partition, offset=record.offset
        )
        return await self._write(replace(labelled, entries=(Entry(entry.item, letter),)))

    async def _retry(self, action: Callable[[], Awaitable[Result]], epoch: int) -> Result | None:
        """Try until it works; None when the batch is not wanted any more, since then it will be polled again."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return await action()
            except TransientStoreError as error:
                if not self._wanted(epoch):
                    return None
                self._metrics.write_retries.inc()
                log.warning(
                    "the database does not take it now, trying again", error=str(error), seconds=wait, repeats=True
                )
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _count(self, labelled: LabelledBatch, outcome: BatchOutcome) -> None:
        self._metrics.count(outcome)
        self._metrics.batch_records.observe(len(labelled.entries))
        for entry in labelled.entries:
            if isinstance(entry.change, DeadLetter):
                self._metrics.dead_letters.labels(entry.change.reason).inc()


def halves(labelled: LabelledBatch) -> tuple[LabelledBatch, LabelledBatch]:
    """Split a batch in two that can be stored one after the other.

    A partition moves in the first half up to its first record in the second one; where it has none there, all the way.
    """
    middle = len(labelled.entries) // 2
    first, second = labelled.entries[:middle], labelled.entries[middle:]
    cuts: dict[tuple[str, int], int] = {}
    for entry in second:
        record = entry.item.record
        cuts.setdefault((record.topic, record.partition), record.offset)
    before: list[Advance] = []
    after: list[Advance] = []
    for advance in labelled.advances:
        cut = cuts.get((advance.partition.topic, advance.partition.partition))
        if cut is None:
            before.append(advance)
            continue
        if cut > advance.expected:
            before.append(replace(advance, next_offset=cut, records_lost=0, pause_reason=None))
        after.append(replace(advance, expected=cut))
    return _part(labelled, first, before), _part(labelled, second, after)


def _part(labelled: LabelledBatch, entries: Sequence[Entry], advances: Sequence[Advance]) -> LabelledBatch:
    return replace(labelled, entries=entries, advances=advances)
