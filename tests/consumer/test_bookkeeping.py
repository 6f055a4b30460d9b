"""Each record is stored once and in order, whatever faults occur between batcher, offsets and pipeline.

Two consumers of one group read two partitions; either may be a zombie that still believes it owns a partition of the
other. After each run the faults end, and all published records must be stored, without resets while nothing fails.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any
from unittest.mock import patch

import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.batcher import Limits
from tests.consumer.scripted import Answer, Consumer, Database, Entry, Log, VirtualTime

PARTITIONS = (0, 1)
LIMITS = Limits(records=4, tokens=1_000, size=1_000)
RECOVERY_SECONDS = 60
SECONDS = st.sampled_from([0, 0.01, 0.1, 0.6, 3, 12])
CONSUMER = st.sampled_from([0, 1])


class Bookkeeping(RuleBasedStateMachine):
    """Rules inject faults and let time pass; the scripted database checks every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTime()
        self.log = Log({number: [] for number in PARTITIONS})
        self.database = Database(self.log)
        self.consumers: list[Consumer] = []
        self.rebalances: dict[int, asyncio.Task[None]] = {}
        structlog.configure(processors=[_drop_event])

    @initialize(logs=st.tuples(*[st.lists(st.sampled_from(Entry), max_size=6) for _ in PARTITIONS]))
    def start(self, logs: tuple[list[Entry], ...]) -> None:
        """Publish records before the first consumer starts."""
        for number, log in zip(PARTITIONS, logs, strict=True):
            self.publish(number, log)
        self.run(self._start())
        self.rebalance(0, {0, 1})

    async def _start(self) -> None:
        self.consumers = [self._consumer(number) for number in (0, 1)]

    def _consumer(self, number: int) -> Consumer:
        return Consumer(number, self.log, self.database, self.loop, LIMITS)

    @rule(partition=st.sampled_from(PARTITIONS), entries=st.lists(st.sampled_from(Entry), min_size=1, max_size=8))
    def publish(self, partition: int, entries: list[Entry]) -> None:
        self.log.partitions[partition] += entries

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(consumer=CONSUMER, partitions=st.frozensets(st.sampled_from(PARTITIONS)), seconds=SECONDS)
    def rebalance(self, consumer: int, partitions: frozenset[int] | set[int], seconds: float = 0.1) -> None:
        """Rebalance after the consumer's previous rebalance has ended: a member handles them one at a time."""
        previous = self.rebalances.get(consumer)

        async def in_order() -> None:
            if previous is not None:
                await asyncio.wait([previous])
            await self.consumers[consumer].member.rebalance(partitions)

        self.rebalances[consumer] = self.loop.create_task(in_order())
        self.run(asyncio.sleep(seconds))

    @rule(answers=st.lists(st.tuples(st.sampled_from(Answer), SECONDS), min_size=1, max_size=4))
    def answer(self, answers: list[tuple[Answer, float]]) -> None:
        self.database.answers.extend(answers)

    @rule(times=st.integers(1, 3))
    def offsets_cannot_be_read(self, times: int) -> None:
        self.database.failing_reads += times

    @rule(consumer=CONSUMER, times=st.integers(1, 3))
    def polls_fail(self, consumer: int, times: int) -> None:
        self.consumers[consumer].member.failures += times

    @rule(consumer=CONSUMER, max_offsets=st.integers(1, 5))
    def polls_are_small(self, consumer: int, max_offsets: int) -> None:
        self.consumers[consumer].member.max_offsets = max_offsets

    @rule(consumer=CONSUMER)
    def reset(self, consumer: int) -> None:
        self.consumers[consumer].pipeline.reset("by hand")

    @rule(consumer=CONSUMER)
    def promote(self, consumer: int) -> None:
        """A consumer has loaded another model; its batches must not mix models."""
        self.consumers[consumer].models.promote()

    @rule(consumer=CONSUMER)
    def lose_model(self, consumer: int) -> None:
        """A consumer cannot load the active model, and takes no records until ``promote``."""
        self.consumers[consumer].models.lose()

    @precondition(lambda self: all(task.done() for task in self.rebalances.values()))
    @rule(consumer=CONSUMER)
    def crash(self, consumer: int) -> None:
        self.run(self.consumers[consumer].end())

        async def restart() -> None:
            self.consumers[consumer] = self._consumer(consumer)

        self.run(restart())
        self.rebalances.pop(consumer, None)
        self.rebalance(consumer, {consumer})

    @invariant()
    def no_task_has_ended(self) -> None:
        for consumer in self.consumers:
            consumer.check()
        for task in self.rebalances.values():
            if task.done():
                task.result()

    def teardown(self) -> None:
        try:
            if self.consumers:
                self.recovers_after_a_rebalance()
                self.recovers_without_a_rebalance()
                self.does_not_reset_without_faults()
        finally:
            for consumer in self.consumers:
                self.run(consumer.end())
            patch.stopall()
            structlog.reset_defaults()
            self.loop.close()

    def recovers_after_a_rebalance(self) -> None:
        """Assign all partitions to one consumer, which must store all records."""
        self.database.answers.clear()
        self.database.failing_reads = 0
        for consumer in self.consumers:
            consumer.models.promote()
        self.rebalance(1, set())
        self.rebalance(0, {0, 1})
        self.check_all_stored(RECOVERY_SECONDS)

    def recovers_without_a_rebalance(self) -> None:
        """Let commits fail and a zombie advance a partition; the consumer must recover without a new assignment."""
        self.rebalance(1, {0}, seconds=3)
        for answers in ([Answer.LOST_BEFORE], [Answer.LOST_AFTER], [Answer.UNAVAILABLE, Answer.LOST_BEFORE]):
            self.database.answers.extend((answer, 0.01) for answer in answers)
            self.publish_records(9)
            self.wait(3)
        self.rebalance(1, set())
        self.check_all_stored(RECOVERY_SECONDS)

    def does_not_reset_without_faults(self) -> None:
        """Without faults, no batch is dropped and polled again."""
        resets = self.consumers[0].resets
        for _ in range(4):
            self.publish_records(9)
            self.wait(0.3)
        self.check_all_stored(2)
        assert self.consumers[0].resets == resets

    def publish_records(self, count: int) -> None:
        for number in PARTITIONS:
            self.publish(number, [Entry.RECORD, Entry.COMMENT, Entry.COMMENT] * (count // 3))

    def check_all_stored(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))
        self.no_task_has_ended()
        assert self.database.all_stored_once()

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(coroutine)


def _drop_event(*_: Any) -> dict[str, Any]:
    raise structlog.DropEvent


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(
    max_examples=settings().max_examples * 3 // 5,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
