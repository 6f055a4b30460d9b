"""Declared metrics follow Prometheus conventions, and everything that is exported is declared."""

import math
import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from api.metrics import Metrics
from consumer.metrics import ConsumerMetrics
from liuyan.metrics.batch_histogram import BatchHistogram
from liuyan.metrics.declared import ALL_METRICS, API_METRICS, CONSUMER_METRICS
from liuyan.metrics.document import metrics_document
from liuyan.metrics.exporter import Exporter
from liuyan.metrics.metric import Kind, Metric
from liuyan.metrics.platforms import PlatformLabels
from liuyan.metrics.process import PROCESS
from liuyan.metrics.shared import SharedMetrics
from store.batch import Arrival, BatchOutcome, DeadLetter, Label, ModelRow, PartitionKey
from tests.store.feed import START, arrival

DOCUMENT = Path(__file__).parents[1] / "docs" / "metrics.md"
# Units that have a suffix in the name.
SUFFIXES = {"seconds": "_seconds", "bytes": "_bytes", "ratio": "_ratio"}
LABELS = {
    *("model", "sha256", "name", "group", "state", "topic", "partition", "outcome", "reason", "stage", "cause"),
    *("platform", "label", "method", "route", "status", "queue", "role", "database"),
}


def identify(metric: Metric) -> str:
    return metric.name


@pytest.mark.parametrize("metric", ALL_METRICS, ids=identify)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"(liuyan|process)(_[a-z0-9]+)+", metric.name)
    assert (metric.name.endswith("_total")) == (metric.kind is Kind.COUNTER)
    assert (metric.name.endswith("_info")) == (metric.kind is Kind.INFO)
    suffix = SUFFIXES.get(metric.unit, "")
    assert metric.name.removesuffix("_total").endswith(suffix)
    assert not any(part in metric.name for part in ("millisecond", "percent", "kilobyte", "megabyte"))


@pytest.mark.parametrize("metric", ALL_METRICS, ids=identify)
def test_descriptions_are_sentences_in_both_languages(metric: Metric) -> None:
    assert metric.description.endswith(".")
    assert metric.zh.endswith("。")
    assert re.search("[\u4e00-\u9fff]", metric.zh)
    assert "|" not in metric.description


@pytest.mark.parametrize("metric", ALL_METRICS, ids=identify)
def test_labels_and_buckets(metric: Metric) -> None:
    """No label identifies a person or a comment: a new label must be added here."""
    assert set(metric.labels) <= LABELS
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_names_are_unique() -> None:
    families = [metric.family for metric in ALL_METRICS]
    assert len(families) == len(set(families))


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == metrics_document(), "run `make metrics-doc`"


def exported(registry: CollectorRegistry) -> dict[str, tuple[str, str]]:
    """Return type and description of the metrics in a registry, without those of the process."""
    families = {family.name: (family.type, family.documentation) for family in registry.collect()}
    return {name: of for name, of in families.items() if name not in {metric.family for metric in PROCESS}}


def declared(metrics: tuple[Metric, ...]) -> dict[str, tuple[str, str]]:
    ours = [metric for metric in metrics if metric not in PROCESS]
    return {metric.family: (metric.kind.value, metric.description) for metric in ours}


def test_the_consumer_exports_what_is_declared() -> None:
    assert exported(ConsumerMetrics().registry) == declared(CONSUMER_METRICS)


def test_the_api_exports_what_is_declared() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    assert exported(registry) == declared(API_METRICS)


def test_undeclared_metrics_are_refused() -> None:
    with pytest.raises(KeyError):
        Exporter(CONSUMER_METRICS, CollectorRegistry()).counter("liuyan_consumer_surprises_total")
    with pytest.raises(KeyError):
        Exporter(CONSUMER_METRICS, CollectorRegistry()).gauge("liuyan_consumer_records_total")


def test_platforms_are_capped() -> None:
    platforms = PlatformLabels(2)
    assert [platforms.label(name) for name in ("forum", "desk", "app", "forum", "news")] == [
        *("forum", "desk", "other", "forum", "other")
    ]


MODEL = ModelRow(7, "ab" * 32, "small", 0.2, 0.8, True, START)


def test_stored_batches_are_counted() -> None:
    metrics = ConsumerMetrics(platforms=1)
    metrics.use_model(MODEL, "liuyan")
    letter = DeadLetter(PartitionKey("liuyan", "comments", 0), 4, None, b"\xff", (), 0, "not_utf8", "not UTF-8")
    changes: list[Arrival | DeadLetter] = [
        arrival("1", platform="forum", probability=0.95),
        arrival("2", platform="forum", probability=0.35, label=Label.NEGATIVE, uncertain=True),
        arrival("3", platform="desk", probability=0.95),
        letter,
    ]
    metrics.count_stored(7, changes, [0, -1, 0, 0], BatchOutcome(new=2, late=1, dead=1))

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"liuyan_consumer_{name}", labels)

    model = "abababababab"
    assert value("predictions_total", platform="forum", model=model, label="positive") == 1
    assert value("predictions_total", platform="forum", model=model, label="negative") == 1
    assert value("predictions_total", platform="other", model=model, label="positive") == 1
    assert value("uncertain_predictions_total", platform="forum", model=model) == 1
    assert value("uncertain_predictions_total", platform="other", model=model) == 0
    assert value("prediction_probability_ratio_bucket", platform="forum", model=model, le="0.4") == 1
    assert value("prediction_probability_ratio_count", platform="forum", model=model) == 2
    assert value("dead_letters_total", reason="not_utf8") == 1
    assert value("dead_letters_total", reason="not_json") == 0
    assert value("events_total", outcome="new") == 2
    assert value("transactions_total", outcome="stored") == 1
    # A record without a timestamp has no known latency.
    assert value("publish_to_commit_seconds_count") == 3
    assert value("batch_records_sum") == 4


