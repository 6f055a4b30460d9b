"""A consumer is stalled if there is lag and none of its partitions advances."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from consumer.metrics import ConsumerMetrics
from consumer.monitor import Monitor
from consumer.oldest_unstored import OldestUnstored
from consumer.pipeline import Pipeline
from consumer.source import Source
from consumer.stall import StallDetector
from registry.follow import ModelFollower
from store.batch import PartitionKey, PartitionState

FIRST, SECOND = TopicPartition("comments", 0), TopicPartition("comments", 1)
BOTH = frozenset({FIRST, SECOND})
NONE: frozenset[TopicPartition] = frozenset()


def rows(first: int, second: int, *, paused: int | None = None) -> dict[tuple[str, int], PartitionState]:
    return {
        ("comments", number): PartitionState(
            PartitionKey("group", "comments", number),
            offset,
            "id",
            0,
            "by hand" if number == paused else None,
            None,
            datetime.now(UTC),
        )
        for number, offset in enumerate((first, second))
    }


@pytest.fixture
def progress() -> StallDetector:
    """Both end offsets are 10, and everything is stored at second 0."""
    progress = StallDetector(0)
    progress.update_ends({FIRST: 10, SECOND: 10})
    progress.update_rows(rows(10, 10), BOTH, 0)
    return progress


def test_stall_starts_when_lag_appears(progress: StallDetector) -> None:
    progress.update_rows(rows(10, 10), BOTH, 500)
    progress.update_ends({FIRST: 11})
    assert (progress.lag(BOTH), progress.stalled_seconds(501)) == (1, 1)
    progress.update_rows(rows(10, 10), BOTH, 600)
    assert progress.stalled_seconds(600) == 100


def test_progress_ends_a_stall_despite_lag(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 20})
    progress.update_rows(rows(15, 10), BOTH, 100)
    assert (progress.lag(BOTH), progress.stalled_seconds(101)) == (5, 1)
    progress.stored(150)
    assert progress.stalled_seconds(151) == 1


def test_progress_of_other_partitions_does_not_count(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 20, SECOND: 20})
    progress.update_rows(rows(10, 15), {FIRST}, 100)
    assert (progress.lag({FIRST}), progress.stalled_seconds(100)) == (10, 100)


def test_consumer_without_partitions_is_judged_by_all(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 20})
    progress.update_rows(rows(10, 10), NONE, 100)
    assert (progress.lag(NONE), progress.stalled_seconds(100)) == (10, 100)
    progress.update_rows(rows(12, 10), NONE, 110)
    assert progress.stalled_seconds(110) == 0


def test_paused_partition_has_no_lag(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 20})
    progress.update_rows(rows(10, 10, paused=0), BOTH, 100)
    assert (progress.lag(BOTH), progress.stalled_seconds(100)) == (0, 0)


def test_partition_that_was_never_started_counts_fully() -> None:
    progress = StallDetector(0)
    progress.update_ends({FIRST: 7})
    progress.update_rows({}, {FIRST}, 50)
    assert (progress.lag({FIRST}), progress.stalled_seconds(50)) == (7, 50)


def test_recreated_topic_has_no_negative_lag(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 3})
    assert progress.end(FIRST) == 3
    assert progress.lag(BOTH) == 0


def monitor(
    stored: dict[TopicPartition, int],
    fetched: dict[TopicPartition, int],
    progress: StallDetector,
    *,
    source: object = None,
    metrics: ConsumerMetrics | None = None,
) -> Monitor:
    """Return a monitor that only reports lag."""
    nothing = cast(Any, None)
    pipeline = cast(Pipeline, SimpleNamespace(stored=stored, stall=progress, oldest=OldestUnstored()))
    return Monitor(
        pipeline,
        cast(Source, source or SimpleNamespace(end=fetched.get)),
        nothing,
        nothing,
        nothing,
        metrics or ConsumerMetrics(),
        group="group",
        topics=["comments"],
        models=cast(ModelFollower, SimpleNamespace(behind_seconds=0, failures=0)),
        stuck_seconds=1,
    )


def test_lag_uses_the_highest_known_end_offset() -> None:
    progress = StallDetector(0)
    assert monitor({FIRST: 4, SECOND: 4}, {}, progress).lags() == {FIRST: 0, SECOND: 0}
    assert monitor({FIRST: 4, SECOND: 4}, {FIRST: 9}, progress).lags() == {FIRST: 5, SECOND: 0}
    progress.update_ends({FIRST: 11, SECOND: 3})
    assert monitor({FIRST: 4, SECOND: 4}, {FIRST: 9}, progress).lags() == {FIRST: 7, SECOND: 0}


def shown(metrics: ConsumerMetrics, name: str) -> dict[str, float]:
    """Return the values of a gauge by partition."""
    return {
        sample.labels["partition"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_gauges_are_removed_when_their_value_is_unknown() -> None:
    metrics, progress = ConsumerMetrics(), StallDetector(0)
    source = SimpleNamespace(end={}.get, assigned=BOTH)
    stored = {FIRST: 4, SECOND: 4}
    one = monitor(stored, {}, progress, source=source, metrics=metrics)
    for partition in ("0", "1"):
        metrics.stored_offset.labels("comments", partition).set(4)
        metrics.set_paused("comments", int(partition), None)
    progress.update_ends({FIRST: 9, SECOND: 4})
    now = time.monotonic()
    one.measure(now)
    assert shown(metrics, "liuyan_consumer_lag") == {"0": 5, "1": 0}
    # Kafka has not answered for a long time: the offsets are still known, the lag is not.
    one.measure(now + 60)
    assert shown(metrics, "liuyan_consumer_lag") == {}
    assert shown(metrics, "liuyan_consumer_stored_offset") == {"0": 4, "1": 4}
    one.measure(now)
    assert shown(metrics, "liuyan_consumer_lag") == {"0": 5, "1": 0}
    # The group assigns the second partition to another consumer, which reports it now.
    source.assigned = {FIRST}
    one.measure(now)
    for name in ("lag", "lag_seconds", "stored_offset", "partition_paused", "circuit_breaker_open"):
        assert set(shown(metrics, f"liuyan_consumer_{name}")) == {"0"}
    # It is assigned again but paused by its row: its lag is not counted.
    source.assigned = BOTH
    del stored[SECOND]
    one.measure(now)
    assert shown(metrics, "liuyan_consumer_lag") == {"0": 5}
