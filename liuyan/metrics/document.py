"""Generate ``docs/metrics.md`` from the declared metrics: ``python -m liuyan.metrics.document > docs/metrics.md``."""

import sys
from collections.abc import Iterator, Sequence

from liuyan.metrics.api import API
from liuyan.metrics.consumer import CONSUMER
from liuyan.metrics.database import DATABASE
from liuyan.metrics.metric import Metric
from liuyan.metrics.process import PROCESS, SHARED

HEADER = """\
# Metrics

The consumer and a shadow serve their metrics at `/metrics` of `LIUYAN_CONSUMER_ADDRESS`, the API at `/metrics` of
`LIUYAN_API_ADDRESS`. A histogram exports `NAME_bucket`, `NAME_sum` and `NAME_count`. The label `model` is the first 12
digits of a model's SHA-256. No label contains a user name, a text, the id of a comment or a token.

`make metrics-doc` generates this page from the declarations in [liuyan/metrics/](../liuyan/metrics/__init__.py).
"""
SECTIONS: tuple[tuple[str, str, Sequence[Metric]], ...] = (
    ("Consumer", "", CONSUMER),
    ("API", "", API),
    (
        "Database",
        "Each API process reads these from the database every 45 seconds. All processes export the same values:\n"
        "aggregate them with `max by`, not `sum`. A metric is absent while its query fails.",
        DATABASE,
    ),
    ("Consumer, shadow and API", "", SHARED),
    ("Process", "The consumer, a shadow and the API export these on Linux.", PROCESS),
)


def metrics_document() -> str:
    """Return the content of ``docs/metrics.md``."""
    return "\n".join([HEADER, *(line for section in SECTIONS for line in _section(*section))])


def _section(title: str, note: str, metrics: Sequence[Metric]) -> Iterator[str]:
    yield f"## {title}\n"
    if note:
        yield f"{note}\n"
    yield "| Metric | Type | Unit | Labels | Meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.description} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(metrics_document())