def test_tokens_of_all_texts_are_counted() -> None:
    metrics = ConsumerMetrics()
    metrics.count_tokens([10, 4, 0])
    metrics.count_tokens([])
    assert metrics.registry.get_sample_value("liuyan_consumer_tokens_total") == 14


def test_the_circuit_breaker_is_distinguished_from_other_pauses() -> None:
    metrics = ConsumerMetrics()

    def values() -> list[float | None]:
        labels = {"topic": "comments", "partition": "0"}
        names = ("partition_paused", "circuit_breaker_open")
        return [metrics.registry.get_sample_value(f"liuyan_consumer_{name}", labels) for name in names]

    for reason, expected in (
        (None, [0, 0]),
        ("paused by wang", [1, 0]),
        ("circuit breaker: 600 of the last 1000 records are dead letters", [1, 1]),
    ):
        metrics.set_paused("comments", 0, reason)
        assert values() == expected
    metrics.remove_partition("comments", 0)
    assert values() == [None, None]


def shared() -> tuple[SharedMetrics, CollectorRegistry]:
    registry = CollectorRegistry()
    return SharedMetrics(Exporter(API_METRICS, registry)), registry


def test_cache_counters_never_fall_when_another_model_is_loaded() -> None:
    metrics, registry = shared()
    metrics.use_model("ab" * 32, "first")
    metrics.read_cache("ab" * 32, SimpleNamespace(hits=5, misses=7, size=3))
    metrics.read_cache("ab" * 32, SimpleNamespace(hits=6, misses=7, size=4))
    metrics.use_model("cd" * 32, "second", "liuyan")
    metrics.read_cache("cd" * 32, SimpleNamespace(hits=2, misses=9, size=1))
    assert registry.get_sample_value("liuyan_prediction_cache_hits_total") == 8
    assert registry.get_sample_value("liuyan_prediction_cache_misses_total") == 16
    assert registry.get_sample_value("liuyan_prediction_cache_entries") == 1
    [info] = [family.samples for family in registry.collect() if family.name == "liuyan_model"]
    assert [sample.labels for sample in info] == [
        {"model": "cd" * 6, "sha256": "cd" * 32, "name": "second", "group": "liuyan"}
    ]


def test_failed_loads_are_counted() -> None:
    metrics, registry = shared()
    with pytest.raises(FileNotFoundError), metrics.loading():
        Path("/no/such/model").read_bytes()
    with metrics.loading():
        assert registry.get_sample_value("liuyan_model_loading") == 1
    assert registry.get_sample_value("liuyan_model_loading") == 0
    assert registry.get_sample_value("liuyan_model_load_failures_total") == 1


def test_latency_buckets_resolve_the_99th_percentile() -> None:
    """Neighbouring bounds between 50 ms and 1 s differ by at most 1.5 times."""
    [latency] = [metric for metric in ALL_METRICS if metric.name == "liuyan_consumer_publish_to_commit_seconds"]
    fine = [bound for bound in latency.buckets if 0.05 <= bound <= 1]
    assert max(upper / lower for lower, upper in pairwise(fine)) <= 1.5 + 1e-9
    assert math.isclose(fine[0], 0.05)


def test_a_batch_histogram_exports_like_a_histogram() -> None:
    values = [0.0, 0.125, 0.25, 0.5, 3.0, 0.5]  # with sums that floats represent exactly
    exported = []
    for labels in ((), ("platform",)):
        plain, batch = CollectorRegistry(), CollectorRegistry()
        metric = Metric("latency_seconds", Kind.HISTOGRAM, "seconds", "A latency.", "延迟。", labels, (0.125, 0.5, 1.0))
        histogram = Histogram(metric.name, metric.description, labels, buckets=metric.buckets, registry=plain)
        many = BatchHistogram(metric, batch)
        exported.append((generate_latest(batch), generate_latest(plain)))
        names = ("forum",) if labels else ()
        for value in values:
            (histogram.labels(*names) if labels else histogram).observe(value)
        many.observe(names, values[:2])
        many.observe(names, values[2:])
        many.observe(names, ())
        exported.append((generate_latest(batch), generate_latest(plain)))
    for ours, expected in exported:
        assert ours == expected
