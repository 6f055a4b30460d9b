"""Recorded series and PromQL parts that alerts and panels share.

Every API process exports the metrics that it reads from the database, so those are aggregated with ``max by``.
"""

from dataclasses import dataclass

from liuyan.metrics.consumer import CONSUMER


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording rule. ``labels`` are added to its series."""

    name: str
    expression: str
    labels: tuple[tuple[str, str], ...] = ()


REVIEWS = "liuyan:reviews"
CORRECTIONS = "liuyan:corrections"
CARD_ACCURACY = "max by (model) (liuyan_model_card_accuracy_ratio)"
LAST_HOUR_SHARE = "liuyan:negative_share:last_hour"
LAST_HOUR_COMMENTS = "liuyan:comments:last_hour"
PROBABILITY_SHARE = "liuyan:probability_share:1d"
DRIFT = "liuyan:probability_drift:1d"
PROBABILITIES = "liuyan_consumer_prediction_probability_ratio"
API_WINDOWS = ("5m", "30m", "1h", "6h")
# The bucket of the API's latency objective, in seconds.
SLOW_SECONDS = "1.0"
# Shares below this count as this much: the index would be infinite for an empty bin.
SMALLEST_SHARE = 0.0001
# With fewer predictions in a day the index is mostly chance: this many alone cause an index of about 0.02.
DRIFT_PREDICTIONS = 500


def by_group(series: str) -> str:
    """Return a consumer's series with its consumer group as a label.

    A process exports more than one model while it switches, so the info metric is aggregated first.
    """
    return f"{series} * on (job, instance) group_left (group) max by (job, instance, group) (liuyan_model_info)"


def api_errors(window: str) -> str:
    """Return the recorded share of requests with a server error in ``window``."""
    return f"liuyan:api_errors:ratio_rate{window}"


def api_slow(window: str) -> str:
    """Return the recorded share of requests slower than SLOW_SECONDS in ``window``."""
    return f"liuyan:api_slow:ratio_rate{window}"


def _api(window: str) -> tuple[Recorded, Recorded]:
    requests = f"sum(rate(liuyan_api_requests_total[{window}]))"
    errors = f'sum(rate(liuyan_api_requests_total{{status=~"5.."}}[{window}])) or vector(0)'
    seconds = "liuyan_api_request_duration_seconds"
    quick = f'sum(rate({seconds}_bucket{{le="{SLOW_SECONDS}"}}[{window}]))'
    return (
        Recorded(api_errors(window), f"({errors}) / ({requests} > 0)"),
        Recorded(api_slow(window), f"1 - {quick} / (sum(rate({seconds}_count[{window}])) > 0)"),
    )


def probability_bins() -> list[str]:
    """Return the upper bounds of the probability histogram as Prometheus writes them."""
    [metric] = [one for one in CONSUMER if one.name == PROBABILITIES]
    return [str(float(bound)) for bound in metric.buckets]


def _probability_shares() -> list[Recorded]:
    """Return one rule per bin: the share of a model's predictions in the last day between two bounds."""
    found = []
    total = f"sum by (model) (increase({PROBABILITIES}_count[1d]))"
    for lower, upper in zip([None, *probability_bins()], probability_bins(), strict=False):
        up_to = f'sum by (model) (increase({PROBABILITIES}_bucket{{le="{upper}"}}[1d]))'
        below = f' - sum by (model) (increase({PROBABILITIES}_bucket{{le="{lower}"}}[1d]))' if lower else ""
        expression = f"({up_to}{below}) / ({total} > 0)"
        found.append(Recorded(PROBABILITY_SHARE, expression, (("bin", f"{lower or '0.0'}-{upper}"),)))
    return found


def _drift() -> Recorded:
    """Return the population stability index of the last day's probabilities against the four weeks before.

    Models with few predictions in the last day have none.
    """
    now = f"clamp_min({PROBABILITY_SHARE}, {SMALLEST_SHARE:g})"
    usual = f"clamp_min(avg_over_time({PROBABILITY_SHARE}[4w] offset 1d), {SMALLEST_SHARE:g})"
    enough = f"sum by (model) (increase({PROBABILITIES}_count[1d])) >= {DRIFT_PREDICTIONS}"
    return Recorded(DRIFT, f"sum by (model) (({now} - {usual}) * ln({now} / {usual})) and {enough}")


_COMMENTS = "max by (platform, label) (liuyan_last_hour_comments)"
_NEGATIVE = 'max by (platform) (liuyan_last_hour_comments{label="negative"})'
_READABLE = "liuyan_consumer_lag unless on (job, instance, topic, partition) liuyan_consumer_partition_paused == 1"
RECORDED = (
    Recorded("liuyan:lag_seconds", f"max by (group, topic, partition) ({by_group('liuyan_consumer_lag_seconds')})"),
    Recorded("liuyan:readable_lag", f"sum by (group) ({by_group(f'({_READABLE})')})"),
    Recorded(REVIEWS, "max by (model) (liuyan_reviews)"),
    Recorded(CORRECTIONS, "max by (model) (liuyan_corrections)"),
    Recorded(LAST_HOUR_COMMENTS, f"sum by (platform) ({_COMMENTS})"),
    Recorded(LAST_HOUR_SHARE, f"{_NEGATIVE} / (sum by (platform) ({_COMMENTS}) > 0)"),
    *(rule for window in API_WINDOWS for rule in _api(window)),
)
# Evaluated every few minutes: they read a day of histograms, and a month of their own values.
RECORDED_SLOWLY = (*_probability_shares(), _drift())
