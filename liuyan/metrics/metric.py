"""The declaration of a metric."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The types of Prometheus metrics that Liuyan uses."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric under the name that PromQL uses; a histogram exports ``name`` with _bucket, _sum and _count.

    ``unit`` is what a value counts or measures: seconds, bytes, ratio (0..1), records and so on. ``zh`` is the
    description in Chinese. ``buckets`` are the upper bounds of a histogram, without +Inf.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    zh: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def family(self) -> str:
        """The name that prometheus_client expects, without the suffix that it adds to counters and infos."""
        return self.name.removesuffix({Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(self.kind, ""))
