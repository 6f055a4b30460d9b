"""Steps 2 and 4: parse and segment polled records, and run the GRU on closed batches.

Both run in one worker thread, because the event loop must stay free for Kafka heartbeats.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, ParamSpec, Self, TypeVar

from aiokafka import ConsumerRecord, TopicPartition

from consumer.batcher import ClosedBatch
from consumer.circuit_breaker import CircuitBreaker
from consumer.event import CommentEvent, Parsed, Rejection, parse
from consumer.metrics import ConsumerMetrics
from consumer.publisher import publisher_of
from consumer.unbound_topics import UnboundTopics
from model.labeller import Prediction, PreparedText
from registry.follow import LoadedModel
from store.batch import Advance, Arrival, Batch, DeadLetter, Label, PartitionKey, RequeuedRecord, Tombstone
from store.batch import Prediction as StoredPrediction
from store.requeued import DEAD_LETTER_HEADER
from store.rows import content_of

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
# Calling ``Label`` takes ten times as long.
LABELS = {str(label): label for label in Label}
# Texts that ``predict`` labels at a time. A batch may wait this long: 6 ms with AVX-512, 20 ms without vectors.
SLICE = 64
# With this patience, a consumer that is always busy still labels more than a thousand stored comments per second.
PATIENCE_SECONDS = 0.05


class PreparedRecord(NamedTuple):
    """A parsed record; ``text`` is the segmented text of a comment event, and ``size`` the bytes of key and value.

    ``model`` is the one that prepared it, and the only one that can label it: word numbers and cached answers belong to
    its vocabulary. ``tokens`` is the number of tokens that its network reads.
    """

    record: ConsumerRecord
    parsed: Parsed
    text: PreparedText | None
    model: LoadedModel
    tokens: int
    size: int


class Entry(NamedTuple):
    """A record and the change to store for it."""

    item: PreparedRecord
    change: Arrival | Tombstone | DeadLetter


@dataclass(frozen=True, slots=True)
class LabelledBatch:
    """A batch ready to write: entries in order of arrival, each partition's advance, and the duration of labelling.

    ``polled_at`` is that of the closed batch.
    """

    epoch: int
    model: int
    entries: Sequence[Entry]
    advances: Sequence[Advance]
    label_seconds: float = 0.0
    polled_at: float = 0.0

    @property
    def batch(self) -> Batch:
        """The batch in the store's format."""
        changes = [entry.change for entry in self.entries]
        group = self.advances[0].partition.group if self.advances else ""
        return Batch(self.model, self.advances, changes, list(_requeued_records(group, self.entries)))


