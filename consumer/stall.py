"""Whether the consumer gets on, judged by what the database holds and what the broker tells somebody else's question.

A Kafka client that is stuck says nothing of it: it polls, it gets nothing, and the ends of logs that it knows are those
of its last fetch. So the ends are asked for on another connection, by another client, and the offsets are the rows.
"""

from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from store.batch import PartitionState


class StallDetector:
    """Lag, and since when nothing was stored in spite of it. Without a clock of its own; ``now`` is in seconds.

    A consumer answers for the partitions that the group gave it. One that has none answers for all of them: it may be
    one too many, and then others get on; or the group has lost it, and then, where it is the only one, nobody does.
    """

    def __init__(self, now: float) -> None:
        self._ends: dict[TopicPartition, int] = {}
        self._stored: dict[TopicPartition, int] = {}
        self._paused: frozenset[TopicPartition] = frozenset()
        self._since = now

    def update_ends(self, ends: Mapping[TopicPartition, int]) -> None:
        """Take in the ends of the partitions' logs."""
        self._ends |= ends

    def update_rows(
        self, rows: Mapping[tuple[str, int], PartitionState], assigned: Collection[TopicPartition], now: float
    ) -> None:
        """Take in the stored rows."""
        stored = {TopicPartition(*key): state.next_offset for key, state in rows.items()}
        moved = any(stored.get(partition) != self._stored.get(partition) for partition in assigned or self._ends)
        self._stored = stored
        self._paused = frozenset(TopicPartition(*key) for key, state in rows.items() if state.paused_reason is not None)
        if moved or self.lag(assigned) == 0:
            self._since = now

    def stored(self, now: float) -> None:
        """Something was stored, whatever the rows said last."""
        self._since = now

    def end(self, partition: TopicPartition) -> int | None:
        """The end of a partition's log, as it was told last."""
        return self._ends.get(partition)

    def lag(self, assigned: Collection[TopicPartition]) -> int:
        """Records that are not stored yet of the partitions that we answer for, without those that a row pauses."""
        ours = [partition for partition in assigned or self._ends if partition not in self._paused]
        return sum(max(0, self._ends.get(partition, 0) - self._stored.get(partition, 0)) for partition in ours)

    def stalled_seconds(self, now: float) -> float:
        """Seconds since something was stored, or there was nothing to store."""
        return now - self._since
