"""A scripted log, group member, database and clock, for faults that no real server produces on demand.

Source, offsets, batcher, worker, pipeline and writer are the consumer's own.
"""

import asyncio
import json
import selectors
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError, UnsupportedCodecError

from consumer.batcher import Batcher, Limits
from consumer.circuit_breaker import CircuitBreaker
from consumer.connection import Connection
from consumer.linger import Linger
from consumer.metrics import ConsumerMetrics
from consumer.offsets import Offsets
from consumer.pipeline import Pipeline
from consumer.source import Source
from consumer.topics import Topics
from consumer.worker import PreparedRecord, Worker
from consumer.writer import Writer
from liuyan.times import EPOCH
from registry.follow import ModelFollower
from store.batch import Arrival, Batch, BatchOutcome, DeadLetter, PartitionKey, PartitionState, Tombstone
from store.errors import CommitUnknownError, FencedError, PermanentStoreError, TransientStoreError
from store.store import Store
from tests.consumer.scripted_models import GRACE_SECONDS, Models

TOPIC = "comments"
DRAIN_SECONDS = 10


class VirtualTime(asyncio.SelectorEventLoop):
    """An event loop that never waits: when no task can run, its clock jumps to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.now += max(0.0, timeout or 0.0)
        return super().select(0)


class Entry(StrEnum):
    """The content of an offset; a record is a tombstone.

    A gap is an offset that no poll returns: an aborted record or a marker.
    """

    RECORD = "record"
    COMMENT = "comment"
    POISON = "poison"
    REFUSED = "refused"
    GAP = "gap"


class Answer(StrEnum):
    """The database's answer to the next batch."""

    STORED = "stored"
    UNAVAILABLE = "unavailable"
    LOST_BEFORE = "connection lost before COMMIT"
    LOST_AFTER = "connection lost after COMMIT"


@dataclass
class Log:
    """Entries by partition number and offset; ``unreadable`` are (partition, offset) pairs that fail to decode."""

    partitions: dict[int, list[Entry]]
    unreadable: set[tuple[int, int]] = field(default_factory=set)

    def records(self, partition: int, begin: int, end: int) -> list[int]:
        """Return the offsets of the records in a span."""
        return [offset for offset in range(begin, end) if self.partitions[partition][offset] is not Entry.GAP]


