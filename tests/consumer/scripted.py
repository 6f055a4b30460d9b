"""A log, a group member, a database and a clock that do what a test says: what no server does on order.

Everything above them is the consumer's own: source, positions, batcher, worker, pipeline and writer.
"""

import asyncio
import selectors
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError, UnsupportedCodecError

from consumer.batcher import Batcher, Limits
from consumer.circuit_breaker import CircuitBreaker
from consumer.connection import Connection
from consumer.metrics import ConsumerMetrics
from consumer.offsets import Offsets
from consumer.pipeline import Pipeline
from consumer.source import Source
from consumer.topics import Topics
from consumer.worker import PreparedRecord, Worker
from consumer.writer import Writer
from model.cache import CacheStatistics
from model.labeller import Labeller
from store.batch import Batch, BatchOutcome, DeadLetter, PartitionKey, PartitionState, Tombstone
from store.errors import CommitUnknownError, FencedError, PermanentStoreError, TransientStoreError
from store.store import Store

TOPIC = "comments"
SETTLE_SECONDS = 10


class VirtualTime(asyncio.SelectorEventLoop):
    """An event loop that waits for nothing: when no task can go on, its clock jumps to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumps(self))

    def time(self) -> float:
        return self.now


class _Jumps(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.now += max(0.0, timeout or 0.0)
        return super().select(0)


class Entry(StrEnum):
    """What an offset of the log holds. A gap is what no poll gives out: an aborted record, a marker."""

    RECORD = "record"
    POISON = "poison"
    REFUSED = "refused"
    GAP = "gap"


class Answer(StrEnum):
    """How the database takes the next batch."""

    STORED = "stored"
    AWAY = "away"
    LOST_BEFORE = "the answer to COMMIT lost, not stored"
    LOST_AFTER = "the answer to COMMIT lost, stored"


@dataclass
class Log:
    """Partition number -> what it holds, by offset; ``unreadable`` are places that cannot be decoded."""

    partitions: dict[int, list[Entry]]
    unreadable: set[tuple[int, int]] = field(default_factory=set)

    def given_out(self, partition: int, begin: int, end: int) -> list[int]:
        """Offsets of the records in a span."""
        return [offset for offset in range(begin, end) if self.partitions[partition][offset] is not Entry.GAP]


class Member:
    """What aiokafka's consumer is to Source: the same rules on pauses, positions and revocations."""

    def __init__(self, log: Log, number: int, loop: VirtualTime) -> None:
        self.most = 100
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
        """The group gives other partitions, or the same ones again; while the old ones are given up they are named."""
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

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int = 500
    ) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        deadline = self._loop.now + timeout_ms / 1000
        await asyncio.sleep(0.001)  # A clock that only jumps would else stand still while somebody polls.
        while True:
            if self.failures:
                self.failures -= 1
                raise KafkaConnectionError("cut")
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

    def _fetch(self, wanted: set[TopicPartition], max_records: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        """At most ``most`` offsets of each partition; a position may move without a record.

        As in aiokafka, an error drops the records that were taken from other partitions, whose positions have moved.
        """
        fetched: dict[TopicPartition, list[ConsumerRecord]] = {}
        for partition in sorted(wanted & self._assigned - self._paused):
            begin = self._position[partition]
            end = min(len(self._log.partitions[partition.partition]), begin + min(self.most, max_records))
            if any((partition.partition, offset) in self._log.unreadable for offset in range(begin, end)):
                raise UnsupportedCodecError("Libraries for lz4 compression codec not found")
            self._position[partition] = end
            records = [
                self._record(partition, offset) for offset in self._log.given_out(partition.partition, begin, end)
            ]
            max_records -= len(records)
            if records:
                fetched[partition] = records
        return fetched

    def _record(self, partition: TopicPartition, offset: int) -> ConsumerRecord:
        """Its timestamp says who fetched it in which epoch."""
        number = partition.partition
        value = b"junk" if self._log.partitions[number][offset] is Entry.POISON else None
        key = f"forum:{number}-{offset}".encode()
        stamp = self._number * 1_000_000 + self.epoch()
        return ConsumerRecord(TOPIC, number, offset, stamp, 0, key, value, len(key), 0, None, ())


@dataclass
class Database:
    """Compares and sets as the store does, and sees at each batch that nothing is left out, doubled or mixed."""

    log: Log
    offsets: dict[int, int] = field(default_factory=dict)
    answers: deque[tuple[Answer, float]] = field(default_factory=deque)
    away: int = 0
    paused: dict[int, str] = field(default_factory=dict)
    stored: list[tuple[int, int]] = field(default_factory=list)

    async def read(self, query: Callable[..., Awaitable[Any]], *args: object) -> Any:
        return await getattr(self, query.__name__)(*args)

    async def write(self, change: Callable[..., Awaitable[Any]], *args: object, **kwargs: object) -> Any:
        return await getattr(self, change.__name__)(*args, **kwargs)

    async def write_batch(self, batch: Batch, *, truncate_dead_letters: bool = False) -> BatchOutcome:
        answer, seconds = self.answers.popleft() if self.answers else (Answer.STORED, 0.002)
        await asyncio.sleep(seconds)
        if answer is Answer.AWAY:
            raise TransientStoreError("away")
        if answer is Answer.LOST_BEFORE:
            raise CommitUnknownError("lost")
        for number, offset in map(_place, batch.records):
            refused = self.log.partitions[number][offset] is Entry.REFUSED
            if refused and not any(
                isinstance(one, DeadLetter) and _place(one) == (number, offset) for one in batch.records
            ):
                raise PermanentStoreError("too long")
        if any(self.offsets[advance.partition.partition] != advance.expected for advance in batch.advances):
            raise FencedError("moved")
        self._check(batch)
        self.offsets |= {advance.partition.partition: advance.next_offset for advance in batch.advances}
        self.stored += map(_place, batch.records)
        reasons = {one.partition.partition: one.pause_reason for one in batch.advances}
        self.paused |= {number: reason for number, reason in reasons.items() if reason is not None}
        if answer is Answer.LOST_AFTER:
            await asyncio.sleep(seconds)
            raise CommitUnknownError("lost")
        return BatchOutcome(erased=len(batch.records))

    async def read_positions(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], PartitionState]:
        await asyncio.sleep(0.01)
        if self.away:
            self.away -= 1
            raise TransientStoreError("away")
        return {(TOPIC, number): self._state(number) for number in self.offsets}

    async def begin_partition(self, partition: PartitionKey, start: int, topic_id: str | None) -> PartitionState:
        self.offsets.setdefault(partition.partition, start)
        return self._state(partition.partition)

    async def count_starts(self, states: Sequence[PartitionState]) -> None:
        """Crashes of these tests are not counted: they would pause a partition."""

    def everything_once(self) -> bool:
        """Whether each record of the log is stored, in order, and the offsets stand at its end."""
        return all(
            self.offsets.get(number) == len(log)
            and [at for where, at in self.stored if where == number] == self.log.given_out(number, 0, len(log))
            for number, log in self.log.partitions.items()
        )

    def _state(self, number: int) -> PartitionState:
        key = PartitionKey("group", TOPIC, number)
        return PartitionState(key, self.offsets[number], "id", 0, self.paused.get(number), None, datetime.now(UTC))

    def _check(self, batch: Batch) -> None:
        places = [_place(record) for record in batch.records]
        for advance in batch.advances:
            number = advance.partition.partition
            stored = [offset for where, offset in places if where == number]
            assert stored == self.log.given_out(number, advance.expected, advance.next_offset)
        assert {number for number, _ in places} <= {advance.partition.partition for advance in batch.advances}
        assert len({_stamp(record) for record in batch.records}) <= 1, "a batch mixes epochs"


