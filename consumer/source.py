"""Step 1: poll records from Kafka, only from partitions that were sought to their stored offset.

The rebalance listener only pauses new partitions; the main loop reads the stored offsets, seeks and resumes. Every
assignment, revocation and reset begins a new ``epoch``; records from an earlier epoch are dropped.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from consumer.connection import Connection
from consumer.next_readable import next_readable
from consumer.topics import BrokerError
from consumer.unreadable import UNREADABLE, Search, Unreadable, describe

log = structlog.get_logger(__name__)

# Both limits count compressed bytes. aiokafka decompresses a partition's records inside ``getmany``, so this limit
# bounds the memory of a poll: a few hundred ordinary comments, or 256 MiB per partition if records are crafted to
# compress a thousandfold. Kafka always returns the first batch of a partition, even if it is larger.
PARTITION_FETCH_BYTES = 256 * 1024
# Compressed bytes that may wait in memory per broker: 32 partitions at their limit.
FETCH_BYTES = 8 * 1024 * 1024
SEARCH_WAIT_SECONDS = 0.1
# A partition with records beyond its position returns them within milliseconds, unless its leader cannot be reached.
BEHIND_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Poll:
    """The result of one poll: records, and the position after them of every started partition.

    ``unreadable`` are the partitions stopped by an unreadable record; they are not polled again. ``more`` is whether
    Kafka is known to have further records that will arrive soon.
    """

    epoch: int
    records: Sequence[ConsumerRecord]
    positions: Mapping[TopicPartition, int]
    unreadable: Mapping[TopicPartition, Unreadable] = field(default_factory=dict)
    more: bool = False

    def followed_by(self, later: "Poll") -> "Poll":
        """Return this poll and the next one as one. If a new epoch has begun, only the later one counts."""
        if later.epoch != self.epoch:
            return later
        # A poll that found a partition without a position returns none.
        positions = {**self.positions, **later.positions}
        unreadable = {**self.unreadable, **later.unreadable}
        return Poll(self.epoch, [*self.records, *later.records], positions, unreadable, later.more)


@dataclass(frozen=True, slots=True)
class LogOffsets:
    """A partition's log start offset, and its end offset: the one after the last stable record."""

    start: int
    end: int


class Behind:
    """The partitions that are known to have records beyond their position, and since when each is at it.

    Such a partition soon moves on, unless its leader cannot be reached. Nothing should wait for that one.
    """

    def __init__(self) -> None:
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    def update(self, behind: Mapping[TopicPartition, int], now: float) -> bool:
        """Set the positions of the partitions that are behind, and return whether one of them should move on soon."""
        before = self._since
        self._since = {
            partition: before[partition] if before.get(partition, (None,))[0] == position else (position, now)
            for partition, position in behind.items()
        }
        return any(now - since < BEHIND_SECONDS for _, since in self._since.values())


