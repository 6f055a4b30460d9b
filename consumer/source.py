"""Step 1: records from Kafka, from partitions whose position was read from the database and from no other.

Kafka assigns partitions and the listener only takes note; the main loop reads the stored offsets, seeks and resumes.
Every assignment, revocation and reset begins a new ``epoch``: what was polled in an earlier one is worth nothing.
"""

import asyncio
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

# Both limits count compressed bytes. aiokafka decompresses a partition's records inside ``getmany``, so the first one
# bounds what a poll can expand to: some hundred plain comments, or 256 MiB a partition when they are made to compress a
# thousandfold. A larger batch still arrives, alone: Kafka always returns the first one.
PARTITION_FETCH_BYTES = 256 * 1024
# What may wait in memory, compressed, for one broker's partitions: 32 of them at their limit.
FETCH_BYTES = 8 * 1024 * 1024
SEARCH_WAIT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll gave: records, and the position behind them of every partition that was sought.

    ``unreadable`` are the partitions that end at a record that cannot be read; they are not polled again.
    """

    epoch: int
    records: Sequence[ConsumerRecord]
    positions: Mapping[TopicPartition, int]
    unreadable: Mapping[TopicPartition, Unreadable] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogOffsets:
    """First offset that is still kept, and the offset behind the last stable record."""

    start: int
    end: int


class Source(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of the consumer group that gives records only of partitions that were sought.

    ``settle`` is awaited before partitions are given up, so that the batch being written can end.
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
            # How soon added partitions are found: new ones would wait for five minutes.
            metadata_max_age_ms=30_000,
            # Time for the batch in hand before the group goes on without us.
            rebalance_timeout_ms=30_000,
        )

    async def start(self, topics: Iterable[str]) -> None:
        """Join the group. Raises BrokerError with one sentence."""
        self._consumer.subscribe(topics=list(topics), listener=self)
        try:
            await self._consumer.start()
        except AuthenticationFailedError as error:
            raise BrokerError(f"Kafka at {self._connection.bootstrap} refuses our credentials: {error}.") from None
        except (KafkaConnectionError, OSError):
            raise BrokerError(
                f"Kafka at {self._connection.bootstrap} does not answer: is it running, and LIUYAN_KAFKA right?"
            ) from None

    async def stop(self) -> None:
        """Leave the group; also after a start that failed."""
        await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by aiokafka before it gives partitions up: what is open is dropped, what is being written may end."""
        # aiokafka goes on naming them until it has others. Read and committed meanwhile they would do no harm to the
        # rows, but such a commit is refused, and aiokafka answers a refusal by joining anew: nobody would ever finish.
        self._assigned = frozenset()
        if revoked:
            self.reset()
            await self._drain()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by aiokafka: pause flags do not survive an assignment, so pause again before anything is fetched."""
        self._assigned = frozenset(assigned)
        self._consumer.pause(*assigned)
        self._count_rebalance()
        self.reset()

    def reset(self) -> None:
        """Begin a new epoch: every partition waits, paused, until it is sought again."""
        self.epoch += 1
        self._positioned.clear()
        self._paused.clear()
        self._unreadable.clear()
        self._consumer.pause(*self._consumer.assignment())

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that the group gave us and has not asked back."""
        return self._assigned & frozenset(self._consumer.assignment())

    @property
    def positioned(self) -> frozenset[TopicPartition]:
        """Those of them whose position was taken from the database, stopped ones among them."""
        return frozenset(self._positioned | self._paused.keys())

    @property
    def paused(self) -> Mapping[TopicPartition, str]:
        """Those that are paused by a stored row, with the reason."""
        return dict(self._paused)

    @property
    def unreadable(self) -> frozenset[TopicPartition]:
        """Those that wait at an unreadable record until their row says so."""
        return frozenset(self._unreadable)

    @property
    def fault(self) -> str | None:
        """The error that reading raises now, whose partition is not known yet; None when reading works."""
        return None if self._search.error is None else describe(self._search.error)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Take records of a partition from ``offset`` on. Raises IllegalStateError when it is no longer ours."""
        self._consumer.seek(partition, offset)
        self._positioned.add(partition)
        if not self._backpressure:
            self._consumer.resume(partition)

    def seek_paused(self, partition: TopicPartition, offset: int) -> None:
        """Give a partition that stays paused a position. Raises IllegalStateError when it is no longer ours.

        Without one aiokafka asks for a committed offset, and where there is none every poll of every partition fails.
        """
        self._consumer.seek(partition, offset)

    def pause(self, partition: TopicPartition, reason: str) -> None:
        """Take no records of a partition until the next reset."""
        self._paused[partition] = reason

    def apply_backpressure(self) -> None:
        """Fetch nothing for a while; ``poll`` goes on, so that the group knows that we live."""
        self._backpressure = True
        self._consumer.pause(*self._polled)

    def release_backpressure(self) -> None:
        """Fetch again."""
        if self._backpressure:
            self._backpressure = False
            self._consumer.resume(*self._polled)

    async def poll(self, timeout_seconds: float, max_records: int) -> Poll:
        """What is there within the time; begins a new epoch when the positions must be read again.

        Raises BrokerError when the broker refuses us and KafkaError, after which it may be called again; lost
        connections are aiokafka's to restore.
        """
        try:
            if self._search.active(_now()):
                return await self._poll_each(timeout_seconds, max_records)
            return await self._poll_all(timeout_seconds, max_records)
        except OffsetOutOfRangeError:
            self.reset()
            return Poll(self.epoch, (), {})
        except NoOffsetForPartitionError:
            # Of a partition that was not sought yet: aiokafka looked for a committed offset, which we never use.
            return Poll(self.epoch, (), {})
        except (AuthenticationFailedError, GroupAuthorizationFailedError) as error:
            raise BrokerError(f"Kafka at {self._connection.bootstrap} refuses us: {error}.") from None
        except KafkaError:
            self.reset()  # Whether records were taken and dropped before the error is unknown.
            raise

    async def _poll_all(self, timeout_seconds: float, max_records: int) -> Poll:
        try:
            fetched = await self._consumer.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
        except UNREADABLE as error:
            log.warning("a record cannot be read, searching for its partition", error=describe(error))
            self._search.begin(error, _now())
            # aiokafka has dropped the records that this poll had taken from other partitions, and moved past them.
            self.reset()
            return Poll(self.epoch, (), {})
        # No await between the records and the positions: a rebalance in between would tear them apart.
        positions = await self._positions()
        records = [record for tp, several in fetched.items() if tp in positions for record in several]
        return Poll(self.epoch, records, positions)

    async def _poll_each(self, timeout_seconds: float, max_records: int) -> Poll:
        """Poll each partition alone and record by record: an error then drops nothing, and its place is known."""
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
                        unreadable[partition] = await self._with_end(found)
        if not partitions:
            await self._consumer.getmany(timeout_ms=0)  # So that the group knows that we live.
        if not records and not unreadable:
            await asyncio.sleep(min(timeout_seconds, SEARCH_WAIT_SECONDS))
        if epoch != self.epoch:
            return Poll(self.epoch, (), {})
        positions = await self._positions()
        self._give_up(unreadable)
        return Poll(self.epoch, records, positions, unreadable)

    async def _one_by_one(self, partition: TopicPartition, most: int) -> AsyncIterator[ConsumerRecord]:
        """At most ``most`` records of a partition that have been fetched already, while the epoch lasts."""
        epoch = self.epoch
        for _ in range(most):
            fetched = await self._consumer.getmany(partition, timeout_ms=0, max_records=1)
            if epoch != self.epoch or not fetched:
                return
            for record in fetched[partition]:
                yield record

    async def _with_end(self, found: Unreadable) -> Unreadable:
        if not found.damaged:
            return found
        return replace(found, skip_to=await next_readable(self._connection, found.partition, found.offset))

    def _give_up(self, partitions: Iterable[TopicPartition]) -> None:
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
        """Where each partition's log starts and ends. Raises KafkaError."""
        wanted = list(partitions)
        starts = await self._consumer.beginning_offsets(wanted)
        ends = await self._consumer.end_offsets(wanted)
        return {partition: LogOffsets(starts[partition], ends[partition]) for partition in wanted}

    def end(self, partition: TopicPartition) -> int | None:
        """The end of a partition's log as of the last fetch; None before the first or when it is not ours."""
        if partition not in self.assigned:
            return None
        end: int | None = self._consumer.highwater(partition)
        return end

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Tell Kafka how far we are, for lag tools only: a refusal during a rebalance changes nothing."""
        ours = {partition: offset for partition, offset in offsets.items() if partition in self.assigned}
        try:
            if ours:
                await self._consumer.commit(ours)
        except KafkaError as error:
            log.debug("offsets not committed to Kafka", error=str(error))
            return False
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
