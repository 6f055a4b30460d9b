"""Decide how long an open batch may wait for more records without missing the target latency.

Larger batches cost less CPU per comment. A batch may therefore wait for the part of the target that labelling and
writing do not need, according to the durations of recent batches. On an overloaded machine it still waits for a part
of the target: closing at once would make many small batches, which increase the load.
"""

import time
from collections.abc import Sequence

from aiokafka import ConsumerRecord

from consumer.batcher import Batcher, Item

# Records that are known to wait in Kafka arrive within milliseconds. A batch waits for them no longer than this: the
# labeller may be idle meanwhile.
MORE_SECONDS = 0.02
# A batch that only moves positions, past transaction markers for example, delays no comment.
POSITIONS_SECONDS = 1.0
# A timestamp further in the past says nothing about how long the record has waited: it belongs to a backlog, or its
# producer sets timestamps of its own.
TIMESTAMP_SECONDS = 1.0
# Weights of a new duration in the mean and in the deviation, and the deviations above the mean that cover 99 % of
# batches: those of TCP's retransmission timer (RFC 6298), which solves the same problem.
MEAN_WEIGHT, DEVIATION_WEIGHT, DEVIATIONS = 1 / 8, 1 / 4, 4
# Assumed part of the target for labelling and writing until the first batch is stored.
FIRST_SHARE = 0.5
# A batch waits at least as long as batches take, but at most for this share of the target: waiting less would keep the
# consumer and the servers busy with many small batches, and gain little. It waits as long from its first poll, because
# records may arrive late, for example from a broker that has just started.
LEAST_SHARE = 3 / 4


class Linger:
    """Measures the time that batches take from their last poll to storing. ``target_seconds`` is the target latency."""

    def __init__(self, target_seconds: float) -> None:
        self._target = target_seconds
        self._mean = target_seconds * FIRST_SHARE
        self._deviation = 0.0
        self._measured = False

    @property
    def seconds(self) -> float:
        """Seconds for which the oldest record of a batch may wait for others."""
        return max(self._least, self._target - self._mean - DEVIATIONS * self._deviation)

    @property
    def _least(self) -> float:
        return min(self._mean, LEAST_SHARE * self._target)

    def stored(self, seconds: float) -> None:
        """Take the time that a batch took from its last poll to storing into account.

        It counts as no longer than the target, so that an outage is forgotten after a few batches.
        """
        seconds = min(seconds, self._target)
        if not self._measured:
            self._mean, self._deviation, self._measured = seconds, seconds / 2, True
            return
        difference = seconds - self._mean
        self._mean += MEAN_WEIGHT * difference
        self._deviation += DEVIATION_WEIGHT * (abs(difference) - self._deviation)

    def seconds_left(self, batcher: Batcher[Item], now: float, *, more: bool) -> float | None:
        """Return the seconds until the open batch should close; None while it is empty.

        ``more`` says that records are known to wait in Kafka: full batches are the fastest way through a backlog.
        """
        if batcher.opened_at is None:
            return None
        if batcher.urgent:
            return 0.0
        if batcher.arrived_at is None:
            until = batcher.opened_at + POSITIONS_SECONDS
        elif more:
            until = batcher.opened_at + min(self._target, MORE_SECONDS)
        else:
            until = max(batcher.arrived_at + self.seconds, batcher.opened_at + self._least)
        return max(0.0, until - now)


def arrived_at(records: Sequence[ConsumerRecord], now: float) -> float:
    """Return when the oldest record was published, on the clock of ``now``, or ``now`` if its timestamp is of no use.

    A timestamp in the future, from another machine's clock, counts as now.
    """
    clock = time.time()
    latest = 1000 * (clock - TIMESTAMP_SECONDS)
    recent = [record.timestamp for record in records if record.timestamp >= latest]
    return now - max(0.0, clock - min(recent) / 1000) if recent else now
