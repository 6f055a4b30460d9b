"""Whatever comes between, each record is stored once and in order: batcher, positions and pipeline over a scripted log.

Two consumers of one group work on two partitions, and either may believe that it has what the other has got: a zombie.
After each run everything is mended, and all that was published must be stored, without detours where nothing breaks.
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
LIMITS = Limits(records=4, padded_tokens=1_000, size=1_000, age_seconds=0.2)
MENDED_SECONDS = 60
SECONDS = st.sampled_from([0, 0.01, 0.1, 0.6, 3, 12])
WHO = st.sampled_from([0, 1])


class Bookkeeping(RuleBasedStateMachine):
    """Rules break things and let time pass; the database judges every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTime()
        self.log = Log({number: [] for number in PARTITIONS})
        self.database = Database(self.log)
        self.consumers: list[Consumer] = []
        self.rebalances: dict[int, asyncio.Task[None]] = {}
        structlog.configure(processors=[_silence])

    @initialize(logs=st.tuples(*[st.lists(st.sampled_from(Entry), max_size=6) for _ in PARTITIONS]))
    def start(self, logs: tuple[list[Entry], ...]) -> None:
        """What was published before anybody came is read too."""
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

    @rule(who=WHO, partitions=st.frozensets(st.sampled_from(PARTITIONS)), seconds=SECONDS)
    def rebalance(self, who: int, partitions: frozenset[int] | set[int], seconds: float = 0.1) -> None:
        """Also while the last one has not ended, as soon as it has: a member takes them one by one."""
        before = self.rebalances.get(who)

        async def in_order() -> None:
            if before is not None:
                await asyncio.wait([before])
            await self.consumers[who].member.rebalance(partitions)

        self.rebalances[who] = self.loop.create_task(in_order())
        self.run(asyncio.sleep(seconds))

    @rule(answers=st.lists(st.tuples(st.sampled_from(Answer), SECONDS), min_size=1, max_size=4))
    def answer(self, answers: list[tuple[Answer, float]]) -> None:
        self.database.answers.extend(answers)

    @rule(times=st.integers(1, 3))
    def positions_cannot_be_read(self, times: int) -> None:
        self.database.away += times

    @rule(who=WHO, times=st.integers(1, 3))
    def polls_fail(self, who: int, times: int) -> None:
        self.consumers[who].member.failures += times

    @rule(who=WHO, most=st.integers(1, 5))
    def polls_give_little(self, who: int, most: int) -> None:
        self.consumers[who].member.most = most

    @rule(who=WHO)
    def reset(self, who: int) -> None:
        self.consumers[who].pipeline.reset("by hand")

    @precondition(lambda self: all(task.done() for task in self.rebalances.values()))
    @rule(who=WHO)
    def crash(self, who: int) -> None:
        self.run(self.consumers[who].end())

        async def anew() -> None:
            self.consumers[who] = self._consumer(who)

        self.run(anew())
        self.rebalances.pop(who, None)
        self.rebalance(who, {who})

    @invariant()
    def nobody_has_ended(self) -> None:
        for consumer in self.consumers:
            consumer.check()
        for task in self.rebalances.values():
            if task.done():
                task.result()

    def teardown(self) -> None:
        try:
            if self.consumers:
                self.mended()
                self.broken_without_a_rebalance()
                self.undisturbed()
        finally:
            for consumer in self.consumers:
                self.run(consumer.end())
            patch.stopall()
            structlog.reset_defaults()
            self.loop.close()

    def mended(self) -> None:
        """One consumer has all partitions, and stores all that there is."""
        self.database.answers.clear()
        self.database.away = 0
        self.rebalance(1, set())
        self.rebalance(0, {0, 1})
        self.everything_is_stored(MENDED_SECONDS)

    def broken_without_a_rebalance(self) -> None:
        """What is lost, refused and overtaken is taken up again though no assignment says so."""
        self.rebalance(1, {0}, seconds=3)
        for answers in ([Answer.LOST_BEFORE], [Answer.LOST_AFTER], [Answer.AWAY, Answer.LOST_BEFORE]):
            self.database.answers.extend((answer, 0.01) for answer in answers)
            self.more(9)
            self.wait(3)
        self.rebalance(1, set())
        self.everything_is_stored(MENDED_SECONDS)

    def undisturbed(self) -> None:
        """Where nothing breaks, nothing is thrown away and polled again."""
        resets = self.consumers[0].resets
        for _ in range(4):
            self.more(9)
            self.wait(0.3)
        self.everything_is_stored(2)
        assert self.consumers[0].resets == resets

    def more(self, count: int) -> None:
        for number in PARTITIONS:
            self.publish(number, [Entry.RECORD] * count)

    def everything_is_stored(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))
        self.nobody_has_ended()
        assert self.database.everything_once()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)


def _silence(*_: Any) -> dict[str, Any]:
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
