"""Five weeks of Prometheus history, made up from a minute of real series.

Every series that Prometheus scraped or recorded becomes longer: counters grow with the time of day, gauges vary around
their value, and a few behave as they do in practice: the lag has a bump, ages grow until somebody reviews. Comments of
the last hour are the real ones in MySQL. The series that panels show over weeks get five weeks, all others some hours.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import pi, sin

from dashboards.preview.days import busyness
from dashboards.series import DRIFT, LAST_HOUR_COMMENTS, LAST_HOUR_SHARE, PROBABILITY_SHARE

HOUR, DAY = 3_600.0, 86_400.0
LONG_STEP, SHORT_STEP, SHORT = 300.0, 60.0, 7 * HOUR
COUNTERS = ("_total", "_bucket", "_sum", "_count")
GROWING = (
    "liuyan_reviews",
    "liuyan_corrections",
    "liuyan_audit_sample_comments",
    "liuyan:reviews",
    "liuyan:corrections",
)
ACCURACY = ("liuyan_audit_accuracy_ratio", "liuyan_audit_accuracy_lower_ratio", "liuyan_audit_accuracy_upper_ratio")
AGES = "liuyan_review_queue_oldest_age_seconds"
LENGTHS = "liuyan_review_queue_comments"
CONSTANT = ("liuyan_model_card_accuracy_ratio", "process_start_time_seconds")
# Comments waited for the active model after a promotion PROMOTED_DAYS ago.
MISSING, MISSING_AGE = "liuyan_missing_predictions", "liuyan_missing_predictions_oldest_age_seconds"
PROMOTED_DAYS, MISSING_SECONDS, MISSING_COMMENTS = 5, 1_500.0, 420
# A replay began REPLAY_SECONDS ago.
REPLAY_DONE = ("liuyan_replay_records_done", "liuyan_replay_comments")
REPLAY_LEFT, REPLAY_SECONDS = "liuyan_replay_records_remaining", 2 * HOUR
OF_HOURS = ("liuyan_last_hour_comments", LAST_HOUR_COMMENTS, LAST_HOUR_SHARE)
LONG = {
    *(*GROWING, *ACCURACY, AGES, LENGTHS, *OF_HOURS, PROBABILITY_SHARE, DRIFT),
    *("liuyan_model_card_accuracy_ratio", "liuyan_model_loading", "liuyan_model_load_failures_total"),
    *("liuyan_model_behind_seconds", MISSING, MISSING_AGE),
}
# The lag rises for twenty minutes and falls again, once.
BUMP_BEFORE, BUMP_LENGTH, BUMP_SECONDS = 3 * HOUR, 2_400.0, 210.0
LAG_SECONDS = ("liuyan_consumer_lag_seconds", "liuyan:lag_seconds")
LAG_RECORDS = ("liuyan_consumer_lag", "liuyan:readable_lag")
# Within these days reviewers began to work.
REVIEWED_DAYS = 21


@dataclass(frozen=True, slots=True)
class Sample:
    """A series: its labels (with ``__name__``), its value, and its rate per second if it is a counter."""

    labels: Mapping[str, str]
    value: float
    rate: float

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.labels["__name__"]


# (platform, hour in seconds since 1970) -> (comments, negative ones)
Hours = Mapping[tuple[str, float], tuple[int, int]]
Points = Iterator[tuple[float, float]]


def write_history(samples: list[Sample], hours: Hours, begins: float, ends: float) -> Iterator[str]:
    """Yield the lines of an OpenMetrics file with the history of all series until ``ends``."""
    for sample in sorted(samples, key=lambda one: sorted(one.labels.items())):
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items() if name != "__name__")
        for time, value in _points(sample, hours, begins, ends):
            yield f"{sample.name}{{{labels}}} {value:g} {time:.0f}\n"
    yield "# EOF\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _points(sample: Sample, hours: Hours, begins: float, ends: float) -> Points:
    if sample.name in LONG:
        first, step = begins, LONG_STEP
    else:
        first, step = ends - SHORT, SHORT_STEP
    times = [first + step * number for number in range(int((ends - first) / step))]
    if sample.name.endswith(COUNTERS):
        return _counter(sample, times, step)
    if sample.name in OF_HOURS:
        return _of_hours(sample, hours, times)
    if sample.name in (*REPLAY_DONE, REPLAY_LEFT):
        times = [time for time in times if time >= ends - REPLAY_SECONDS]
    gauge = _gauge_of(sample)
    return ((time, gauge(time, ends)) for time in times)


def _counter(sample: Sample, times: list[float], step: float) -> Points:
    """Yield a counter that grows with the time of day. All buckets of a histogram vary alike, so they stay sorted."""
    family = {name: value for name, value in sample.labels.items() if name not in ("le", "__name__")}
    stem = sample.name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
    chance, total, busy_now = _chance(stem, family), 0.0, busyness(_utc(times[-1]))
    for time in times:
        total += sample.rate * step * busyness(_utc(time)) / busy_now * chance.uniform(0.8, 1.2)
        yield time, total


def _of_hours(sample: Sample, hours: Hours, times: list[float]) -> Points:
    """Yield what the API would have read from MySQL: the counts of the last complete hour."""
    platform, label = sample.labels["platform"], sample.labels.get("label")
    for time in times:
        comments, negative = hours.get((platform, time // HOUR * HOUR - HOUR), (0, 0))
        if sample.name == LAST_HOUR_SHARE:
            if comments:
                yield time, negative / comments
        else:
            by_label = {"negative": negative, "positive": comments - negative}
            yield time, comments if label is None else by_label.get(label, 0)


def _gauge_of(sample: Sample) -> Callable[[float, float], float]:
    """Return the gauge as a function of the time and the end of the history."""
    name, value, chance = sample.name, sample.value, _chance(sample.name, dict(sample.labels))
    if name in SHAPES:
        return partial(SHAPES[name], value)
    if name in ACCURACY:
        return _varying(value, chance, 0.004)
    if name in LAG_SECONDS or name in LAG_RECORDS:
        return partial(_lag, chance, 1.0 if name in LAG_SECONDS else 40.0)
    if name.endswith("timestamp_seconds"):
        return lambda time, ends: time - 1
    if name == DRIFT:
        return _varying(0.04, chance, 0.4)
    if name in CONSTANT or (value == round(value) and abs(value) < 20):
        return lambda time, ends: value
    return _varying(value, chance, 0.02 if name.endswith("_ratio") or name == PROBABILITY_SHARE else 0.1)


def _varying(value: float, chance: random.Random, share: float) -> Callable[[float, float], float]:
    """Return a gauge that varies by ``share`` of its value, mostly slowly."""
    waves = [(period, chance.uniform(0, 2 * pi)) for period in (9 * HOUR, HOUR)]

    def varying(time: float, ends: float) -> float:
        slowly = sum(sin(2 * pi * time / period + phase) for period, phase in waves) / len(waves)
        return value * (1 + share * (0.8 * slowly + 0.2 * chance.uniform(-1, 1)))

    return varying


def _growing(value: float, time: float, ends: float) -> float:
    """Return a count that began REVIEWED_DAYS ago and grows while people work."""
    begun = ends - REVIEWED_DAYS * DAY
    return float(round(value * max(0.0, (time - begun) / (ends - begun)) ** 0.9))


def _age(value: float, time: float, ends: float) -> float:
    """Return an age that grows to its value, and fell back each time that somebody took the oldest comment."""
    return (value - (ends - time)) % max(1.5 * value, DAY)


def _done(value: float, time: float, ends: float) -> float:
    return float(round(value * (1 - (ends - time) / REPLAY_SECONDS)))


def _left(value: float, time: float, ends: float) -> float:
    return float(round(value * (1 + 2 * (ends - time) / REPLAY_SECONDS)))


def _missing(most: float, value: float, time: float, ends: float) -> float:
    """Return a value that fell from ``most`` after the promotion."""
    since = time - (ends - PROMOTED_DAYS * DAY)
    return value + float(round(most * max(0.0, 1 - since / MISSING_SECONDS))) if since >= 0 else value


def _lag(chance: random.Random, records_a_second: float, time: float, ends: float) -> float:
    since = time - (ends - BUMP_BEFORE)
    bump = max(0.0, 1 - abs(2 * since / BUMP_LENGTH - 1)) if 0 <= since <= BUMP_LENGTH else 0.0
    return records_a_second * (BUMP_SECONDS * bump + chance.uniform(0.1, 1.5))


def _chance(name: str, labels: Mapping[str, str]) -> random.Random:
    return random.Random(f"{name} {sorted(labels.items())}")  # noqa: S311 - not a secret


def _utc(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)


# Gauges with a history of their own, as functions of their value now, the time and the end of the history.
SHAPES: Mapping[str, Callable[[float, float, float], float]] = {
    **dict.fromkeys(GROWING, _growing),
    AGES: _age,
    MISSING: partial(_missing, MISSING_COMMENTS),
    MISSING_AGE: partial(_missing, MISSING_SECONDS),
    **dict.fromkeys(REPLAY_DONE, _done),
    REPLAY_LEFT: _left,
}
