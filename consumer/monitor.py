"""Background tasks: report lag and health, commit offsets to Kafka, and react to rows that people change.

Commands do not connect to consumers: they change a row (pause, resume, seek), which the monitor polls.
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
from consumer.unbound_topics import UnboundTopics
from liuyan.errors import LiuyanError
from liuyan.health import Check
from liuyan.reachable import Reachable
from registry.follow import ModelFollower
from store.dead_letter_admin import DeadLetterFilter
from store.dead_letter_counts import count_dead_letters
from store.errors import TransientStoreError
from store.partitions import read_partitions
from store.ready import database_reachable
from store.store import Store

log = structlog.get_logger(__name__)

REPORT_SECONDS = 1.0
ROWS_SECONDS = 2.0
TOPICS_SECONDS = 5.0
LETTERS_SECONDS = 15.0
# End offsets older than this do not count for the lag.
STALE_SECONDS = 15.0


class Monitor:
    """Run the background tasks and answer /livez and /readyz."""

    def __init__(
        self,
        pipeline: Pipeline,
        source: Source,
        offsets: Offsets,
        store: Store,
        broker: Topics,
        metrics: ConsumerMetrics,
        *,
        group: str,
        topics: Sequence[str],
        models: ModelFollower,
        stuck_seconds: float,
        unbound_topics: UnboundTopics | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._source = source
        self._offsets = offsets
        self._store = store
        self._broker = broker
        self._metrics = metrics
        self._group = group
        self._topics = topics
        self._models = models
        self._stuck_seconds = stuck_seconds
        self._unbound_topics = unbound_topics or UnboundTopics({})
        self._committed: dict[TopicPartition, int] = {}
        self._ends_read_at = time.monotonic()
        self._measured: frozenset[TopicPartition] = frozenset()
        self._database = database_reachable(store)
        self._kafka = Reachable("kafka", "Kafka", lambda: broker.ends(topics), outages=(BrokerError,))

    async def report(self) -> None:
        """Update the gauges every second, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self.measure(time.monotonic())

    def measure(self, now: float) -> None:
        """Set the gauges of assigned partitions and remove those whose value is stale."""
        assigned = self._source.assigned
        self._metrics.assigned.set(len(assigned))
        stale = now - self._ends_read_at > STALE_SECONDS
        lags = {} if stale else {partition: lag for partition, lag in self.lags().items() if partition in assigned}
        for partition, lag in lags.items():
            labels = (partition.topic, str(partition.partition))
            self._metrics.lag.labels(*labels).set(lag)
            seconds = self._pipeline.oldest.seconds(partition, self._pipeline.stored[partition], lag)
            self._metrics.lag_seconds.labels(*labels).set(seconds)
        self._pipeline.oldest.keep(assigned)
        known = self._measured | assigned
        for partition in known - lags.keys():
            self._metrics.remove_lag(partition.topic, partition.partition)
        for partition in known - assigned:
            self._metrics.remove_partition(partition.topic, partition.partition)
        self._measured = assigned

    async def commit_offsets(self) -> None:
        """Commit stored offsets to Kafka every second, until cancelled. Separate from ``report``: commits may wait."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            await self.commit()

    async def commit(self) -> None:
        """Commit the stored offsets to Kafka. Only lag tools read them."""
        stored = dict(self._pipeline.stored)
        moved = {partition: offset for partition, offset in stored.items() if self._committed.get(partition) != offset}
        if moved and await self._source.commit(moved):
            self._committed |= moved

    async def follow_rows(self) -> None:
        """Poll the database for pauses, resumes and seeks, until cancelled."""
        while True:
            await asyncio.sleep(ROWS_SECONDS)
            try:
                await self._follow_partitions()
            except TransientStoreError as error:
                log.debug("database unavailable", error=str(error))

    async def follow_topics(self) -> None:
        """Poll Kafka for recreated topics and end offsets, until cancelled."""
        while True:
            await asyncio.sleep(TOPICS_SECONDS)
            if await self._offsets.any_recreated(self._topics):
                self._pipeline.reset("topic_recreated")
            try:
                self._pipeline.stall.update_ends(await self._broker.ends(self._topics))
                self._ends_read_at = time.monotonic()
            except LiuyanError as error:
                log.debug("Kafka unavailable", error=str(error))

    async def follow_dead_letters(self) -> None:
        """Count dead letters by state, until cancelled. Remove the gauges while the database is unavailable."""
        while True:
            try:
                async with asyncio.timeout(LETTERS_SECONDS):
                    counts = await self._store.read(count_dead_letters, DeadLetterFilter(states=frozenset()))
            except (TransientStoreError, TimeoutError):
                self._metrics.stored_dead_letters.clear()
            else:
                for state, count in counts.items():
                    self._metrics.stored_dead_letters.labels(state).set(count)
            await asyncio.sleep(LETTERS_SECONDS)

    def lags(self) -> dict[TopicPartition, int]:
        """Return each started partition's lag in records, by the highest end offset known."""
        lags = {}
        for partition, stored in self._pipeline.stored.items():
            ends = (self._source.end(partition), self._pipeline.stall.end(partition))
            lags[partition] = max((end - stored for end in ends if end is not None and end > stored), default=0)
        return lags

    async def alive(self) -> Sequence[Check]:
        """Check for /livez that the consumer is not stalled."""
        stall, now = self._pipeline.stall, time.monotonic()
        lag, seconds = stall.lag(self._source.assigned), stall.stalled_seconds(now)
        # A restart does not help a consumer that waits for its model: it could not even start.
        stalled = lag > 0 and seconds > self._stuck_seconds and not self._pipeline.holding
        progress = f"no batch stored for {seconds:.0f} s" if lag else "no records to store"
        age = now - self._ends_read_at
        staleness = f"; Kafka last answered {age:.0f} s ago" if age > STALE_SECONDS else ""
        return [Check("progress", not stalled, f"Lag of {lag} records, {progress}{staleness}.")]

    async def ready(self) -> Sequence[Check]:
        """Check for /readyz that database and Kafka are reachable and every assigned partition is being read."""
        assigned, waiting = self._source.assigned, self._source.assigned - self._source.positioned
        paused = sorted(f"{tp.topic} {tp.partition} ({reason})" for tp, reason in self._source.paused.items())
        database, kafka = await asyncio.gather(self._database.check(), self._kafka.check())
        if self._pipeline.read_error is not None:
            kafka = Check("kafka", False, f"Cannot read records: {self._pipeline.read_error}.")
        # A warning does not take the consumer out of service.
        warnings = self._unbound_topics.warnings() or ["No unbound topic gets events of several platforms."]
        return [
            database,
            kafka,
            self._model_check(),
            Check("platforms", True, " ".join(warnings)),
            Check("positions", not waiting, f"{len(assigned) - len(waiting)} of {len(assigned)} partitions started."),
            Check("partitions", not paused, f"Paused: {', '.join(paused)}." if paused else "No partition is paused."),
        ]

    def _model_check(self) -> Check:
        """Check that the active model could be loaded; a consumer that is still loading it is ready."""
        held = " This consumer takes no records until it is loaded." if self._pipeline.holding else ""
        return Check("model", self._models.failure is None and not held, self._models.describe() + held)

    async def _follow_partitions(self) -> None:
        writes, idle = self._pipeline.writes, self._pipeline.writer_idle.is_set()
        stored, paused = dict(self._pipeline.stored), self._source.paused
        states = await self._store.read(read_partitions, self._group, self._topics)
        self._pipeline.stall.update_rows(states, self._source.assigned, time.monotonic())
        no_write = idle and self._pipeline.writer_idle.is_set() and writes == self._pipeline.writes
        for partition in self._source.positioned - self._source.unreadable:
            state = states.get((partition.topic, partition.partition))
            if state is None:
                continue
            if (state.paused_reason is not None) != (partition in paused):
                return self._pipeline.reset("row_paused" if state.paused_reason is not None else "row_resumed")
            if no_write and state.next_offset != stored.get(partition, state.next_offset):
                return self._pipeline.reset("row_sought")
        return None
