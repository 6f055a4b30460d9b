"""The circuit breaker: a bad deploy upstream must not drain a topic into dead letters."""

from collections import deque
from collections.abc import Iterable

from aiokafka import TopicPartition


class CircuitBreaker:
    """Watches the latest records of each partition; trips when more than ``share`` of a full ``window`` is poison."""

    def __init__(self, share: float, window: int) -> None:
        self._share = share
        self._window = window
        self._recent: dict[TopicPartition, deque[bool]] = {}

    def clear(self) -> None:
        """Forget what was seen: the partitions may come back from an earlier offset, or not at all."""
        self._recent.clear()

    def watch(self, partition: TopicPartition, poison: Iterable[bool]) -> str | None:
        """Take in the next records of a partition; the reason for a pause when the brake trips, else None."""
        recent = self._recent.setdefault(partition, deque(maxlen=self._window))
        recent.extend(poison)
        bad = sum(recent)
        if len(recent) < self._window or bad <= self._share * self._window:
            return None
        recent.clear()
        return (
            f"circuit breaker: {bad} of the last {self._window} records are dead letters; mend the publisher, "
            f"then `liuyan consumer resume {partition.topic} {partition.partition}`"
        )
