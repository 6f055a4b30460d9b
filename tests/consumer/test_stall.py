"""When a consumer counts as stuck: lag, and nothing stored of the partitions that it answers for."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from consumer.metrics import ConsumerMetrics
from consumer.monitor import Monitor
from consumer.pipeline import Pipeline
from consumer.source import Source
from consumer.stall import StallDetector
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
    """Both logs end at 10, and everything is stored at second 0."""
    progress = StallDetector(0)
    progress.update_ends({FIRST: 10, SECOND: 10})
    progress.update_rows(rows(10, 10), BOTH, 0)
    return progress


def test_silence_counts_from_when_there_was_something_to_store(progress: StallDetector) -> None:
    progress.update_rows(rows(10, 10), BOTH, 500)
    progress.update_ends({FIRST: 11})
    assert (progress.lag(BOTH), progress.stalled_seconds(501)) == (1, 1)
    progress.update_rows(rows(10, 10), BOTH, 600)
    assert progress.stalled_seconds(600) == 100


def test_what_is_stored_ends_the_silence_though_lag_remains(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 20})
    progress.update_rows(rows(15, 10), BOTH, 100)
    assert (progress.lag(BOTH), progress.stalled_seconds(101)) == (5, 1)
    progress.stored(150)
    assert progress.stalled_seconds(151) == 1


def test_others_that_get_on_do_not_excuse_ours(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 20, SECOND: 20})
    progress.update_rows(rows(10, 15), {FIRST}, 100)
    assert (progress.lag({FIRST}), progress.stalled_seconds(100)) == (10, 100)


def test_a_consumer_without_partitions_answers_for_all(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 20})
    progress.update_rows(rows(10, 10), NONE, 100)
    assert (progress.lag(NONE), progress.stalled_seconds(100)) == (10, 100)
    progress.update_rows(rows(12, 10), NONE, 110)
    assert progress.stalled_seconds(110) == 0


def test_a_paused_partition_is_nothing_to_store(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 20})
    progress.update_rows(rows(10, 10, paused=0), BOTH, 100)
    assert (progress.lag(BOTH), progress.stalled_seconds(100)) == (0, 0)


def test_a_partition_that_nobody_began_counts_whole() -> None:
    progress = StallDetector(0)
    progress.update_ends({FIRST: 7})
    progress.update_rows({}, {FIRST}, 50)
    assert (progress.lag({FIRST}), progress.stalled_seconds(50)) == (7, 50)


def test_a_topic_made_anew_is_shorter(progress: StallDetector) -> None:
    progress.update_ends({FIRST: 3})
    assert progress.end(FIRST) == 3
    assert progress.lag(BOTH) == 0


def watch(
    stored: dict[TopicPartition, int],
    fetched: dict[TopicPartition, int],
    progress: StallDetector,
    *,
    source: object = None,
    metrics: ConsumerMetrics | None = None,
) -> Monitor:
    """A watch that only reports lags."""
    nothing = cast(Any, None)
    pipeline = cast(Pipeline, SimpleNamespace(stored=stored, stall=progress))
    return Monitor(
        pipeline,
        cast(Source, source or SimpleNamespace(end=fetched.get)),
        nothing,
        nothing,
        nothing,
        metrics or ConsumerMetrics(),
        group="group",
        topics=["comments"],
        active_sha256=None,
        stuck_seconds=1,
    )


def test_lag_goes_by_the_latest_end_that_anybody_told() -> None:
    progress = StallDetector(0)
    assert watch({FIRST: 4, SECOND: 4}, {}, progress).lags() == {FIRST: 0, SECOND: 0}
    assert watch({FIRST: 4, SECOND: 4}, {FIRST: 9}, progress).lags() == {FIRST: 5, SECOND: 0}
    progress.update_ends({FIRST: 11, SECOND: 3})
    assert watch({FIRST: 4, SECOND: 4}, {FIRST: 9}, progress).lags() == {FIRST: 7, SECOND: 0}


def shown(metrics: ConsumerMetrics, name: str) -> dict[str, float]:
    """Partition -> value of a gauge."""
    return {
        sample.labels["partition"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_no_gauge_keeps_what_is_no_longer_known() -> None:
    metrics, progress = ConsumerMetrics(), StallDetector(0)
    source = SimpleNamespace(end={}.get, assigned=BOTH)
    stored = {FIRST: 4, SECOND: 4}
    one = watch(stored, {}, progress, source=source, metrics=metrics)
    for partition in ("0", "1"):
        metrics.stored_offset.labels("comments", partition).set(4)
        metrics.paused.labels("comments", partition).set(0)
    progress.update_ends({FIRST: 9, SECOND: 4})
    now = time.monotonic()
    one.measure(now)
    assert shown(metrics, "liuyan_consumer_lag") == {"0": 5, "1": 0}
    # Kafka has not answered for long: the offsets are known still, the lag is not.
    one.measure(now + 60)
    assert shown(metrics, "liuyan_consumer_lag") == {}
    assert shown(metrics, "liuyan_consumer_stored_offset") == {"0": 4, "1": 4}
    one.measure(now)
    assert shown(metrics, "liuyan_consumer_lag") == {"0": 5, "1": 0}
    # The group gave the second partition to another consumer, which shows it now.
    source.assigned = {FIRST}
    one.measure(now)
    for name in ("lag", "stored_offset", "partition_paused"):
        assert set(shown(metrics, f"liuyan_consumer_{name}")) == {"0"}
    # It comes back, but its row says that it is paused: its lag is not counted.
    source.assigned = BOTH
    del stored[SECOND]
    one.measure(now)
    assert shown(metrics, "liuyan_consumer_lag") == {"0": 5}
