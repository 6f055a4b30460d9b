"""Detect a stalled consumer.

A stalled Kafka client reports no error: it polls, receives nothing, and returns the end offsets of its last fetch. So
lag is computed from the stored offsets and from end offsets that another client requests.
"""

from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from store.batch import PartitionState


class StallDetector:
    """Track lag and the time since the last progress. Uses no clock; ``now`` is in seconds.

    A consumer is judged by its assigned partitions. One without an assignment is judged by all partitions: either other
    consumers advance them, or the group has lost the only consumer and nobody does.
    """

    def __init__(self, now: float) -> None:
        self._ends: dict[TopicPartition, int] = {}
        self._stored: dict[TopicPartition, int] = {}
        self._paused: frozenset[TopicPartition] = frozenset()
        self._since = now

    def update_ends(self, ends: Mapping[TopicPartition, int]) -> None:
        """Update the partitions' end offsets."""
        self._ends |= ends

    def update_rows(
        self, rows: Mapping[tuple[str, int], PartitionState], assigned: Collection[TopicPartition], now: float
    ) -> None:
        """Update the stored offsets and pauses."""
        stored = {TopicPartition(*key): state.next_offset for key, state in rows.items()}
        moved = any(stored.get(partition) != self._stored.get(partition) for partition in assigned or self._ends)
        self._stored = stored
        self._paused = frozenset(TopicPartition(*key) for key, state in rows.items() if state.paused_reason is not None)
        if moved or self.lag(assigned) == 0:
            self._since = now

    def stored(self, now: float) -> None:
        """Record that this consumer has stored a batch."""
        self._since = now

    def end(self, partition: TopicPartition) -> int | None:
        """Return a partition's latest known end offset."""
        return self._ends.get(partition)

    def lag(self, assigned: Collection[TopicPartition]) -> int:
        """Return the lag in records of the assigned partitions (all if none), without paused ones."""
        active = [partition for partition in assigned or self._ends if partition not in self._paused]
        return sum(max(0, self._ends.get(partition, 0) - self._stored.get(partition, 0)) for partition in active)

    def stalled_seconds(self, now: float) -> float:
        """Return the seconds since a batch was last stored or the lag was last zero."""
        return now - self._since
