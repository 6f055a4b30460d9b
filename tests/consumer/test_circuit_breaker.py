"""The circuit breaker opens at a share of a full window, per partition."""

from aiokafka import TopicPartition

from consumer.circuit_breaker import CircuitBreaker

FIRST, SECOND = TopicPartition("comments", 0), TopicPartition("comments", 1)


def test_opens_only_after_a_full_window() -> None:
    breaker = CircuitBreaker(share=0.5, window=10)
    assert breaker.watch(FIRST, [True] * 9) is None
    reason = breaker.watch(FIRST, [True])
    assert reason is not None
    assert "liuyan consumer resume comments 0" in reason


def test_counts_only_the_latest_records() -> None:
    breaker = CircuitBreaker(share=0.5, window=10)
    assert breaker.watch(FIRST, [True] * 5 + [False] * 5) is None
    assert breaker.watch(FIRST, [False] * 5) is None
    assert breaker.watch(FIRST, [True] * 5) is None
    assert breaker.watch(FIRST, [True]) is not None


def test_partitions_are_counted_separately() -> None:
    breaker = CircuitBreaker(share=0.5, window=10)
    assert breaker.watch(FIRST, [True] * 5) is None
    assert breaker.watch(SECOND, [True] * 5) is None


def test_clear_starts_a_new_window() -> None:
    breaker = CircuitBreaker(share=0.5, window=10)
    breaker.watch(FIRST, [True] * 9)
    breaker.clear()
    assert breaker.watch(FIRST, [True]) is None