def _place(record: object) -> tuple[int, int]:
    if isinstance(record, DeadLetter):
        return record.partition.partition, record.offset
    assert isinstance(record, Tombstone)
    number, _, offset = record.id.partition("-")
    return int(number), int(offset)


def _stamp(record: object) -> int:
    if isinstance(record, DeadLetter):
        return record.timestamp
    assert isinstance(record, Tombstone)
    return record.timestamp // 1000


class _Inline(Worker):
    """The worker without its thread; parsing and labelling take as long as they are told."""

    async def _run(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.005)
        return work(*args, **kwargs)


class _NoTexts:
    """A labeller for a log of tombstones and poison."""

    def prepare(self, texts: Sequence[str]) -> list[Any]:
        return []

    label = prepare

    def cache_statistics(self) -> CacheStatistics:
        return CacheStatistics(0, 0, 0)


class _Ids:
    async def ids(self, topics: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(topics, "id")


class Consumer:
    """A whole consumer over a member, a database and a clock of the test's."""

    def __init__(self, number: int, log: Log, database: Database, loop: VirtualTime, limits: Limits) -> None:
        self.member = Member(log, number, loop)
        self._metrics = metrics = ConsumerMetrics()
        with patch("consumer.source.AIOKafkaConsumer", lambda **settings: self.member):
            source = Source(
                Connection("nowhere:1"),
                "group",
                drain=self._settle,
                count_rebalance=_nothing,
                session_timeout_seconds=6,
            )
        self.member.listener = source
        self.member.epoch = lambda: source.epoch
        store = cast(Store, database)
        positions = Offsets(store, source, cast(Topics, _Ids()), group="group", model=1, metrics=metrics)
        brake = CircuitBreaker(1, 1_000)
        worker = _Inline(
            cast(Labeller, _NoTexts()),
            model=1,
            group="group",
            topics={TOPIC: frozenset()},
            brake=brake,
            metrics=metrics,
        )
        clock = SimpleNamespace(monotonic=loop.time, time=loop.time)
        patch("consumer.pipeline.time", clock).start()
        self.pipeline = Pipeline(
            source,
            worker,
            positions,
            Batcher[PreparedRecord](limits),
            metrics,
            lambda wanted: Writer(store, metrics, wanted),
        )
        works = (self.pipeline.read(), self.pipeline.label(), self.pipeline.write())
        self.tasks = [loop.create_task(work) for work in works]

    def check(self) -> None:
        """None of its tasks has ended."""
        for task in self.tasks:
            if task.done():
                task.result()

    @property
    def resets(self) -> float:
        """How often batches in hand were dropped, for any cause but an assignment."""
        return sum(sample.value for family in self._metrics.resets.collect() for sample in family.samples)

    async def end(self) -> None:
        """Stop in the middle of everything."""
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)

    async def _settle(self) -> None:
        try:
            await asyncio.wait_for(self.pipeline.idle.wait(), SETTLE_SECONDS)
        except TimeoutError:
            return


def _nothing() -> None:
    """Count nothing."""
