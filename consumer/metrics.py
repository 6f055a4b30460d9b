"""The consumer's Prometheus metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from model.labeller import CacheStatistics
from store.batch import BatchOutcome

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ConsumerMetrics:
    """The consumer's metrics, in a separate registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.records = Counter("liuyan_consumer_records", "Records taken from Kafka.", ["topic"], registry=registry)
        self.polls = Counter(
            "liuyan_consumer_polls",
            "Polls of Kafka, those that gave nothing among them: they go on while the database is away.",
            registry=registry,
        )
        self.backpressure = Gauge(
            "liuyan_consumer_held",
            "1 while nothing is taken from Kafka, because the batches in hand wait for the database.",
            registry=registry,
        )
        self.events = Counter(
            "liuyan_consumer_events",
            "Events stored, by what they were: new, edited, touched, same, late, erased, erased_before, dead.",
            ["outcome"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "liuyan_consumer_dead_letters", "Records stored as dead letters, by reason.", ["reason"], registry=registry
        )
        self.letters = Gauge(
            "liuyan_consumer_letters",
            "Dead letters of all groups in the database, by state: open, requeued, resolved, discarded. Absent while "
            "the database does not answer.",
            ["state"],
            registry=registry,
        )
        self.orders = Counter(
            "liuyan_consumer_orders",
            "Orders of the outbox that this consumer carried out: published, or refused by Kafka for good.",
            ["outcome"],
            registry=registry,
        )
        self.batch_records = Histogram(
            "liuyan_consumer_batch_records",
            "Records in a stored batch.",
            registry=registry,
            buckets=(1, 8, 32, 64, 128, 256, 512, 1024, 4096),
        )
        self.stage_seconds = Histogram(
            "liuyan_consumer_stage_seconds",
            "Seconds that one step took: prepare (one poll), label or write (one batch).",
            ["stage"],
            registry=registry,
            buckets=SECONDS,
        )
        self.age_seconds = Histogram(
            "liuyan_consumer_record_age_seconds",
            "Seconds from a record's timestamp to its commit in the database, of the oldest record of each batch.",
            registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
        )
        self.stored_offset = Gauge(
            "liuyan_consumer_stored_offset",
            "Next offset of a partition as the database holds it.",
            ["topic", "partition"],
            registry=registry,
        )
        self.lag = Gauge(
            "liuyan_consumer_lag",
            "Records of a partition not stored yet; absent while Kafka does not answer.",
            ["topic", "partition"],
            registry=registry,
        )
        self.paused = Gauge(
            "liuyan_consumer_partition_paused",
            "1 while a partition is paused by a stored row.",
            ["topic", "partition"],
            registry=registry,
        )
        self.assigned = Gauge(
            "liuyan_consumer_assigned_partitions", "Partitions assigned to this consumer.", registry=registry
        )
        self.rebalances = Counter("liuyan_consumer_rebalances", "Assignments received.", registry=registry)
        self.resets = Counter(
            "liuyan_consumer_resets",
            "Times that batches in hand were dropped and positions read again, by cause.",
            ["cause"],
            registry=registry,
        )
        self.write_retries = Counter(
            "liuyan_consumer_write_retries", "Writes tried again after a transient fault.", registry=registry
        )
        self.records_lost = Counter(
            "liuyan_consumer_records_lost", "Records that retention removed before they were read.", registry=registry
        )
        self.last_stored = Gauge(
            "liuyan_consumer_last_stored_timestamp_seconds", "When a batch was last stored.", registry=registry
        )
        self.cache_hits = Gauge(
            "liuyan_consumer_answer_cache_hits", "Texts answered from the cache since the start.", registry=registry
        )
        self.cache_misses = Gauge(
            "liuyan_consumer_answer_cache_misses", "Texts that the network answered since the start.", registry=registry
        )
        self.cache_size = Gauge("liuyan_consumer_answer_cache_size", "Answers in the cache.", registry=registry)
        self.model_behind_seconds = Gauge(
            "liuyan_consumer_model_behind_seconds",
            "Seconds since another model became active that this consumer has not loaded; 0 if it uses the active one.",
            registry=registry,
        )
        self.model_load_failures = Gauge(
            "liuyan_consumer_model_load_failures",
            "Failed attempts to load the active model since the start.",
            registry=registry,
        )
        self.missing_labelled = Counter(
            "liuyan_consumer_missing_predictions_labelled",
            "Comments stored by another model that this consumer labelled with the active one.",
            registry=registry,
        )
        self.event_loop_delay = Gauge(
            "liuyan_consumer_event_loop_delay_seconds", "How late the event loop woke last.", registry=registry
        )

    def remove_partition(self, topic: str, partition: int) -> None:
        """Remove the gauges of a partition that is no longer assigned."""
        for gauge in (self.lag, self.stored_offset, self.paused):
            gauge.remove(topic, str(partition))

    def count(self, outcome: BatchOutcome) -> None:
        """Count the outcomes of a stored batch."""
        for name in BatchOutcome.__dataclass_fields__:
            self.events.labels(name).inc(getattr(outcome, name))

    def read_cache(self, statistics: CacheStatistics) -> None:
        """Update the gauges of the answer cache."""
        self.cache_hits.set(statistics.hits)
        self.cache_misses.set(statistics.misses)
        self.cache_size.set(statistics.size)
