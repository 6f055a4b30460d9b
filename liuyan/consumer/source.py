"""Step 1: records from Kafka, from partitions whose position was read from the database and from no other.

Kafka assigns partitions and the listener only takes note; the main loop reads the stored offsets, seeks and resumes.
Every assignment, revocation and reset begins a new ``epoch``: what was polled in an earlier one is worth nothing.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

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
    TopicAuthorizationFailedError,
)

from liuyan.consumer.connection import Connection
from liuyan.consumer.topics import BrokerError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll gave: records, and the position behind them of every partition that was sought."""

    epoch: int
    records: Sequence[ConsumerRecord]
    positions: Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class LogEdges:
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
        settle: Callable[[], Awaitable[None]],
        count_rebalance: Callable[[], None],
        session_timeout_seconds: int,
    ) -> None:
        self.epoch = 0
        self._count_rebalance = count_rebalance
        self._bootstrap = connection.bootstrap
        self._settle = settle
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._sought: set[TopicPartition] = set()
        self._stopped: set[TopicPartition] = set()
        self._held = False
        self._consumer = AIOKafkaConsumer(
            **connection.aiokafka(),
            group_id=group,
            client_id="liuyan",
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
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
            raise BrokerError(f"Kafka at {self._bootstrap} refuses our credentials: {error}.") from None
        except (KafkaConnectionError, OSError):
            raise BrokerError(
                f"Kafka at {self._bootstrap} does not answer: is it running, and LIUYAN_KAFKA right?"
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
            await self._settle()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by aiokafka: pause flags do not survive an assignment, so pause again before anything is fetched."""
        self._assigned = frozenset(assigned)
        self._consumer.pause(*assigned)
        self._count_rebalance()
        self.reset()

    def reset(self) -> None:
        """Begin a new epoch: every partition waits, paused, until it is sought again."""
        self.epoch += 1
        self._sought.clear()
        self._stopped.clear()
        self._consumer.pause(*self._consumer.assignment())

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that the group gave us and has not asked back."""
        return self._assigned & frozenset(self._consumer.assignment())

    @property
    def sought(self) -> frozenset[TopicPartition]:
        """Those of them whose position was taken from the database, stopped ones among them."""
        return frozenset(self._sought | self._stopped)

    @property
    def stopped(self) -> frozenset[TopicPartition]:
        """Those that are paused by a stored row."""
        return frozenset(self._stopped)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Take records of a partition from ``offset`` on. Raises IllegalStateError when it is no longer ours."""
        self._consumer.seek(partition, offset)
        self._sought.add(partition)
        if not self._held:
            self._consumer.resume(partition)

    def stop_partition(self, partition: TopicPartition) -> None:
        """Take no records of a partition until the next reset."""
        self._stopped.add(partition)

    def hold(self) -> None:
        """Fetch nothing for a while; ``poll`` goes on, so that the group knows that we live."""
        self._held = True
        self._consumer.pause(*(self._sought & self.assigned))

    def release(self) -> None:
        """Fetch again."""
        if self._held:
            self._held = False
            self._consumer.resume(*(self._sought & self.assigned))

    async def poll(self, timeout_seconds: float, max_records: int) -> Poll:
        """What is there within the time; begins a new epoch when an offset is out of the log's range.

        Raises BrokerError when the broker refuses us; lost connections are aiokafka's to mend.
        """
        try:
            fetched = await self._consumer.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
        except OffsetOutOfRangeError:
            self.reset()
            return Poll(self.epoch, (), {})
        except NoOffsetForPartitionError:
            # Of a partition that was not sought yet: aiokafka looked for a committed offset, which we never use.
            return Poll(self.epoch, (), {})
        except (AuthenticationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError) as error:
            raise BrokerError(f"Kafka at {self._bootstrap} refuses us: {error}.") from None
        # No await between the records and the positions: a rebalance in between would tear them apart.
        positions = {}
        for partition in self._sought & self.assigned:
            positions[partition] = await self._consumer.position(partition)
        records = [record for tp, several in fetched.items() if tp in positions for record in several]
        return Poll(self.epoch, records, positions)

    async def edges(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, LogEdges]:
        """Where each partition's log starts and ends. Raises KafkaError."""
        wanted = list(partitions)
        starts = await self._consumer.beginning_offsets(wanted)
        ends = await self._consumer.end_offsets(wanted)
        return {partition: LogEdges(starts[partition], ends[partition]) for partition in wanted}

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
