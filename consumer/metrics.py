"""The consumer's Prometheus metrics, which ``liuyan.metrics`` declares."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from consumer.circuit_breaker import is_open
from consumer.event import Reason
from liuyan.metrics.declared import CONSUMER_METRICS
from liuyan.metrics.exporter import Exporter
from liuyan.metrics.platforms import PlatformLabels
from liuyan.metrics.shared import SharedMetrics, model_label
from store.batch import Arrival, BatchOutcome, DeadLetter, ModelRow, Prediction, Tombstone

PREFIX = "liuyan_consumer_"
# Outcomes of a transaction that writes a batch.
TRANSACTIONS = ("stored", "fenced", "commit_unknown", "transient", "refused")


class ConsumerMetrics:
    """The consumer's metrics, in a separate registry. ``platforms`` is the most platforms with their own series."""

    def __init__(self, platforms: int = 20) -> None:
        self.registry = CollectorRegistry()
        make = Exporter(CONSUMER_METRICS, self.registry)
        self.shared = SharedMetrics(make)
        self._records = make.counter(f"{PREFIX}records_total")
        self._record_bytes = make.counter(f"{PREFIX}record_bytes_total")
        self.polls = make.counter(f"{PREFIX}polls_total")
        self.backpressure = make.gauge(f"{PREFIX}backpressure")
        self._events = make.counter(f"{PREFIX}events_total")
        self._dead_letters = make.counter(f"{PREFIX}dead_letters_total")
        self.stored_dead_letters = make.gauge(f"{PREFIX}stored_dead_letters")
        self.missing_labelled = make.counter(f"{PREFIX}missing_predictions_labelled_total")
        self.outbox_messages = make.counter(f"{PREFIX}outbox_messages_total")
        self._batch_records = make.histogram(f"{PREFIX}batch_records")
        self._tokens = make.counter(f"{PREFIX}tokens_total")
        self.stage_seconds = make.histogram(f"{PREFIX}stage_duration_seconds")
        self._latency = make.batch_histogram(f"{PREFIX}publish_to_commit_seconds")
        self.transactions = make.counter(f"{PREFIX}transactions_total")
        self.write_retries = make.counter(f"{PREFIX}write_retries_total")
        self.resets = make.counter(f"{PREFIX}resets_total")
        self.stored_offset = make.gauge(f"{PREFIX}stored_offset")
        self.lag = make.gauge(f"{PREFIX}lag")
        self.lag_seconds = make.gauge(f"{PREFIX}lag_seconds")
        self._paused = make.gauge(f"{PREFIX}partition_paused")
        self._circuit_breaker_open = make.gauge(f"{PREFIX}circuit_breaker_open")
        self.assigned = make.gauge(f"{PREFIX}assigned_partitions")
        self.rebalances = make.counter(f"{PREFIX}rebalances_total")
        self.records_lost = make.counter(f"{PREFIX}records_lost_total")
        self._last_stored = make.gauge(f"{PREFIX}last_stored_timestamp_seconds")
        self._predictions = make.counter(f"{PREFIX}predictions_total")
        self._uncertain = make.counter(f"{PREFIX}uncertain_predictions_total")
        self._probability = make.batch_histogram(f"{PREFIX}prediction_probability_ratio")
        self._platforms = PlatformLabels(platforms)
        self._models: dict[int, str] = {}
        self._last_stored.set_to_current_time()
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Export known label values before they occur: an increase from nothing is invisible to ``rate``."""
        for outcome in BatchOutcome.__dataclass_fields__:
            self._events.labels(outcome)
        for reason in Reason:
            self._dead_letters.labels(reason)
        for outcome in TRANSACTIONS:
            self.transactions.labels(outcome)
        for outcome in ("published", "refused"):
            self.outbox_messages.labels(outcome)

    def use_model(self, model: ModelRow, group: str) -> None:
        """Export the model that labels from now on. Batches of earlier models are counted under theirs."""
        self._models[model.number] = model_label(model.sha256)
        self.shared.use_model(model.sha256, model.name, group)

    def count_polled(self, topic: str, records: Sequence[ConsumerRecord]) -> None:
        """Count records of one topic that were polled."""
        self._records.labels(topic).inc(len(records))
        self._record_bytes.labels(topic).inc(
            sum([len(record.key or b"") + len(record.value or b"") for record in records])
        )

    def count_tokens(self, lengths: Sequence[int]) -> None:
        """Count the tokens of a batch's records, given their numbers of tokens."""
        self._tokens.inc(sum(lengths))

    def count_stored(
        self,
        model: int,
        changes: Sequence[Arrival | Tombstone | DeadLetter],
        timestamps: Iterable[int],
        outcome: BatchOutcome,
    ) -> None:
        """Count a batch that was just stored. ``timestamps`` are its records', in milliseconds; negative if unknown."""
        now = time.time()
        self._last_stored.set(now)
        self.transactions.labels("stored").inc()
        self._batch_records.observe(len(changes))
        for name in BatchOutcome.__dataclass_fields__:
            self._events.labels(name).inc(getattr(outcome, name))
        self._latency.observe((), [max(0.0, now - timestamp / 1000) for timestamp in timestamps if timestamp >= 0])
        for reason, n in Counter([change.reason for change in changes if isinstance(change, DeadLetter)]).items():
            self._dead_letters.labels(reason).inc(n)
        self._count_predictions(model, [change for change in changes if isinstance(change, Arrival)])

    def _count_predictions(self, model: int, arrivals: Sequence[Arrival]) -> None:
        named = self._models.get(model, "unknown")
        by_platform: dict[str, list[Prediction]] = {arrival.platform: [] for arrival in arrivals}
        for arrival in arrivals:
            by_platform[arrival.platform].append(arrival.prediction)
        for platform, predictions in by_platform.items():
            series = (self._platforms.label(platform), named)
            labels, probabilities, uncertain = zip(*predictions, strict=True)
            for label, n in Counter(labels).items():
                self._predictions.labels(*series, label).inc(n)
            self._uncertain.labels(*series).inc(sum(uncertain))
            self._probability.observe(series, probabilities)

    def set_paused(self, topic: str, partition: int, reason: str | None) -> None:
        """Export whether a partition is paused, and whether by the circuit breaker."""
        self._paused.labels(topic, str(partition)).set(reason is not None)
        self._circuit_breaker_open.labels(topic, str(partition)).set(reason is not None and is_open(reason))

    def remove_lag(self, topic: str, partition: int) -> None:
        """Remove the lag of a partition whose end offset is not known."""
        for gauge in (self.lag, self.lag_seconds):
            gauge.remove(topic, str(partition))

    def remove_partition(self, topic: str, partition: int) -> None:
        """Remove the gauges of a partition that is no longer assigned."""
        self.remove_lag(topic, partition)
        for gauge in (self.stored_offset, self._paused, self._circuit_breaker_open):
            gauge.remove(topic, str(partition))
