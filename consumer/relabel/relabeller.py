"""One process of a replay or shadow: read the parts that it holds, label what lacks the prediction, write it.

Three tasks overlap, as in live consumption: read (poll, parse, leave out what is labelled already), label, write. A
batch that another process has stored, or whose commit has an unknown outcome, begins a new epoch: batches in progress
are dropped and the positions are read from the database again.
"""

import asyncio
import contextlib
import secrets
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from consumer.relabel.labels import CommentText, LabelThread
from consumer.relabel.log_source import LogSource
from consumer.relabel.pace import LagWatch, Pace, now
from consumer.topics import BrokerError
from store.errors import CommitUnknownError, FencedError, TransientStoreError
from store.relabel import TextPrediction, by_size
from store.relabel_parts import Part, PartAdvance
from store.relabel_runs import RUNNING, RelabelRun, read_run
from store.relabel_work import (
    Share,
    find_unlabelled,
    read_unlabelled_range,
    release_parts,
    renew_share,
    write_relabelled,
)
from store.store import Store

log = structlog.get_logger(__name__)

RENEW_SECONDS = 2.0
POLL_SECONDS = 0.2
FIRST_DELAY_SECONDS = 0.05
MAXIMUM_DELAY_SECONDS = 5.0
BROKER_RETRY_SECONDS = 60.0
# Below this share of texts that need the prediction, a query before labelling pays off.
USEFUL_SHARE = 0.9
# Time after a signal to finish the batches in progress, and to release the parts.
DRAIN_SECONDS = 8.0
LEAVE_SECONDS = 3.0
Answer = TypeVar("Answer")


class Ends(Protocol):
    """The live group's stored offsets, for the partitions of a shadow."""

    async def follow(self) -> Mapping[tuple[str, int], int]:
        """Return the stored offsets by topic and partition. Raises TransientStoreError."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read: how far the parts move, and the texts to label or, once labelled, their predictions."""

    epoch: int
    advances: Sequence[PartAdvance]
    texts: Sequence[CommentText]
    records: int
    expired: int = 0
    predictions: Sequence[TextPrediction] = ()


