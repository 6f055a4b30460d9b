"""Step 5: write a batch: retry transient errors, bisect on permanent ones, report unknown commits."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from typing import TypeVar

import structlog

from consumer.event import Reason, Rejection
from consumer.metrics import ConsumerMetrics
from consumer.traceparent import traceparent_of
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
            self._metrics.transactions.labels("fenced").inc()
            return WriteResult.FENCED
        except CommitUnknownError:
            self._metrics.transactions.labels("commit_unknown").inc()
            # The stored offsets show whether the commit succeeded: the caller reads them again and polls from there.
            return WriteResult.COMMIT_UNKNOWN

    async def _write(self, labelled: LabelledBatch, *, truncate: bool = False) -> WriteResult:
        if not self._is_current(labelled.epoch):
            return WriteResult.ABANDONED
        batch, began = labelled.batch, time.perf_counter()
        try:
            outcome = await self._retry(
                lambda: self._store.write(write_batch, batch, truncate_dead_letters=truncate), labelled.epoch
            )
        except PermanentStoreError as error:
            self._metrics.transactions.labels("refused").inc()
            return await self._bisect(labelled, error, truncated=truncate)
        if outcome is None:
            return WriteResult.ABANDONED
        self._report(labelled, outcome, time.perf_counter() - began)
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
        # The record was parsed, so it names a platform that may publish to its topic.
        letter = dead_letter(record, labelled.advances[0].partition.group, rejection, entry.change.platform)
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
                self._metrics.transactions.labels("transient").inc()
                log.warning("cannot write the batch, retrying", error=str(error), seconds=delay, repeats=True)
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAXIMUM_DELAY_SECONDS)

    def _report(self, labelled: LabelledBatch, outcome: BatchOutcome, write_seconds: float) -> None:
        """Count and log a stored batch."""
        timestamps = [entry.item.record.timestamp for entry in labelled.entries]
        self._metrics.count_stored(labelled.model, [entry.change for entry in labelled.entries], timestamps, outcome)
        if not labelled.entries:
            return
        _log_dead_letters(labelled.entries)
        oldest = min([timestamp for timestamp in timestamps if timestamp >= 0], default=None)
        log.info(
            "batch stored",
            records=len(labelled.entries),
            **{name: n for name, n in asdict(outcome).items() if n},
            label_seconds=round(labelled.label_seconds, 4),
            write_seconds=round(write_seconds, 4),
            publish_to_commit_seconds=None if oldest is None else round(max(0.0, time.time() - oldest / 1000), 3),
        )


def _log_dead_letters(entries: Sequence[Entry]) -> None:
    """Log the first dead letter of each topic and reason with the number of them. Never log its content or detail."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if isinstance(entry.change, DeadLetter):
            found.setdefault((entry.item.record.topic, entry.change.reason), []).append(entry)
    for (topic, reason), letters in found.items():
        first = letters[0].item.record
        log.warning(
            "dead letters stored",
            error=str(reason),
            topic=topic,
            partition=first.partition,
            offset=first.offset,
            traceparent=traceparent_of(first.headers),
            records=len(letters),
            repeats=True,
        )


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
