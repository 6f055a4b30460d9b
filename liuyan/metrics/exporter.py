"""Create the prometheus_client objects of declared metrics."""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from liuyan.metrics.batch_histogram import BatchHistogram
from liuyan.metrics.metric import Kind, Metric


class Exporter:
    """Creates the metrics of one program by name, and the process's metrics, in ``registry``.

    The methods raise KeyError for a metric that is not declared with that type.
    """

    def __init__(self, declared: Sequence[Metric], registry: CollectorRegistry) -> None:
        # Otherwise every series of a counter or histogram has a second one with the time of its creation.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._declared = {(metric.kind, metric.name): metric for metric in declared}
        self._registry = registry
        ProcessCollector(registry=registry)

    def counter(self, name: str) -> Counter:
        """Create a counter."""
        metric = self._declared[Kind.COUNTER, name]
        return Counter(metric.family, metric.description, metric.labels, registry=self._registry)

    def gauge(self, name: str) -> Gauge:
        """Create a gauge."""
        metric = self._declared[Kind.GAUGE, name]
        return Gauge(metric.family, metric.description, metric.labels, registry=self._registry)

    def histogram(self, name: str) -> Histogram:
        """Create a histogram."""
        metric = self._declared[Kind.HISTOGRAM, name]
        return Histogram(
            metric.family, metric.description, metric.labels, buckets=metric.buckets, registry=self._registry
        )

    def batch_histogram(self, name: str) -> BatchHistogram:
        """Create a histogram that observes many values at a time."""
        return BatchHistogram(self._declared[Kind.HISTOGRAM, name], self._registry)

    def info(self, name: str) -> Info:
        """Create an info, which has no labels until it is set."""
        metric = self._declared[Kind.INFO, name]
        return Info(metric.family, metric.description, registry=self._registry)