class Worker:
    """The worker thread and the model that prepares records. A context manager that stops the thread on exit."""

    def __init__(
        self,
        model: LoadedModel,
        *,
        group: str,
        topics: Mapping[str, frozenset[str]],
        circuit_breaker: CircuitBreaker,
        metrics: ConsumerMetrics,
        unbound_topics: UnboundTopics | None = None,
    ) -> None:
        self._model = model
        self._group = group
        self._topics = topics
        self._circuit_breaker = circuit_breaker
        self._metrics = metrics
        self._unbound_topics = unbound_topics or UnboundTopics(topics)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="worker")
        self._batches = 0
        self._no_batch = asyncio.Event()
        self._no_batch.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    @property
    def model(self) -> LoadedModel:
        """The model that prepares records."""
        return self._model

    def use(self, model: LoadedModel) -> None:
        """Prepare records with another model from now on. The caller has closed the open batch."""
        self._model = model

    async def prepare(self, records: Sequence[ConsumerRecord]) -> list[PreparedRecord]:
        """Parse and segment the records of one poll."""
        with self._first():
            return await self._run(self._prepare, records, self._model)

    async def label(self, closed: ClosedBatch[PreparedRecord]) -> LabelledBatch:
        """Run the GRU of the model that prepared a closed batch, and return the changes to write."""
        with self._first():
            return await self._run(self._label, closed)

    async def predict(self, model: LoadedModel, texts: Sequence[str]) -> list[StoredPrediction]:
        """Label texts of stored comments. Batches go first, but cannot delay a slice for more than PATIENCE_SECONDS."""
        predictions: list[StoredPrediction] = []
        for start in range(0, len(texts), SLICE):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._no_batch.wait(), PATIENCE_SECONDS)
            labelled = await self._run(model.labeller.predict, texts[start : start + SLICE])
            predictions += map(stored_prediction, labelled)
        return predictions

    async def clear_circuit_breaker(self) -> None:
        """Clear the circuit breaker after a reset."""
        await self._run(self._circuit_breaker.clear)

    @contextlib.contextmanager
    def _first(self) -> Iterator[None]:
        """Let ``predict`` wait while the block runs."""
        self._batches += 1
        self._no_batch.clear()
        try:
            yield
        finally:
            self._batches -= 1
            if self._batches == 0:
                self._no_batch.set()

    async def _run(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(*args, **kwargs))

    def _prepare(self, records: Sequence[ConsumerRecord], model: LoadedModel) -> list[PreparedRecord]:
        with self._metrics.stage_seconds.labels("prepare").time():
            parsed = [
                parse(record.key, record.value, record.timestamp, self._topics[record.topic]) for record in records
            ]
            texts = iter(model.labeller.prepare([event.text for event in parsed if isinstance(event, CommentEvent)]))
            return [
                self._prepared(record, event, next(texts) if isinstance(event, CommentEvent) else None, model)
                for record, event in zip(records, parsed, strict=True)
            ]

    def _prepared(
        self, record: ConsumerRecord, event: Parsed, text: PreparedText | None, model: LoadedModel
    ) -> PreparedRecord:
        if not isinstance(event, Rejection):
            self._unbound_topics.note(record.topic, event.platform)
        size = len(record.key or b"") + len(record.value or b"")
        return PreparedRecord(record, event, text, model, 0 if text is None else text.tokens, size)

    def _label(self, closed: ClosedBatch[PreparedRecord]) -> LabelledBatch:
        model = self._model_of(closed)
        began = time.perf_counter()
        predictions = iter(model.labeller.label([item.text for item in closed.records if item.text is not None]))
        entries = [Entry(item, self._change(item, predictions)) for item in closed.records]
        advances = self._advances(closed)
        seconds = time.perf_counter() - began
        self._metrics.stage_seconds.labels("label").observe(seconds)
        self._metrics.count_tokens([item.tokens for item in closed.records])
        self._metrics.shared.read_cache(model.row.sha256, model.labeller.cache_statistics())
        return LabelledBatch(closed.epoch, model.number, entries, advances, seconds, closed.polled_at)

    def _model_of(self, closed: ClosedBatch[PreparedRecord]) -> LoadedModel:
        """Return the model that prepared a batch. Raises ValueError if there are several."""
        model = closed.records[0].model if closed.records else self._model
        if any(item.model is not model for item in closed.records):
            raise ValueError("a batch mixes models")
        return model

    def _change(self, item: PreparedRecord, predictions: Iterator[Prediction]) -> Arrival | Tombstone | DeadLetter:
        """Return the change to store; a comment takes the next prediction."""
        parsed = item.parsed
        if isinstance(parsed, CommentEvent):
            prediction = stored_prediction(next(predictions))
            return Arrival(parsed.platform, parsed.id, content_of(parsed), prediction)
        if isinstance(parsed, Rejection):
            record = item.record
            platform = publisher_of(record.key, record.value, self._topics[record.topic])
            return dead_letter(record, self._group, parsed, platform)
        return Tombstone(parsed.platform, parsed.id, max(0, item.record.timestamp) * 1000)

    def _advances(self, closed: ClosedBatch[PreparedRecord]) -> list[Advance]:
        poison: dict[TopicPartition, list[bool]] = {partition: [] for partition in closed.spans}
        for item in closed.records:
            # A plain tuple finds its TopicPartition, and takes less time to create.
            poison[item.record.topic, item.record.partition].append(isinstance(item.parsed, Rejection))
        return [
            Advance(
                PartitionKey(self._group, partition.topic, partition.partition),
                expected=span.begin,
                next_offset=span.end,
                pause_reason=closed.pauses.get(partition) or self._circuit_breaker.watch(partition, poison[partition]),
            )
            for partition, span in closed.spans.items()
        ]


def dead_letter(record: ConsumerRecord, group: str, rejection: Rejection, platform: str | None) -> DeadLetter:
    """Return the dead letter of a rejected record, which ``platform`` published."""
    return DeadLetter(
        partition=PartitionKey(group, record.topic, record.partition),
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp=record.timestamp,
        reason=rejection.reason,
        detail=rejection.detail,
        platform=platform,
    )


def _requeued_records(group: str, entries: Sequence[Entry]) -> Iterator[RequeuedRecord]:
    """Yield the records whose headers mark them as a requeued dead letter."""
    for record in [entry.item.record for entry in entries if entry.item.record.headers]:
        for name, value in record.headers:
            if name == DEAD_LETTER_HEADER and value is not None:
                key = PartitionKey(group, record.topic, record.partition)
                yield RequeuedRecord(key, record.offset, record.key, record.value, value)


def stored_prediction(prediction: Prediction) -> StoredPrediction:
    """Return a prediction in the store's format."""
    label, probability, uncertain = prediction
    return StoredPrediction(LABELS[label], probability, uncertain)
