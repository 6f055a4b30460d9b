"""Read assigned partitions up to given offsets, without a consumer group."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from consumer.connection import Connection, stop_client
from consumer.next_readable import next_readable
from consumer.source import FETCH_BYTES, PARTITION_FETCH_BYTES
from consumer.topics import BrokerError
from consumer.unreadable import UNREADABLE, Search, Unreadable, broker_fault, describe

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LogRead:
    """Records, and the next offset of every partition that moved. Retention removed ``expired`` records unread."""

    records: Sequence[ConsumerRecord]
    next_offsets: Mapping[TopicPartition, int]
    expired: int = 0


class LogSource:
    """A Kafka client that reads chosen partitions from chosen offsets."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next: dict[TopicPartition, int] = {}
        # Records that were fetched beyond the end at that time.
        self._ahead: dict[TopicPartition, list[ConsumerRecord]] = {}
        self._search = Search()
        self._consumer = AIOKafkaConsumer(
            **connection.aiokafka(),
            group_id=None,
            client_id="liuyan-relabel",
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_bytes=FETCH_BYTES,
        )

    async def start(self) -> None:
        """Connect. Raises BrokerError."""
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise BrokerError(f"Kafka at {self._connection.bootstrap} does not answer: {error}.") from None

    async def stop(self) -> None:
        """Disconnect."""
        await stop_client(self._consumer)

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets on, and no others."""
        if positions == self._next:
            return
        if positions:
            self._consumer.assign(list(positions))
        self._next = dict(positions)
        self._seek_all()

    def _seek_all(self) -> None:
        self._ahead.clear()
        for partition, offset in self._next.items():
            self._consumer.seek(partition, offset)

    async def read(self, ends: Mapping[TopicPartition, int], timeout_seconds: float, max_records: int) -> LogRead:
        """Return records with offsets below ``ends``, which may grow from call to call.

        Raises BrokerError for a lasting error, and KafkaError, after which the caller may retry.
        """
        before = dict(self._next)
        pending = [partition for partition, offset in self._next.items() if offset < ends.get(partition, 0)]
        records = self._take_ahead(ends)
        expired = 0
        fetchable = [partition for partition in pending if partition not in self._ahead]
        if fetchable and not records:
            try:
                if self._search.active(_now()):
                    await self._fetch_each(fetchable)
                else:
                    await self._fetch(fetchable, timeout_seconds, max_records)
            except OffsetOutOfRangeError:
                expired = await self._skip_expired(pending)
            except KafkaError:
                self._seek_all()  # aiokafka may have dropped records before the error.
                raise
            records = self._take_ahead(ends)
        for partition in pending:
            if partition not in self._ahead:
                position = await self._consumer.position(partition)
                self._next[partition] = max(self._next[partition], min(position, ends[partition]))
            else:
                self._next[partition] = ends[partition]
        moved = {partition: offset for partition, offset in self._next.items() if offset != before[partition]}
        return LogRead(records, moved, expired)

    async def _fetch(self, partitions: Sequence[TopicPartition], timeout_seconds: float, max_records: int) -> None:
        try:
            fetched = await self._consumer.getmany(
                *partitions, timeout_ms=int(timeout_seconds * 1000), max_records=max_records
            )
        except UNREADABLE as error:
            log.warning("unreadable record, searching for its partition", error=describe(error))
            self._search.begin(error, _now())
            self._seek_all()  # aiokafka has dropped the records of other partitions but advanced their positions.
            return
        for partition, records in fetched.items():
            self._ahead[partition] = list(records)

    async def _fetch_each(self, partitions: Sequence[TopicPartition]) -> None:
        """Fetch one record of each partition, so that an error names its partition and drops no other record."""
        for partition in partitions:
            try:
                fetched = await self._consumer.getmany(partition, timeout_ms=0, max_records=1)
            except UNREADABLE as error:
                await self._unreadable(Unreadable(partition, await self._consumer.position(partition), error))
                continue
            if fetched.get(partition):
                self._ahead[partition] = list(fetched[partition])
        if not self._ahead:
            await asyncio.sleep(0.05)

    async def _unreadable(self, found: Unreadable) -> None:
        """Skip a damaged record: the live group has skipped it too, or stored it before it was damaged."""
        if not self._search.failed(found, _now()):
            return
        if not found.damaged:
            raise BrokerError(f"Cannot read {found.partition.topic}: {describe(found.error)}.")
        offset = await next_readable(self._connection, found.partition, found.offset)
        log.warning(
            "unreadable records skipped",
            topic=found.partition.topic,
            partition=found.partition.partition,
            offset=found.offset,
            next_offset=offset,
        )
        self._consumer.seek(found.partition, offset)
        self._search.end()

    async def _skip_expired(self, partitions: Sequence[TopicPartition]) -> int:
        """Continue at the log start offset where retention has removed the next records; return their number."""
        try:
            starts = await self._consumer.beginning_offsets(partitions)
        except KafkaError as error:
            raise BrokerError(broker_fault(self._connection.bootstrap, error)) from None
        expired = 0
        for partition in partitions:
            if self._next[partition] < starts[partition]:
                expired += starts[partition] - self._next[partition]
                self._next[partition] = starts[partition]
        self._seek_all()
        return expired

    def _take_ahead(self, ends: Mapping[TopicPartition, int]) -> list[ConsumerRecord]:
        """Remove and return the fetched records that are below the ends."""
        taken: list[ConsumerRecord] = []
        for partition, records in list(self._ahead.items()):
            end = ends.get(partition, 0)
            taken += [record for record in records if record.offset < end]
            rest = [record for record in records if record.offset >= end]
            if rest:
                self._ahead[partition] = rest
            else:
                del self._ahead[partition]
        return taken


def _now() -> float:
    return asyncio.get_running_loop().time()