class Member:
    """Replaces AIOKafkaConsumer, with the same rules for pauses, positions and revocations."""

    def __init__(self, log: Log, number: int, loop: VirtualTime) -> None:
        self.max_offsets = 100
        self.failures = 0
        self.epoch: Callable[[], int] = lambda: 0
        self.listener: Source | None = None
        self._log = log
        self._number = number
        self._loop = loop
        self._assigned: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._position: dict[TopicPartition, int] = {}

    async def rebalance(self, numbers: Iterable[int]) -> None:
        """Revoke all partitions, which ``assignment`` still contains meanwhile, and assign ``numbers``."""
        assert self.listener is not None
        await self.listener.on_partitions_revoked(list(self._assigned))
        self._assigned = {TopicPartition(TOPIC, number) for number in numbers}
        self._paused.clear()
        self._position.clear()
        await self.listener.on_partitions_assigned(list(self._assigned))

    def assignment(self) -> set[TopicPartition]:
        return set(self._assigned)

    def pause(self, *partitions: TopicPartition) -> None:
        self._own(partitions)
        self._paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._own(partitions)
        self._paused -= set(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._own([partition])
        self._position[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        self._own([partition])
        return self._position[partition]

    def last_stable_offset(self, partition: TopicPartition) -> int:
        self._own([partition])
        return len(self._log.partitions[partition.partition])

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int = 500
    ) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        deadline = self._loop.now + timeout_ms / 1000
        if timeout_ms:  # aiokafka does not suspend a poll without a timeout.
            await asyncio.sleep(0.001)  # Otherwise the virtual clock would not advance during polls.
        while True:
            if self.failures:
                self.failures -= 1
                raise KafkaConnectionError("connection lost")
            fetched = self._fetch(set(partitions) or self._assigned, max_records)
            if fetched or self._loop.now >= deadline:
                return fetched
            await asyncio.sleep(min(0.2, deadline - self._loop.now))

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await asyncio.sleep(0.01)
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: len(self._log.partitions[partition.partition]) for partition in partitions}

    def _own(self, partitions: Iterable[TopicPartition]) -> None:
        if not self._assigned.issuperset(partitions):
            raise IllegalStateError("not assigned")

    def _fetch(self, partitions: set[TopicPartition], max_records: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Fetch up to ``max_offsets`` offsets per partition; a position may move without a record.

        As in aiokafka, an error drops records of other partitions whose positions have moved already.
        """
        fetched: dict[TopicPartition, list[ConsumerRecord]] = {}
        for partition in sorted(partitions & self._assigned - self._paused):
            begin = self._position[partition]
            end = min(len(self._log.partitions[partition.partition]), begin + min(self.max_offsets, max_records))
            if any((partition.partition, offset) in self._log.unreadable for offset in range(begin, end)):
                raise UnsupportedCodecError("Libraries for lz4 compression codec not found")
            self._position[partition] = end
            records = [self._record(partition, offset) for offset in self._log.records(partition.partition, begin, end)]
            max_records -= len(records)
            if records:
                fetched[partition] = records
        return fetched

    def _record(self, partition: TopicPartition, offset: int) -> ConsumerRecord:
        """Return a record whose timestamp encodes the member and the epoch that fetched it."""
        number = partition.partition
        key = f"forum:{number}-{offset}".encode()
        stamp = self._number * 1_000_000 + self.epoch()
        created = (EPOCH + timedelta(milliseconds=stamp)).isoformat()
        event = {"platform": "forum", "id": f"{number}-{offset}", "text": f"第{offset}条", "created_at": created}
        values = {Entry.POISON: b"junk", Entry.COMMENT: json.dumps(event).encode()}
        value = values.get(self._log.partitions[number][offset])
        return ConsumerRecord(TOPIC, number, offset, stamp, 0, key, value, len(key), 0, None, ())


@dataclass
class Database:
    """Compare and set offsets as the store does, and check that no batch omits, duplicates or mixes records."""

    log: Log
    offsets: dict[int, int] = field(default_factory=dict)
    answers: deque[tuple[Answer, float]] = field(default_factory=deque)
    failing_reads: int = 0
    paused: dict[int, str] = field(default_factory=dict)
    stored: list[tuple[int, int]] = field(default_factory=list)
    models: list[int] = field(default_factory=list)

    async def require_erasure_keys(self) -> None:
        """Accept the keys."""

    async def read(self, query: Callable[..., Awaitable[Any]], *args: object) -> Any:
        return await getattr(self, query.__name__)(*args)

    async def write(self, change: Callable[..., Awaitable[Any]], *args: object, **kwargs: object) -> Any:
        return await getattr(self, change.__name__)(*args, **kwargs)

    async def write_batch(self, batch: Batch, *, truncate_dead_letters: bool = False) -> BatchOutcome:
        answer, seconds = self.answers.popleft() if self.answers else (Answer.STORED, 0.002)
        await asyncio.sleep(seconds)
        if answer is Answer.UNAVAILABLE:
            raise TransientStoreError("unavailable")
        if answer is Answer.LOST_BEFORE:
            raise CommitUnknownError("lost")
        for number, offset in map(_location, batch.records):
            refused = self.log.partitions[number][offset] is Entry.REFUSED
            if refused and not any(
                isinstance(one, DeadLetter) and _location(one) == (number, offset) for one in batch.records
            ):
                raise PermanentStoreError("too long")
        if any(self.offsets[advance.partition.partition] != advance.expected for advance in batch.advances):
            raise FencedError("moved")
        self._check(batch)
        self.offsets |= {advance.partition.partition: advance.next_offset for advance in batch.advances}
        self.stored += map(_location, batch.records)
        self.models += [batch.model] if batch.records else []
        reasons = {one.partition.partition: one.pause_reason for one in batch.advances}
        self.paused |= {number: reason for number, reason in reasons.items() if reason is not None}
        if answer is Answer.LOST_AFTER:
            await asyncio.sleep(seconds)
            raise CommitUnknownError("lost")
        return BatchOutcome(erased=len(batch.records))

    async def read_partitions(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], PartitionState]:
        await asyncio.sleep(0.01)
        if self.failing_reads:
            self.failing_reads -= 1
            raise TransientStoreError("unavailable")
        return {(TOPIC, number): self._state(number) for number in self.offsets}

    async def begin_partition(self, partition: PartitionKey, start: int, topic_id: str | None) -> PartitionState:
        self.offsets.setdefault(partition.partition, start)
        return self._state(partition.partition)

    async def count_starts(self, states: Sequence[PartitionState]) -> None:
        """Count nothing: the crashes of these tests would pause partitions."""

    def all_stored_once(self) -> bool:
        """Return whether each record is stored once and in order, and all stored offsets are at the end."""
        return all(
            self.offsets.get(number) == len(log)
            and self._stored_offsets(number) == self.log.records(number, 0, len(log))
            for number, log in self.log.partitions.items()
        )

    def _stored_offsets(self, number: int) -> list[int]:
        return [offset for partition, offset in self.stored if partition == number]

    def _state(self, number: int) -> PartitionState:
        key = PartitionKey("group", TOPIC, number)
        return PartitionState(key, self.offsets[number], "id", 0, self.paused.get(number), None, datetime.now(UTC))

    def _check(self, batch: Batch) -> None:
        locations = [_location(record) for record in batch.records]
        for advance in batch.advances:
            number = advance.partition.partition
            offsets = [offset for partition, offset in locations if partition == number]
            assert offsets == self.log.records(number, advance.expected, advance.next_offset)
        assert {number for number, _ in locations} <= {advance.partition.partition for advance in batch.advances}
        assert len({_timestamp(record) for record in batch.records}) <= 1, "a batch mixes epochs"


def _location(record: object) -> tuple[int, int]:
    if isinstance(record, DeadLetter):
        return record.partition.partition, record.offset
    assert isinstance(record, Arrival | Tombstone)
    number, _, offset = record.id.partition("-")
    return int(number), int(offset)


def _timestamp(record: object) -> int:
    if isinstance(record, DeadLetter):
        return record.timestamp
    assert isinstance(record, Arrival | Tombstone)
    return (record.content.version if isinstance(record, Arrival) else record.timestamp) // 1000


class _InlineWorker(Worker):
    """A worker without a thread; parsing and labelling take a fixed time on the virtual clock."""

    async def _run(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.005)
        return work(*args, **kwargs)


class _Ids:
    async def ids(self, topics: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(topics, "id")


class Consumer:
    """A whole consumer with a scripted member, database and clock."""

    def __init__(
        self,
        number: int,
        log: Log,
        database: Database,
        loop: VirtualTime,
        limits: Limits,
        *,
        latency_seconds: float = 0.2,
    ) -> None:
        self.member = Member(log, number, loop)
        self.models = Models()
        self._metrics = metrics = ConsumerMetrics()
        with patch("consumer.source.AIOKafkaConsumer", lambda **settings: self.member):
            source = Source(
                Connection("nowhere:1"),
                "group",
                drain=self._drain,
                count_rebalance=_do_nothing,
                session_timeout_seconds=6,
            )
        self.member.listener = source
        self.member.epoch = lambda: source.epoch
        store = cast(Store, database)
        positions = Offsets(store, source, cast(Topics, _Ids()), group="group", metrics=metrics)
        self.worker = worker = _InlineWorker(
            self.models.loaded,
            group="group",
            topics={TOPIC: frozenset()},
            circuit_breaker=CircuitBreaker(1, 1_000),
            metrics=metrics,
        )
        clock = SimpleNamespace(monotonic=loop.time, time=loop.time)
        patch("consumer.pipeline.time", clock).start()
        self.pipeline = Pipeline(
            source,
            worker,
            positions,
            Batcher[PreparedRecord](limits),
            Linger(latency_seconds),
            metrics,
            cast(ModelFollower, self.models),
            GRACE_SECONDS,
            lambda is_current: Writer(store, metrics, is_current),
        )
        coroutines = (self.pipeline.read(), self.pipeline.label(), self.pipeline.write())
        self.tasks = [loop.create_task(coroutine) for coroutine in coroutines]

    def check(self) -> None:
        """Raise the error of a task that has ended."""
        for task in self.tasks:
            if task.done():
                task.result()

    @property
    def resets(self) -> float:
        """Number of resets, without assignments."""
        return sum(sample.value for family in self._metrics.resets.collect() for sample in family.samples)

    async def end(self) -> None:
        """Cancel all tasks."""
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)

    async def _drain(self) -> None:
        try:
            await asyncio.wait_for(self.pipeline.writer_idle.wait(), DRAIN_SECONDS)
        except TimeoutError:
            return


def _do_nothing() -> None:
    """Do not count rebalances."""
