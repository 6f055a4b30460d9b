"""Lag in seconds is the age of the oldest record that is not stored yet."""

from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from consumer.oldest_unstored import OldestUnstored

ONE, TWO = TopicPartition("comments", 0), TopicPartition("comments", 1)


class Clock:
    """A clock in seconds since 1970."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def record(offset: int, timestamp: float) -> Any:
    return SimpleNamespace(offset=offset, timestamp=int(timestamp * 1000) if timestamp >= 0 else -1)


def test_the_timestamp_of_the_oldest_polled_record_counts() -> None:
    oldest = OldestUnstored(Clock())
    oldest.polled(ONE, [record(5, 990), record(6, 991)])
    oldest.polled(ONE, [record(9, 995)])
    assert oldest.seconds(ONE, 5, 3) == 10
    # Offsets 7 and 8 are transaction markers, so the stored offset after the first poll is 9.
    oldest.stored(ONE, 9)
    assert oldest.seconds(ONE, 9, 1) == 5
    oldest.stored(ONE, 10)
    assert oldest.seconds(ONE, 10, 0) == 0
    assert oldest.seconds(TWO, 0, 0) == 0


def test_without_polled_records_the_time_since_the_lag_was_seen_counts() -> None:
    clock = Clock()
    oldest = OldestUnstored(clock)
    assert oldest.seconds(ONE, 5, 2) == 0
    clock.time += 30
    assert oldest.seconds(ONE, 5, 4) == 30
    # Progress starts the measurement again; so does a moment without lag.
    assert oldest.seconds(ONE, 7, 2) == 0
    clock.time += 3
    assert oldest.seconds(ONE, 9, 0) == 0
    assert oldest.seconds(ONE, 9, 1) == 0


def test_a_reset_forgets_polled_records_but_not_since_when_there_is_lag() -> None:
    clock = Clock()
    oldest = OldestUnstored(clock)
    oldest.polled(ONE, [record(5, 400)])
    assert oldest.seconds(ONE, 5, 1) == 600
    clock.time += 60
    oldest.clear()
    assert oldest.seconds(ONE, 5, 1) == 60
    oldest.keep({TWO})
    assert oldest.seconds(ONE, 5, 1) == 0


def test_records_without_or_with_future_timestamps() -> None:
    clock = Clock()
    oldest = OldestUnstored(clock)
    oldest.polled(ONE, [record(5, -1)])
    oldest.polled(TWO, [record(5, 2_000)])
    clock.time += 4
    assert oldest.seconds(ONE, 5, 1) == 4
    assert oldest.seconds(TWO, 5, 1) == 0
