"""Steps 2 and 4: parse and segment polled records, and run the GRU on closed batches.

Both run in one worker thread, because the event loop must stay free for Kafka heartbeats.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from aiokafka import ConsumerRecord, TopicPartition

from consumer.batcher import ClosedBatch
from consumer.circuit_breaker import CircuitBreaker
from consumer.event import CommentEvent, Erasure, Parsed, Rejection, parse
from consumer.metrics import ConsumerMetrics
from consumer.unbound_topics import UnboundTopics
from model.labeller import Labeller, Prediction, PreparedText, use_one_core
from store.batch import Advance, Arrival, Batch, DeadLetter, Label, PartitionKey, RequeuedRecord, Tombstone
from store.batch import Prediction as StoredPrediction
from store.requeued import DEAD_LETTER_HEADER
from store.rows import content_of

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """A parsed record; ``text`` is the segmented text of a comment event."""

    record: ConsumerRecord
    parsed: Parsed
    text: PreparedText | None

    @property
    def tokens(self) -> int:
        """Number of tokens that the network reads."""
        return self.text.tokens if self.text is not None else 0

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.record.key or b"") + len(self.record.value or b"")

    @property
    def partition(self) -> TopicPartition:
        """The record's partition."""
        return TopicPartition(self.record.topic, self.record.partition)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and the change to store for it."""

    item: PreparedRecord
    change: Arrival | Tombstone | DeadLetter


@dataclass(frozen=True, slots=True)
class LabelledBatch:
    """A batch ready to write: entries in order of arrival, and each partition's advance."""

    epoch: int
    model: int
    entries: Sequence[Entry]
    advances: Sequence[Advance]

    @property
    def batch(self) -> Batch:
        """The batch in the store's format."""
        changes = [entry.change for entry in self.entries]
        group = self.advances[0].partition.group if self.advances else ""
        return Batch(self.model, self.advances, changes, list(_requeued_records(group, self.entries)))


class Worker:
    """The worker thread and its labeller. A context manager that stops the thread on exit."""

    def __init__(
        self,
        labeller: Labeller,
        *,
        model: int,
        group: str,
        topics: Mapping[str, frozenset[str]],
        circuit_breaker: CircuitBreaker,
        metrics: ConsumerMetrics,
        unbound_topics: UnboundTopics | None = None,
    ) -> None:
        self._labeller = labeller
        self._model = model
        self._group = group
        self._topics = topics
        self._circuit_breaker = circuit_breaker
        self._metrics = metrics
        self._unbound_topics = unbound_topics or UnboundTopics(topics)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="worker", initializer=use_one_core)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def prepare(self, records: Sequence[ConsumerRecord]) -> list[PreparedRecord]:
        """Parse and segment the records of one poll."""
        return await self._run(self._prepare, records)

    async def label(self, closed: ClosedBatch[PreparedRecord]) -> LabelledBatch:
        """Run the GRU on a closed batch and return the changes to write."""
        return await self._run(self._label, closed)

    async def clear_circuit_breaker(self) -> None:
        """Clear the circuit breaker after a reset."""
        await self._run(self._circuit_breaker.clear)

    async def _run(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(*args, **kwargs))

    def _prepare(self, records: Sequence[ConsumerRecord]) -> list[PreparedRecord]:
        with self._metrics.stage_seconds.labels("prepare").time():
            parsed = [
                parse(record.key, record.value, record.timestamp, self._topics[record.topic]) for record in records
            ]
            for record, event in zip(records, parsed, strict=True):
                if not isinstance(event, Rejection):
                    self._unbound_topics.note(record.topic, event.platform)
            texts = iter(self._labeller.prepare([event.text for event in parsed if isinstance(event, CommentEvent)]))
            return [
                PreparedRecord(record, event, next(texts) if isinstance(event, CommentEvent) else None)
                for record, event in zip(records, parsed, strict=True)
            ]

    def _label(self, closed: ClosedBatch[PreparedRecord]) -> LabelledBatch:
        with self._metrics.stage_seconds.labels("label").time():
            predictions = iter(self._labeller.label([item.text for item in closed.records if item.text is not None]))
            entries = [
                Entry(item, self._change(item, next(predictions) if item.text is not None else None))
                for item in closed.records
            ]
            advances = self._advances(closed)
        self._metrics.read_cache(self._labeller.cache_statistics())
        return LabelledBatch(closed.epoch, self._model, entries, advances)

    def _change(self, item: PreparedRecord, prediction: Prediction | None) -> Arrival | Tombstone | DeadLetter:
        parsed = item.parsed
        if isinstance(parsed, Rejection):
            return dead_letter(item.record, self._group, parsed)
        if isinstance(parsed, Erasure):
            return Tombstone(parsed.platform, parsed.id, max(0, item.record.timestamp) * 1000)
        if prediction is None:
            raise ValueError("comment event without prediction")
        return _arrival(parsed, prediction)

    def _advances(self, closed: ClosedBatch[PreparedRecord]) -> list[Advance]:
        poison: dict[TopicPartition, list[bool]] = {partition: [] for partition in closed.spans}
        for item in closed.records:
            poison[item.partition].append(isinstance(item.parsed, Rejection))
        return [
            Advance(
                PartitionKey(self._group, partition.topic, partition.partition),
                expected=span.begin,
                next_offset=span.end,
                pause_reason=closed.pauses.get(partition) or self._circuit_breaker.watch(partition, poison[partition]),
            )
            for partition, span in closed.spans.items()
        ]


def dead_letter(record: ConsumerRecord, group: str, rejection: Rejection) -> DeadLetter:
    """Return the dead letter of a rejected record."""
    return DeadLetter(
        partition=PartitionKey(group, record.topic, record.partition),
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp=record.timestamp,
        reason=rejection.reason,
        detail=rejection.detail,
    )


def _requeued_records(group: str, entries: Sequence[Entry]) -> Iterator[RequeuedRecord]:
    """Yield the records whose headers mark them as a requeued dead letter."""
    for record in (entry.item.record for entry in entries):
        for name, value in record.headers:
            if name == DEAD_LETTER_HEADER and value is not None:
                key = PartitionKey(group, record.topic, record.partition)
                yield RequeuedRecord(key, record.offset, record.key, record.value, value)


def _arrival(event: CommentEvent, prediction: Prediction) -> Arrival:
    stored = StoredPrediction(Label(prediction.label), prediction.probability, prediction.uncertain)
    return Arrival(event.platform, event.id, content_of(event), stored)
