"""Track the age of the oldest record of each partition that is not stored yet: its lag in seconds."""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord, TopicPartition


@dataclass(frozen=True, slots=True)
class _Polled:
    """The records of one poll of a partition: the timestamp of the first one, and the offset of the last one."""

    timestamp: float
    last: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """When there was first lag at a stored offset, in seconds since 1970."""

    stored: int
    at: float


class OldestUnstored:
    """Uses the timestamps of polled records; while there are none, the time since the lag was first seen.

    ``now`` returns seconds since 1970. Memory is bounded by the polls of open batches.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._polled: dict[TopicPartition, deque[_Polled]] = {}
        self._seen: dict[TopicPartition, _Seen] = {}

    def clear(self) -> None:
        """Forget polled records after a reset: they are polled again."""
        self._polled.clear()

    def keep(self, partitions: Collection[TopicPartition]) -> None:
        """Forget all partitions except these."""
        for known in (self._polled, self._seen):
            for partition in known.keys() - partitions:
                known.pop(partition)

    def polled(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        """Add polled records of a partition, in order; at least one."""
        first = records[0].timestamp
        # Records of very old producers have no timestamp (-1).
        timestamp = first / 1000 if first >= 0 else self._now()
        self._polled.setdefault(partition, deque()).append(_Polled(timestamp, records[-1].offset))

    def stored(self, partition: TopicPartition, next_offset: int) -> None:
        """Forget polled records below the stored offset."""
        polled = self._polled.get(partition)
        while polled and polled[0].last < next_offset:
            polled.popleft()

    def seconds(self, partition: TopicPartition, stored: int, lag: int) -> float:
        """Return the age of the oldest unstored record in seconds; 0 without lag."""
        if lag == 0:
            self._seen.pop(partition, None)
            return 0.0
        now = self._now()
        seen = self._seen.get(partition)
        if seen is None or seen.stored != stored:
            seen = self._seen[partition] = _Seen(stored, now)
        polled = self._polled.get(partition)
        return max(0.0, now - (polled[0].timestamp if polled else seen.at))
