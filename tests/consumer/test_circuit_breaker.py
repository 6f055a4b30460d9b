"""The brake trips on a share of a full window, per partition."""

from aiokafka import TopicPartition

from consumer.circuit_breaker import CircuitBreaker

FIRST, SECOND = TopicPartition("comments", 0), TopicPartition("comments", 1)


def test_it_waits_for_a_full_window() -> None:
    brake = CircuitBreaker(share=0.5, window=10)
    assert brake.watch(FIRST, [True] * 9) is None
    reason = brake.watch(FIRST, [True])
    assert reason is not None
    assert "liuyan consumer resume comments 0" in reason


def test_it_looks_at_the_latest_records_alone() -> None:
    brake = CircuitBreaker(share=0.5, window=10)
    assert brake.watch(FIRST, [True] * 5 + [False] * 5) is None
    assert brake.watch(FIRST, [False] * 5) is None
    assert brake.watch(FIRST, [True] * 5) is None
    assert brake.watch(FIRST, [True]) is not None


def test_partitions_are_judged_one_by_one() -> None:
    brake = CircuitBreaker(share=0.5, window=10)
    assert brake.watch(FIRST, [True] * 5) is None
    assert brake.watch(SECOND, [True] * 5) is None


def test_clearing_begins_anew() -> None:
    brake = CircuitBreaker(share=0.5, window=10)
    brake.watch(FIRST, [True] * 9)
    brake.clear()
    assert brake.watch(FIRST, [True]) is None
