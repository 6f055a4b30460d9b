"""A histogram that observes many values at a time."""

from collections.abc import Iterator, Sequence
from threading import Lock

import numpy
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from liuyan.metrics.metric import Metric


class _Series:
    """The observations with one combination of label values: a count per bucket, the last one without limit."""

    def __init__(self, buckets: int) -> None:
        self.counts: NDArray[numpy.int64] = numpy.zeros(buckets, numpy.int64)
        self.total = 0.0


class BatchHistogram(Collector):
    """Exports like prometheus_client's Histogram, which takes a microsecond for each value. Thread-safe."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        self._metric = metric
        self._bounds = numpy.array(metric.buckets)
        self._limits = [*map(floatToGoString, metric.buckets), "+Inf"]
        self._lock = Lock()
        self._series: dict[tuple[str, ...], _Series] = {}
        if not metric.labels:
            self.observe((), ())
        registry.register(self)

    def observe(self, labels: tuple[str, ...], values: Sequence[float]) -> None:
        """Add values to the series with these label values."""
        observed = numpy.array(values, numpy.float64)
        # A bucket includes its upper limit.
        places = numpy.searchsorted(self._bounds, observed, side="left")
        counts = numpy.bincount(places, minlength=len(self._limits))
        with self._lock:
            series = self._series.setdefault(labels, _Series(len(self._limits)))
            series.counts += counts
            series.total += float(observed.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the current values."""
        family = HistogramMetricFamily(self._metric.family, self._metric.description, labels=self._metric.labels)
        with self._lock:
            for labels, series in self._series.items():
                cumulative = series.counts.cumsum().tolist()
                family.add_metric(labels, list(zip(self._limits, cumulative, strict=True)), series.total)
        yield family
