"""A partition's start depends on its row and its log, never on Kafka's committed offset."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from consumer.metrics import ConsumerMetrics
from consumer.offsets import Offsets, Pause, SkipTo, StartAt, decide_start
from consumer.source import LogOffsets, Source
from consumer.topics import Topics
from store.batch import PartitionKey, PartitionState
from store.store import Store

STATE = PartitionState(PartitionKey("group", "comments", 3), 50, "id-1", 0, None, None, datetime.now(UTC))


@pytest.mark.parametrize("log_offsets", [LogOffsets(0, 100), LogOffsets(50, 50), LogOffsets(50, 51)])
@pytest.mark.parametrize("topic_id", ["id-1", None])
def test_stored_offset_within_the_log_is_the_start(log_offsets: LogOffsets, topic_id: str | None) -> None:
    assert decide_start(STATE, log_offsets, topic_id) == StartAt(50)


def test_offset_before_the_log_start_skips_and_counts_lost_records() -> None:
    assert decide_start(STATE, LogOffsets(70, 100), "id-1") == SkipTo(70, 20)


@pytest.mark.parametrize(
    ("log_offsets", "topic_id"),
    [
        (LogOffsets(0, 100), "id-2"),
        (LogOffsets(0, 49), "id-1"),
        (LogOffsets(0, 49), None),
        (LogOffsets(70, 100), "id-2"),
    ],
)
def test_recreated_topic_pauses_with_the_command_that_fixes_it(log_offsets: LogOffsets, topic_id: str | None) -> None:
    decision = decide_start(STATE, log_offsets, topic_id)
    assert isinstance(decision, Pause)
    assert not decision.stored
    assert "liuyan consumer seek comments 3 --to start" in decision.reason


def test_stored_pause_takes_precedence() -> None:
    paused = replace(STATE, paused_reason="circuit breaker")
    assert decide_start(paused, LogOffsets(0, 100), "id-1") == Pause("circuit breaker", stored=True)


class Rebalancing:
    """Source, topics and store in one; can rebalance while the rows are read, which no server does on demand."""

    def __init__(self, *, rebalance: bool) -> None:
        self.epoch = 7
        self.assigned = frozenset({TopicPartition("comments", 3)})
        self.positioned: frozenset[TopicPartition] = frozenset()
        self.seeks: list[int] = []
        self._rebalance = rebalance

    async def ids(self, topics: Sequence[str]) -> dict[str, str]:
        return {"comments": "id-1"}

    async def log_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, LogOffsets]:
        return dict.fromkeys(partitions, LogOffsets(0, 100))

    async def require_erasure_keys(self) -> None:
        """Accept the keys."""

    async def read(self, query: Callable[..., Awaitable[Any]], *args: object) -> Any:
        return await getattr(self, query.__name__)(*args)

    async def read_partitions(self, group: str, topics: Sequence[str]) -> dict[tuple[str, int], PartitionState]:
        self.epoch += self._rebalance
        return {("comments", 3): STATE}

    async def count_starts(self, states: Sequence[PartitionState]) -> None:
        self.counted = list(states)

    async def write(self, change: Callable[..., Awaitable[Any]], *args: object) -> Any:
        return await getattr(self, change.__name__)(*args)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.seeks.append(offset)


@pytest.mark.parametrize(("rebalance", "caller", "seeks"), [(False, 7, [50]), (True, 7, []), (False, 6, [])])
async def test_nothing_is_sought_after_the_epoch_has_changed(rebalance: bool, caller: int, seeks: list[int]) -> None:
    scripted = Rebalancing(rebalance=rebalance)
    positions = Offsets(
        cast(Store, scripted),
        cast(Source, scripted),
        cast(Topics, scripted),
        group="group",
        metrics=ConsumerMetrics(),
    )
    running = await positions.start_partitions(caller)
    assert scripted.seeks == seeks
    assert list(running.values()) == seeks