class Relabeller:
    """Work on a run until it ends or ``stop`` is set. ``ends`` is given for a shadow, ``lag`` for a replay."""

    def __init__(
        self,
        store: Store,
        run: RelabelRun,
        source: LogSource,
        labels: LabelThread,
        batch_records: int,
        *,
        ends: Ends | None = None,
        lag: LagWatch | None = None,
    ) -> None:
        self.run = run
        self.progressed_at = now()
        self._store = store
        self._source = source
        self._labels = labels
        self._batch_records = batch_records
        self._ends = ends
        self._lag = lag
        self._pace = Pace()
        self._checks_first = True
        self._member = secrets.randbits(63)
        self._epoch = 0
        self._read_epoch = -1
        self._share = Share(run, (), 0, 0)
        self._renew_at = 0.0
        # Next position to read, by part.
        self._next: dict[int, int] = {}
        self._live: Mapping[tuple[str, int], int] = {}
        self._broken_since: float | None = None
        self._to_label: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)
        self._to_write: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)

    async def work(self, stop: asyncio.Event) -> RelabelRun:
        """Work until the run ends or ``stop`` is set, and return the run as it is then.

        Raises RunEndedError if it was cancelled, BrokerError and PermanentStoreError.
        """
        reader = asyncio.create_task(self._read(stop), name="read")
        others = [asyncio.create_task(self._label(), name="label"), asyncio.create_task(self._write(), name="write")]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        tasks = [reader, *others, stopped]
        try:
            done, _ = await asyncio.wait(tasks, return_when=FIRST_COMPLETED)
            if done == {stopped}:
                done, _ = await asyncio.wait([reader, *others], timeout=DRAIN_SECONDS, return_when=FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            task.result()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._retry(partial(self._store.write, release_parts, self.run.number, self._member))
                self.run = await self._retry(partial(self._store.read, read_run, self.run.number))
        return self.run

    def lag(self) -> int:
        """Return the number of offsets between the positions and the ends of the parts that this process holds."""
        return sum(max(0, self._end(part) - self._next.get(part.part, 0)) for part in self._share.parts)

    async def _read(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._refresh()
            if self.run.state != RUNNING:
                break
            if self._lag is not None and self._lag.exceeded:
                await _wait(stop, POLL_SECONDS)
                continue
            batch = await self._next_batch()
            if batch is None:
                await self._idle(stop)
                continue
            await self._to_label.put(batch)
            await self._keep_pace(batch.records, stop)
        await self._drain()

    async def _refresh(self) -> None:
        """Renew the lease when it is due, and read all positions again in a new epoch."""
        if self._read_epoch != self._epoch:
            await self._drain()
            self._read_epoch = self._epoch
            self._next.clear()
            self._renew_at = 0.0
        if now() >= self._renew_at:
            await self._renew()

    async def _renew(self) -> None:
        share = await self._retry(partial(self._store.write, renew_share, self.run.number, self._member))
        if share.excess:
            await self._drain()
            given = [part.part for part in share.parts[-share.excess :]]
            await self._retry(partial(self._store.write, release_parts, self.run.number, self._member, given))
            share = Share(share.run, share.parts[: -share.excess], 0, share.held_by_all)
        self._share, self.run = share, share.run
        self._next = {part.part: self._next.get(part.part, part.next_position) for part in share.parts}
        if self._ends is not None:
            self._live = await self._retry(self._ends.follow)
        self._source.assign({_partition(part): self._next[part.part] for part in self._log_parts()})
        self._renew_at = now() + RENEW_SECONDS

    async def _idle(self, stop: asyncio.Event) -> None:
        """Wait for the batches in progress; at the end of all parts ask at once what comes next."""
        await self._drain()
        if not self.lag():
            self.progressed_at = now()
        at_end = all(part.end_position == self._next.get(part.part) for part in self._share.parts)
        if at_end and self._share.parts:
            self._renew_at = 0.0
        else:
            await _wait(stop, POLL_SECONDS)

    async def _next_batch(self) -> Batch | None:
        """Return the next batch, or None if there is nothing to read at present."""
        limit = self._pace.limit(self._share.rate, self._batch_records)
        ends = {_partition(part): self._end(part) for part in self._log_parts()}
        if any(self._next[part.part] < self._end(part) for part in self._log_parts()):
            return await self._read_log(ends, limit)
        for part in self._share.parts:
            if part.topic is None and self._next[part.part] < self._end(part):
                return await self._read_store(part, limit)
        return None

    async def _read_log(self, ends: Mapping[TopicPartition, int], limit: int) -> Batch | None:
        try:
            read = await self._source.read(ends, POLL_SECONDS, limit)
        except KafkaError as error:
            await self._retry_later(error)
            return None
        self._broken_since = None
        parts = {_partition(part): part.part for part in self._log_parts()}
        advances = [self._advance(parts[partition], offset) for partition, offset in read.next_offsets.items()]
        if not advances:
            return None
        texts = await self._labels.parse(read.records)
        return Batch(self._read_epoch, advances, await self._unlabelled(texts), len(read.records), read.expired)

    async def _read_store(self, part: Part, limit: int) -> Batch:
        begin, end = self._next[part.part], self._end(part)
        model, covered = self.run.model_number, self.run.range
        query = partial(self._store.read, read_unlabelled_range, model, begin, end, covered, limit)
        rows = await self._retry(query)
        texts = [CommentText(row.platform, row.id, row.text) for row in rows]
        advance = self._advance(part.part, rows[-1].number + 1 if len(rows) == limit else end)
        return Batch(self._read_epoch, [advance], texts, len(texts))

    async def _unlabelled(self, texts: Sequence[CommentText]) -> list[CommentText]:
        """Leave out texts that are not stored or whose prediction is: a cheap query compared with labelling them.

        Skipped while nearly all texts need the prediction: writing compares them again anyway.
        """
        if not self._checks_first:
            return list(texts)
        found: list[CommentText] = []
        for group in by_size(texts):
            query = partial(self._store.write, find_unlabelled, self.run.model_number, group)
            found += [group[index] for index in await self._retry(query)]
        self._checks_first = len(found) < USEFUL_SHARE * len(texts)
        return found

    async def _keep_pace(self, records: int, stop: asyncio.Event) -> None:
        """Wait as the rate demands, and renew the lease meanwhile, because the process's share of the rate changes."""
        left = self._pace.delay(records, self._share.rate, now())
        while left > 0 and not stop.is_set():
            await _wait(stop, min(left, POLL_SECONDS))
            left -= POLL_SECONDS

    async def _label(self) -> None:
        while True:
            batch = await self._to_label.get()
            try:
                if batch.epoch == self._epoch:
                    predictions = await self._labels.label(batch.texts)
                    await self._to_write.put(replace(batch, predictions=predictions))
            finally:
                self._to_label.task_done()

    async def _write(self) -> None:
        while True:
            batch = await self._to_write.get()
            try:
                if batch.epoch == self._epoch:
                    await self._store_batch(batch)
            finally:
                self._to_write.task_done()

    async def _store_batch(self, batch: Batch) -> None:
        write = partial(self._store.write, write_relabelled, self.run, batch.advances, batch.predictions)
        began = now()
        try:
            stored = partial(write, records=batch.records, expired=batch.expired)
            outcome = await self._retry(stored, repeatable=False)
        except (FencedError, CommitUnknownError) as error:
            log.info("reading the positions again", cause=str(error))
            self._epoch += 1
        else:
            self.progressed_at = now()
            self._checks_first |= outcome.added < USEFUL_SHARE * len(batch.predictions)
            # A replay reports its progress in another way.
            log_batch = log.info if self.run.kind == "shadow" else log.debug
            counts = {"records": batch.records, "added": outcome.added, "flipped": outcome.flipped}
            log_batch("predictions stored", **counts, write_seconds=round(now() - began, 4))

    async def _drain(self) -> None:
        await self._to_label.join()
        await self._to_write.join()

    async def _retry_later(self, error: KafkaError) -> None:
        """Wait before the next poll. Raises BrokerError after a minute of errors."""
        self._broken_since = self._broken_since or now()
        if now() - self._broken_since > BROKER_RETRY_SECONDS:
            raise BrokerError(f"Cannot read from Kafka: {error}.") from None
        log.warning("cannot read from Kafka, retrying", error=str(error), repeats=True)
        await asyncio.sleep(POLL_SECONDS)

    async def _retry(self, action: Callable[[], Awaitable[Answer]], *, repeatable: bool = True) -> Answer:
        """Retry transient errors, and unknown commits of ``repeatable`` transactions."""
        delay = FIRST_DELAY_SECONDS
        while True:
            try:
                return await action()
            except (TransientStoreError, CommitUnknownError) as error:
                if isinstance(error, CommitUnknownError) and not repeatable:
                    raise
                log.warning("the database does not answer, retrying", error=str(error), seconds=delay, repeats=True)
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAXIMUM_DELAY_SECONDS)

    def _advance(self, part: int, position: int) -> PartAdvance:
        advance = PartAdvance(part, self._next[part], position)
        self._next[part] = position
        return advance

    def _log_parts(self) -> list[Part]:
        return [part for part in self._share.parts if part.topic is not None]

    def _end(self, part: Part) -> int:
        """Return the end of a part; for a shadow, the live group's stored offset."""
        if part.end_position is not None:
            return part.end_position
        return self._live.get((part.topic or "", part.partition or 0), self._next[part.part])


def _partition(part: Part) -> TopicPartition:
    return TopicPartition(part.topic, part.partition)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait until ``stop`` is set, at most for ``seconds``."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
