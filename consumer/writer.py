"""Step 5: write a batch: retry transient errors, bisect on permanent ones, report unknown commits."""

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

FIRST_DELAY_SECONDS = 0.05
MAXIMUM_DELAY_SECONDS = 5.0
Result = TypeVar("Result")


class WriteResult(StrEnum):
    """The outcome of a write."""

    STORED = "stored"
    FENCED = "fenced"
    COMMIT_UNKNOWN = "commit_unknown"
    ABANDONED = "abandoned"


class Writer:
    """Write batches in order. ``is_current(epoch)`` returns whether batches of an epoch may still be written."""

    def __init__(self, store: Store, metrics: ConsumerMetrics, is_current: Callable[[int], bool]) -> None:
        self._store = store
        self._metrics = metrics
        self._is_current = is_current

    async def write(self, labelled: LabelledBatch) -> WriteResult:
        """Store a batch with its offsets and return the outcome. Raises PermanentStoreError if bisecting fails."""
        try:
            with self._metrics.stage_seconds.labels("write").time():
                return await self._write(labelled)
        except FencedError:
            return WriteResult.FENCED
        except CommitUnknownError:
            # The stored offsets show whether the commit succeeded: the caller reads them again and polls from there.
            return WriteResult.COMMIT_UNKNOWN

    async def _write(self, labelled: LabelledBatch, *, truncate: bool = False) -> WriteResult:
        if not self._is_current(labelled.epoch):
            return WriteResult.ABANDONED
        batch = labelled.batch
        try:
            outcome = await self._retry(
                lambda: self._store.write(write_batch, batch, truncate_dead_letters=truncate), labelled.epoch
            )
        except PermanentStoreError as error:
            return await self._bisect(labelled, error, truncated=truncate)
        if outcome is None:
            return WriteResult.ABANDONED
        self._count(labelled, outcome)
        return WriteResult.STORED

    async def _bisect(self, labelled: LabelledBatch, error: PermanentStoreError, *, truncated: bool) -> WriteResult:
        """Find the record that the database refuses and store it as a dead letter, truncated if necessary."""
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
            "record refused by the database", topic=record.topic, partition=record.partition, offset=record.offset
        )
        return await self._write(replace(labelled, entries=(Entry(entry.item, letter),)))

    async def _retry(self, action: Callable[[], Awaitable[Result]], epoch: int) -> Result | None:
        """Retry transient errors; return None once the epoch has ended, because its batches are polled again."""
        delay = FIRST_DELAY_SECONDS
        while True:
            try:
                return await action()
            except TransientStoreError as error:
                if not self._is_current(epoch):
                    return None
                self._metrics.write_retries.inc()
                log.warning("cannot write the batch, retrying", error=str(error), seconds=delay, repeats=True)
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAXIMUM_DELAY_SECONDS)

    def _count(self, labelled: LabelledBatch, outcome: BatchOutcome) -> None:
        self._metrics.count(outcome)
        self._metrics.batch_records.observe(len(labelled.entries))
        for entry in labelled.entries:
            if isinstance(entry.change, DeadLetter):
                self._metrics.dead_letters.labels(entry.change.reason).inc()


def halves(labelled: LabelledBatch) -> tuple[LabelledBatch, LabelledBatch]:
    """Split a batch into two that can be stored one after the other.

    In the first half a partition advances up to its first record in the second half, or fully if it has none there.
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
