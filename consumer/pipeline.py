"""Run batches from poll to commit in three tasks, so that one batch is labelled while another is written.

reader: poll -> prepare -> batcher; labeller: the GRU; writer: the transaction. Each queue between them holds one batch.
A batch that is not full closes once the labeller and the writer have room for it, so it grows while earlier batches are
labelled and written. When a queue is full, the reader pauses fetching but continues polling: memory stays bounded and
the consumer stays in the group.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from consumer.batcher import Batcher, ClosedBatch
from consumer.linger import Linger, arrived_at
from consumer.metrics import ConsumerMetrics
from consumer.offsets import Offsets
from consumer.oldest_unstored import OldestUnstored
from consumer.source import Poll, Source
from consumer.stall import StallDetector
from consumer.topics import BrokerError
from consumer.worker import LabelledBatch, PreparedRecord, Worker
from consumer.writer import Writer, WriteResult
from registry.follow import ModelFollower
from store.errors import CommitUnknownError, FencedError, TransientStoreError

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.5
BACKPRESSURE_POLL_SECONDS = 1.0
# While a batch waits for room, records are polled at this interval, because waiting for single records would cost a
# fetch for each of them.
ROOM_POLL_SECONDS = 0.005
# While a batch waits for its time to close, it is polled after this share of the remaining time. aiokafka fetches one
# response ahead, which contains what had arrived at the time of the poll before it.
SLEEP_SHARE, LAST_SLEEP_SECONDS = 3 / 4, 0.004
SHORTEST_SLEEP_SECONDS = 0.001
# Fewer records than these are not prepared before the batch is due.
GATHERED_RECORDS = 64
START_RETRY_SECONDS = 0.5
BROKER_RETRY_SECONDS = 60.0
Item = TypeVar("Item")


class Pipeline:
    """The three tasks and their shared state. ``stored`` maps started partitions to their stored offsets."""

    def __init__(
        self,
        source: Source,
        worker: Worker,
        offsets: Offsets,
        batcher: Batcher[PreparedRecord],
        linger: Linger,
        metrics: ConsumerMetrics,
        models: ModelFollower,
        grace_seconds: float,
        make_writer: Callable[[Callable[[int], bool]], Writer],
    ) -> None:
        self.stored: dict[TopicPartition, int] = {}
        self.stall = StallDetector(time.monotonic())
        self.oldest = OldestUnstored()
        self.writer_idle = asyncio.Event()
        self.writer_idle.set()
        self.writes = 0
        self._source = source
        self._worker = worker
        self._offsets = offsets
        self._batcher = batcher
        self._linger = linger
        self._metrics = metrics
        self._models = models
        self._grace_seconds = grace_seconds
        self._writer = make_writer(lambda epoch: epoch == source.epoch)
        self._epoch = source.epoch
        self._retry_start_at = 0.0
        self._broken_since: float | None = None
        self._read_error: str | None = None
        self._more = False
        self._labelling = False
        self._progress = asyncio.Event()
        self._closed: asyncio.Queue[ClosedBatch[PreparedRecord]] = asyncio.Queue(maxsize=1)
        self._labelled: asyncio.Queue[LabelledBatch] = asyncio.Queue(maxsize=1)

    def reset(self, cause: str) -> None:
        """Drop all open batches and read the stored offsets again."""
        log.info("resetting to stored offsets", cause=cause)
        self._metrics.resets.labels(cause).inc()
        self._source.reset()

    async def drain(self) -> None:
        """Wait until every closed batch is written or dropped."""
        await self._closed.join()
        await self._labelled.join()

    async def read(self) -> None:
        """Run the reader until cancelled: fill the open batch and close it when due; switch models between batches."""
        while True:
            await self._begin_epoch()
            if self._due():
                await self._close_batch()
            elif self.holding:
                await self._hold()
            elif self._switching:
                self._switch()
            else:
                await self._read_once()

    async def label(self) -> None:
        """Run the labeller until cancelled: run the GRU on closed batches."""
        while True:
            await self._label_next()

    async def write(self) -> None:
        """Run the writer until cancelled: store labelled batches in order."""
        while True:
            await self._write_next()

    async def _read_once(self) -> None:
        """Poll, and add the records to the open batch.

        Polls that return only a few records are gathered until the batch is due, because preparing them together costs
        less CPU time.
        """
        gathered = await self._poll_when_useful(0)
        until = time.monotonic() + IDLE_SECONDS
        while gathered is not None and self._gathers(gathered, until):
            later = await self._poll_when_useful(len(gathered.records))
            gathered = gathered if later is None else gathered.followed_by(later)
        if gathered is not None:
            await self._add(gathered)

    async def _poll_when_useful(self, gathered: int) -> Poll | None:
        """Wait until a poll is likely to return what has arrived at once, and poll. Like ``_poll``."""
        left = self._seconds_left()
        if left is None:
            return await self._poll(IDLE_SECONDS, gathered)
        if left == 0:
            # A poll without a timeout does not suspend: without this wait no other task would run.
            await self._wait_for_progress()
        elif self._batcher.arrived_at is None or self._more or left <= SHORTEST_SLEEP_SECONDS:
            # At most IDLE_SECONDS, because another model may be loaded meanwhile.
            return await self._poll(min(left, IDLE_SECONDS), gathered)
        else:
            await asyncio.sleep(min(left if left <= LAST_SLEEP_SECONDS else left * SLEEP_SHARE, IDLE_SECONDS))
        return await self._poll(0, gathered)

    def _gathers(self, poll: Poll, until: float) -> bool:
        """Return whether to poll again before the records of ``poll`` are prepared; at the latest ``until``."""
        if poll.epoch != self._source.epoch or poll.unreadable or self._offsets.crash_loops.isolating:
            return False
        self._more, now = poll.more, time.monotonic()
        if poll.more or not 0 < len(poll.records) < GATHERED_RECORDS or now >= until:
            return False
        self._batcher.expect(arrived_at=arrived_at(poll.records, now), now=now)
        return bool(self._seconds_left())

    async def _wait_for_progress(self) -> None:
        """Wait until the labeller or the writer may have room, for at most ROOM_POLL_SECONDS."""
        self._progress.clear()
        if not self._has_room:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._progress.wait(), ROOM_POLL_SECONDS)

    @property
    def _has_room(self) -> bool:
        """Whether a batch that closes now would not wait for an earlier one to be labelled or written."""
        return not self._labelling and self._closed.empty() and self._labelled.empty()

    def _seconds_left(self) -> float | None:
        return self._linger.seconds_left(self._batcher, time.monotonic(), more=self._more)

    # These are methods, so that no local variable keeps the last batch, and with it a replaced model, in memory until
    # the next batch arrives.
    async def _label_next(self) -> None:
        async with _next_item(self._closed) as closed:
            if closed.epoch != self._source.epoch:
                return
            # Check topic ids after the last poll of the batch: aiokafka does not notice a topic that was deleted and
            # recreated between two fetches, and would continue reading.
            names = sorted({partition.topic for partition in closed.spans})
            self._labelling = True
            try:
                labelled, recreated = await asyncio.gather(
                    self._worker.label(closed), self._offsets.any_recreated(names)
                )
                if not recreated:
                    await self._labelled.put(labelled)
                elif closed.epoch == self._source.epoch:
                    self.reset("topic_recreated")
            finally:
                self._labelling = False
                self._progress.set()

    async def _write_next(self) -> None:
        async with _next_item(self._labelled) as labelled:
            self._progress.set()
            self.writer_idle.clear()
            try:
                await self._write(labelled)
            finally:
                self.writer_idle.set()

    @property
    def holding(self) -> bool:
        """Whether the active model has been missing for so long that no records are taken."""
        return self._models.behind_seconds > self._grace_seconds

    @property
    def _switching(self) -> bool:
        return self._models.loaded is not self._worker.model

    def _switch(self) -> None:
        """Prepare records with the newly loaded model. No batch is open; closed ones keep their records' model."""
        self._worker.use(self._models.loaded)
        log.info("model switched", model=self._worker.model.number, name=self._worker.model.row.name)

    async def _hold(self) -> None:
        """Apply backpressure until the active model is loaded."""
        log.error("taking no records, because the active model cannot be loaded", error=self._models.failure)
        await self._wait_for(self._models.wait_until_current, self._epoch)
        self._release_backpressure()

    async def _begin_epoch(self) -> None:
        if self._epoch != self._source.epoch:
            self._epoch = self._source.epoch
            self._batcher.clear()
            self._more = False
            self.stored.clear()
            self.oldest.clear()
            await self._worker.clear_circuit_breaker()
        if self._source.assigned != self._source.positioned and time.monotonic() >= self._retry_start_at:
            await self._start_partitions()

    async def _start_partitions(self) -> None:
        """Start assigned partitions. After an error they stay paused while polling continues, and are tried again."""
        await self.writer_idle.wait()
        try:
            running = await self._offsets.start_partitions(self._epoch)
        except (TransientStoreError, CommitUnknownError, FencedError, KafkaError) as error:
            log.warning("cannot start partitions, retrying", error=str(error), repeats=True)
            running = {}
        if self._epoch != self._source.epoch:
            return
        for partition, offset in running.items():
            self._batcher.begin(partition, offset)
            self._record_offset(partition, offset)
        if running:
            log.info("partitions started", partitions=len(running))
        if self._source.assigned != self._source.positioned:
            self._retry_start_at = time.monotonic() + START_RETRY_SECONDS

    def _due(self) -> bool:
        """Return whether to close the open batch; in isolation every record is a batch, and a model's batch ends with
        the model."""
        left = self._seconds_left()
        if left is None:
            return False
        close_now = self._offsets.crash_loops.isolating or self._switching or self.holding
        return close_now or self._batcher.urgent or (left == 0 and self._has_room)

    async def _poll(self, seconds: float, gathered: int) -> Poll | None:
        """Poll for at most ``seconds`` and return the result; None after an error. ``gathered`` records wait."""
        room = 1 if self._offsets.crash_loops.isolating else max(1, self._batcher.room() - gathered)
        try:
            poll = await self._source.poll(seconds, room)
        except KafkaError as error:
            await self._retry_read(error)
            return None
        self._metrics.polls.inc()
        self._broken_since = self._read_error = None
        return poll

    @property
    def read_error(self) -> str | None:
        """Why records cannot be read at present, or None."""
        return self._read_error or self._source.fault

    async def _retry_read(self, error: KafkaError) -> None:
        """Wait before the next poll, and raise BrokerError after a minute of errors: aiokafka reconnects automatically,
        but some errors last."""
        now = time.monotonic()
        self._read_error = str(error)
        self._broken_since = self._broken_since or now
        if now - self._broken_since > BROKER_RETRY_SECONDS:
            raise BrokerError(f"Cannot read from Kafka: {error}.") from None
        log.warning("cannot read from Kafka, retrying", error=str(error), repeats=True)
        await asyncio.sleep(IDLE_SECONDS)

    async def _add(self, poll: Poll) -> None:
        now = time.monotonic()
        prepared = await self._worker.prepare(poll.records) if poll.records else []
        if poll.epoch == self._source.epoch == self._epoch:
            self._more = poll.more
            self._batcher.add(prepared, poll.positions, arrived_at=arrived_at(poll.records, now), now=now)
            for partition, found in poll.unreadable.items():
                self._batcher.pause(partition, found.reason, time.monotonic())
            for partition, records in _by_partition(poll.records):
                self._metrics.count_polled(partition.topic, records)
                self.oldest.polled(partition, records)

    async def _close_batch(self) -> None:
        """Pass the open batch to the labeller; in isolation, wait until it is stored."""
        closed = self._batcher.close(self._epoch)
        await self._wait_for(lambda: self._closed.put(closed), closed.epoch)
        if self._offsets.crash_loops.isolating:
            await self._wait_for(self.drain, closed.epoch)
        self._release_backpressure()

    def _release_backpressure(self) -> None:
        self._source.release_backpressure()
        self._metrics.backpressure.set(0)

    async def _wait_for(self, work: Callable[[], Awaitable[None]], epoch: int) -> None:
        """Wait for the later tasks; meanwhile apply backpressure and poll, so that the consumer stays in the group.

        ``work`` is cancelled and started again once per second, so it must be safe to cancel.
        """
        while epoch == self._source.epoch:
            try:
                await asyncio.wait_for(work(), BACKPRESSURE_POLL_SECONDS)
                break
            except TimeoutError:
                self._source.apply_backpressure()
                self._metrics.backpressure.set(1)
                with contextlib.suppress(KafkaError):
                    await self._source.poll(0, 1)
                    self._metrics.polls.inc()

    async def _write(self, labelled: LabelledBatch) -> None:
        written = await self._writer.write(labelled)
        self.writes += 1
        if written is WriteResult.STORED:
            self._record_stored(labelled)
        elif written is not WriteResult.ABANDONED and labelled.epoch == self._source.epoch:
            # Fenced, or the outcome of COMMIT is unknown: the result is the cause.
            self.reset(written)

    def _record_stored(self, labelled: LabelledBatch) -> None:
        now = time.monotonic()
        self.stall.stored(now)
        if labelled.entries:
            self._linger.stored(now - labelled.polled_at)
        if labelled.epoch != self._source.epoch:
            return
        for advance in labelled.advances:
            self._record_offset(
                TopicPartition(advance.partition.topic, advance.partition.partition), advance.next_offset
            )
        reasons = [advance.pause_reason for advance in labelled.advances if advance.pause_reason is not None]
        if reasons:
            log.error("partitions paused", reasons=reasons)
            self.reset("paused")

    def _record_offset(self, partition: TopicPartition, offset: int) -> None:
        self.stored[partition] = offset
        self.oldest.stored(partition, offset)
        self._offsets.crash_loops.stored(partition, offset)
        self._metrics.stored_offset.labels(partition.topic, str(partition.partition)).set(offset)


def _by_partition(records: Sequence[ConsumerRecord]) -> Iterator[tuple[TopicPartition, Sequence[ConsumerRecord]]]:
    """Yield runs of records of the same partition."""
    for (topic, partition), found in groupby(records, key=lambda record: (record.topic, record.partition)):
        yield TopicPartition(topic, partition), list(found)


@contextlib.asynccontextmanager
async def _next_item(queue: asyncio.Queue[Item]) -> AsyncIterator[Item]:
    item = await queue.get()
    try:
        yield item
    finally:
        queue.task_done()
