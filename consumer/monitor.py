"""Beside the batches: tell Kafka and the metrics how far we are, and act on rows that people change.

A command never speaks to a consumer: it changes a row (pause, resume, seek, promote), and this finds it.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog
from aiokafka import TopicPartition

from consumer.metrics import ConsumerMetrics
from consumer.offsets import Offsets
from consumer.pipeline import Pipeline
from consumer.source import Source
from consumer.topics import BrokerError, Topics
from liuyan.errors import LiuyanError
from liuyan.health import Check
from liuyan.reachable import Reachable
from store.dead_letter_admin import DeadLetterFilter, count_dead_letters
from store.errors import TransientStoreError
from store.models import read_active
from store.partitions import read_positions
from store.ready import database_reachable
from store.store import Store

log = structlog.get_logger(__name__)

REPORT_SECONDS = 1.0
ROWS_SECONDS = 2.0
TOPICS_SECONDS = 5.0
LETTERS_SECONDS = 15.0
# Ends of logs that are older say nothing about the lag.
STALE_SECONDS = 15.0


class ModelChangedError(LiuyanError):
    """Another model than the consumer's is active."""


class Monitor:
    """The tasks beside the pipeline, and what /livez and /readyz answer."""

    def __init__(
        self,
        pipeline: Pipeline,
        source: Source,
        positions: Offsets,
        store: Store,
        broker: Topics,
        metrics: ConsumerMetrics,
        *,
        group: str,
        topics: Sequence[str],
        active_sha256: str | None,
        stuck_seconds: float,
    ) -> None:
        self._pipeline = pipeline
        self._source = source
        self._positions = positions
        self._store = store
        self._broker = broker
        self._metrics = metrics
        self._group = group
        self._topics = topics
        self._active_sha256 = active_sha256
        self._stuck_seconds = stuck_seconds
        self._committed: dict[TopicPartition, int] = {}
        self._ends_read_at = time.monotonic()
        self._measured: frozenset[TopicPartition] = frozenset()
        self._database = database_reachable(store)
        self._kafka = Reachable("kafka", "Kafka", lambda: broker.ends(topics), outages=(BrokerError,))

    async def report(self) -> None:
        """Every second: lag and the event loop's delay. Runs until it is cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(REPORT_SECONDS)
            now = time.monotonic()
            self._metrics.event_loop_delay.set(max(0.0, now - before - REPORT_SECONDS))
            self.measure(now)

    def measure(self, now: float) -> None:
        """Set the gauges of the assigned partitions; none keeps a value that may no longer be true."""
        assigned = self._source.assigned
        self._metrics.assigned.set(len(assigned))
        stale = now - self._ends_read_at > STALE_SECONDS
        lags = {} if stale else {partition: lag for partition, lag in self.lags().items() if partition in assigned}
        for partition, lag in lags.items():
            self._metrics.lag.labels(partition.topic, str(partition.partition)).set(lag)
        known = self._measured | assigned
        for partition in known - lags.keys():
            self._metrics.lag.remove(partition.topic, str(partition.partition))
        for partition in known - assigned:
            self._metrics.forget(partition.topic, partition.partition)
        self._measured = assigned

    async def commit_offsets(self) -> None:
        """Every second: our offsets to Kafka, which may keep us waiting. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            await self.commit()

    async def commit(self) -> None:
        """Commit the stored offsets to Kafka, for lag tools only."""
        stored = dict(self._pipeline.stored)
        moved = {partition: offset for partition, offset in stored.items() if self._committed.get(partition) != offset}
        if moved and await self._source.commit(moved):
            self._committed |= moved

    async def follow_rows(self) -> None:
        """Find pauses, resumes, seeks and promotions in the database. Runs until it is cancelled.

        Raises ModelChangedError when the active model is not ours any more.
        """
        while True:
            await asyncio.sleep(ROWS_SECONDS)
            try:
                await self._follow_partitions()
                await self._follow_model()
            except TransientStoreError as error:
                log.debug("the database does not answer now", error=str(error))

    async def follow_topics(self) -> None:
        """Find topics that were deleted and made anew, and where their logs end. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(TOPICS_SECONDS)
            if await self._positions.any_recreated(self._topics):
                self._pipeline.reset("topic_recreated")
            try:
                self._pipeline.stall.update_ends(await self._broker.ends(self._topics))
                self._ends_read_at = time.monotonic()
            except LiuyanError as error:
                log.debug("Kafka does not answer now", error=str(error))

    async def follow_dead_letters(self) -> None:
        """Count the dead letters by state; no count is shown while the database does not answer. Runs until it is
        cancelled."""
        while True:
            try:
                async with asyncio.timeout(LETTERS_SECONDS):
                    counts = await self._store.read(count_dead_letters, DeadLetterFilter(states=frozenset()))
            except (TransientStoreError, TimeoutError):
                self._metrics.letters.clear()
            else:
                for state, count in counts.items():
                    self._metrics.letters.labels(state).set(count)
            await asyncio.sleep(LETTERS_SECONDS)

    def lags(self) -> dict[TopicPartition, int]:
        """Records behind the stored offset, of each partition that is read, by the latest end that we know."""
        lags = {}
        for partition, stored in self._pipeline.stored.items():
            ends = (self._source.end(partition), self._pipeline.stall.end(partition))
            lags[partition] = max((end - stored for end in ends if end is not None and end > stored), default=0)
        return lags

    async def alive(self) -> Sequence[Check]:
        """/livez: there is progress, or nothing to do."""
        progress, now = self._pipeline.stall, time.monotonic()
        lag, silent = progress.lag(self._source.assigned), progress.stalled_seconds(now)
        stuck = lag > 0 and silent > self._stuck_seconds
        told = f"nothing was stored for {silent:.0f} s" if lag else "nothing is to be stored"
        age = now - self._ends_read_at
        known = f"; Kafka last answered {age:.0f} s ago" if age > STALE_SECONDS else ""
        return [Check("progress", not stuck, f"{lag} records behind, {told}{known}.")]

    async def ready(self) -> Sequence[Check]:
        """/readyz: database and Kafka answer now, and every assigned partition is read."""
        assigned, waiting = self._source.assigned, self._source.assigned - self._source.positioned
        stopped = sorted(f"{tp.topic} {tp.partition} ({why})" for tp, why in self._source.paused.items())
        database, kafka = await asyncio.gather(self._database.check(), self._kafka.check())
        if self._pipeline.read_error is not None:
            kafka = Check("kafka", False, f"Records cannot be read: {self._pipeline.read_error}.")
        return [
            database,
            kafka,
            Check("positions", not waiting, f"{len(assigned) - len(waiting)} of {len(assigned)} partitions taken up."),
            Check("partitions", not stopped, f"Paused: {', '.join(stopped)}." if stopped else "None is paused."),
        ]

    async def _follow_partitions(self) -> None:
        writes, idle = self._pipeline.writes, self._pipeline.idle.is_set()
        known, stopped = dict(self._pipeline.stored), self._source.paused
        states = await self._store.read(read_positions, self._group, self._topics)
        self._pipeline.stall.update_rows(states, self._source.assigned, time.monotonic())
        settled = idle and self._pipeline.idle.is_set() and writes == self._pipeline.writes
        for partition in self._source.positioned - self._source.unreadable:
            state = states.get((partition.topic, partition.partition))
            if state is None:
                continue
            if (state.paused_reason is not None) != (partition in stopped):
                return self._pipeline.reset("row_paused" if state.paused_reason is not None else "row_resumed")
            if settled and state.next_offset != known.get(partition, state.next_offset):
                return self._pipeline.reset("row_sought")
        return None

    async def _follow_model(self) -> None:
        active = await self._store.read(read_active)
        if self._active_sha256 is not None and active is not None and active.sha256 != self._active_sha256:
            raise ModelChangedError(
                f"Model {active.sha256[:12]} ({active.name}) is active now and this consumer runs another: "
                "start it again with `--model` of that artifact, or with `--shadow`."
            )