class Source(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of the consumer group that returns records only from partitions that were sought.

    ``drain`` is awaited before partitions are revoked, so that the current write can finish.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        *,
        drain: Callable[[], Awaitable[None]],
        count_rebalance: Callable[[], None],
        session_timeout_seconds: int,
    ) -> None:
        self.epoch = 0
        self._count_rebalance = count_rebalance
        self._connection = connection
        self._drain = drain
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._positioned: set[TopicPartition] = set()
        self._paused: dict[TopicPartition, str] = {}
        self._unreadable: set[TopicPartition] = set()
        self._search = Search()
        self._behind = Behind()
        self._backpressure = False
        self._consumer = AIOKafkaConsumer(
            **connection.aiokafka(),
            group_id=group,
            client_id="liuyan",
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_bytes=FETCH_BYTES,
            session_timeout_ms=session_timeout_seconds * 1000,
            heartbeat_interval_ms=session_timeout_seconds * 1000 // 4,
            # Detect added partitions within 30 seconds instead of the default five minutes.
            metadata_max_age_ms=30_000,
            # Time to finish the current write before the group continues without this consumer.
            rebalance_timeout_ms=30_000,
        )

    async def start(self, topics: Iterable[str]) -> None:
        """Join the group. Raises BrokerError."""
        self._consumer.subscribe(topics=list(topics), listener=self)
        try:
            await self._consumer.start()
        except AuthenticationFailedError as error:
            raise BrokerError(f"Kafka at {self._connection.bootstrap} refuses the credentials: {error}.") from None
        except (KafkaConnectionError, OSError):
            raise BrokerError(
                f"Kafka at {self._connection.bootstrap} does not answer. Check that it is running and that "
                "LIUYAN_KAFKA is correct."
            ) from None

    async def stop(self) -> None:
        """Leave the group. May be called after a failed start."""
        await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Drop open batches and wait for the current write. aiokafka calls this before partitions are revoked."""
        # ``assignment()`` contains the revoked partitions until the next assignment. Do not commit their offsets: Kafka
        # refuses such a commit and aiokafka reacts by rejoining, so the rebalance would never finish.
        self._assigned = frozenset()
        if revoked:
            self.reset()
            await self._drain()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pause new partitions before anything is fetched: aiokafka clears pauses on every assignment."""
        self._assigned = frozenset(assigned)
        self._consumer.pause(*assigned)
        self._count_rebalance()
        self.reset()

    def reset(self) -> None:
        """Begin a new epoch: pause all partitions until they are sought again."""
        self.epoch += 1
        self._positioned.clear()
        self._paused.clear()
        self._unreadable.clear()
        self._consumer.pause(*self._consumer.assignment())

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that are assigned and not being revoked."""
        return self._assigned & frozenset(self._consumer.assignment())

    @property
    def positioned(self) -> frozenset[TopicPartition]:
        """The partitions that were started or paused after their rows were read."""
        return frozenset(self._positioned | self._paused.keys())

    @property
    def paused(self) -> Mapping[TopicPartition, str]:
        """The partitions that their rows pause, with the reason."""
        return dict(self._paused)

    @property
    def unreadable(self) -> frozenset[TopicPartition]:
        """The partitions stopped at an unreadable record whose pause is not stored yet."""
        return frozenset(self._unreadable)

    @property
    def fault(self) -> str | None:
        """The current read error whose partition is not known yet, or None."""
        return None if self._search.error is None else describe(self._search.error)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read a partition from ``offset``. Raises IllegalStateError if it is no longer assigned."""
        self._consumer.seek(partition, offset)
        self._positioned.add(partition)
        if not self._backpressure:
            self._consumer.resume(partition)

    def seek_paused(self, partition: TopicPartition, offset: int) -> None:
        """Set the position of a partition that stays paused. Raises IllegalStateError if it is no longer assigned.

        Without a position, aiokafka looks for a committed offset and, if there is none, fails every poll of all
        partitions.
        """
        self._consumer.seek(partition, offset)

    def pause(self, partition: TopicPartition, reason: str) -> None:
        """Read nothing from a partition until the next reset."""
        self._paused[partition] = reason

    def apply_backpressure(self) -> None:
        """Pause fetching. Continue to call ``poll``, which keeps the consumer in the group."""
        self._backpressure = True
        self._consumer.pause(*self._polled)

    def release_backpressure(self) -> None:
        """Resume fetching."""
        if self._backpressure:
            self._backpressure = False
            self._consumer.resume(*self._polled)

    async def poll(self, timeout_seconds: float, max_records: int) -> Poll:
        """Return the records that arrive within the timeout. Begins a new epoch if offsets must be read again.

        Raises BrokerError if the broker refuses access, and KafkaError, after which the caller may retry. aiokafka
        restores lost connections.
        """
        try:
            if self._search.active(_now()):
                return await self._poll_each(timeout_seconds, max_records)
            return await self._poll_all(timeout_seconds, max_records)
        except OffsetOutOfRangeError:
            self.reset()
            return Poll(self.epoch, (), {})
        except NoOffsetForPartitionError:
            # aiokafka looked for a committed offset of a partition that is not sought yet; those are never used.
            return Poll(self.epoch, (), {})
        except (AuthenticationFailedError, GroupAuthorizationFailedError) as error:
            raise BrokerError(f"Kafka at {self._connection.bootstrap} refuses access: {error}.") from None
        except KafkaError:
            self.reset()  # aiokafka may have dropped records before the error.
            raise

    async def _poll_all(self, timeout_seconds: float, max_records: int) -> Poll:
        try:
            fetched = await self._consumer.getmany(
                timeout_ms=math.ceil(timeout_seconds * 1000), max_records=max_records
            )
        except UNREADABLE as error:
            log.warning("unreadable record, searching for its partition", error=describe(error))
            self._search.begin(error, _now())
            # aiokafka has dropped the records that this poll took from other partitions but advanced their positions.
            self.reset()
            return Poll(self.epoch, (), {})
        # ``position`` does not suspend for sought partitions, so no rebalance can come between it and ``getmany``.
        positions = await self._positions()
        records = [record for tp, found in fetched.items() if tp in positions for record in found]
        return Poll(self.epoch, records, positions, more=self._more(positions))

    def _more(self, positions: Mapping[TopicPartition, int]) -> bool:
        """Return whether readable records beyond these positions will arrive soon, according to the last fetches."""
        behind = {
            partition: position
            for partition, position in positions.items()
            if (self._consumer.last_stable_offset(partition) or 0) > position
        }
        return self._behind.update(behind, _now())

    async def _poll_each(self, timeout_seconds: float, max_records: int) -> Poll:
        """Poll partitions separately, record by record, so that an error drops no records and its offset is known."""
        epoch = self.epoch
        partitions = sorted(self._polled)
        records: list[ConsumerRecord] = []
        unreadable: dict[TopicPartition, Unreadable] = {}
        for partition in partitions:
            try:
                async for record in self._one_by_one(partition, max(1, max_records // len(partitions))):
                    records.append(record)
            except UNREADABLE as error:
                if epoch == self.epoch:
                    found = Unreadable(partition, await self._consumer.position(partition), error)
                    if self._search.failed(found, _now()):
                        unreadable[partition] = await self._with_next_readable(found)
        if not partitions:
            await self._consumer.getmany(timeout_ms=0)  # Stay in the group.
        if not records and not unreadable:
            await asyncio.sleep(min(timeout_seconds, SEARCH_WAIT_SECONDS))
        if epoch != self.epoch:
            return Poll(self.epoch, (), {})
        positions = await self._positions()
        self._pause_unreadable(unreadable)
        return Poll(self.epoch, records, positions, unreadable)

    async def _one_by_one(self, partition: TopicPartition, max_records: int) -> AsyncIterator[ConsumerRecord]:
        """Yield up to ``max_records`` fetched records of a partition while the epoch lasts."""
        epoch = self.epoch
        for _ in range(max_records):
            fetched = await self._consumer.getmany(partition, timeout_ms=0, max_records=1)
            if epoch != self.epoch or not fetched:
                return
            for record in fetched[partition]:
                yield record

    async def _with_next_readable(self, found: Unreadable) -> Unreadable:
        if not found.damaged:
            return found
        return replace(found, skip_to=await next_readable(self._connection, found.partition, found.offset))

    def _pause_unreadable(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self._unreadable.add(partition)
            self._consumer.pause(partition)
            self._search.end()

    @property
    def _polled(self) -> frozenset[TopicPartition]:
        return (self.assigned & self._positioned) - self._unreadable

    async def _positions(self) -> dict[TopicPartition, int]:
        return {partition: await self._consumer.position(partition) for partition in self._polled}

    async def log_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, LogOffsets]:
        """Return each partition's log start offset and end offset. Raises KafkaError."""
        requested = list(partitions)
        starts = await self._consumer.beginning_offsets(requested)
        ends = await self._consumer.end_offsets(requested)
        return {partition: LogOffsets(starts[partition], ends[partition]) for partition in requested}

    def end(self, partition: TopicPartition) -> int | None:
        """Return a partition's end offset as of the last fetch; None before the first fetch or if not assigned."""
        if partition not in self.assigned:
            return None
        end: int | None = self._consumer.highwater(partition)
        return end

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Commit offsets of assigned partitions to Kafka and return whether it succeeded.

        Only lag tools use them, so a refusal during a rebalance does not matter.
        """
        assigned = {partition: offset for partition, offset in offsets.items() if partition in self.assigned}
        try:
            if assigned:
                await self._consumer.commit(assigned)
        except KafkaError as error:
            log.debug("cannot commit offsets to Kafka", error=str(error))
            return False
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
