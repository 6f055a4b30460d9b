"""The circuit breaker: pause a partition before a faulty publisher turns its whole topic into dead letters."""

from collections import deque
from collections.abc import Iterable

from aiokafka import TopicPartition

REASON = "circuit breaker"


def is_open(pause_reason: str) -> bool:
    """Return whether a partition was paused by its circuit breaker."""
    return pause_reason.startswith(f"{REASON}: ")


class CircuitBreaker:
    """Opens when more than ``share`` of a partition's last ``window`` records are poison."""

    def __init__(self, share: float, window: int) -> None:
        self._share = share
        self._window = window
        self._recent: dict[TopicPartition, deque[bool]] = {}

    def clear(self) -> None:
        """Forget all records: after a reset, partitions may restart at an earlier offset or be lost."""
        self._recent.clear()

    def watch(self, partition: TopicPartition, poison: Iterable[bool]) -> str | None:
        """Add the next records of a partition; return the reason to pause it if the circuit breaker opens."""
        recent = self._recent.setdefault(partition, deque(maxlen=self._window))
        recent.extend(poison)
        bad = recent.count(True)
        if len(recent) < self._window or bad <= self._share * self._window:
            return None
        recent.clear()
        return (
            f"{REASON}: {bad} of the last {self._window} records are dead letters; fix the publisher, "
            f"then `liuyan consumer resume {partition.topic} {partition.partition}`"
        )
