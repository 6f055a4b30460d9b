"""The made-up history of Prometheus keeps what PromQL relies on."""

import re
from collections import defaultdict

import pytest

from dashboards.preview.history import HOUR, Hours, Sample, write_history
from dashboards.preview.queries import TimeRange, promql, sql
from dashboards.preview.units import written
from dashboards.series import LAST_HOUR_SHARE

ENDS = 1_790_000_000.0 // HOUR * HOUR
BEGINS = ENDS - 48 * HOUR
LINE = re.compile(r"(\S+?)\{(.*)\} (\S+) (\d+)")


def history(*samples: Sample, hours: Hours | None = None) -> dict[str, list[tuple[int, float]]]:
    """Series -> its points."""
    lines = list(write_history(list(samples), hours or {}, BEGINS, ENDS))
    assert lines.pop() == "# EOF\n"
    series = defaultdict(list)
    for line in lines:
        found = LINE.fullmatch(line.strip())
        assert found, line
        series[f"{found[1]}{{{found[2]}}}"].append((int(found[4]), float(found[3])))
    return series


def sample(name: str, value: float = 0, rate: float = 0, **labels: str) -> Sample:
    return Sample({"__name__": name, **labels}, value, rate)


def test_buckets_grow_and_stay_sorted() -> None:
    counts = {"0.1": 1.0, "1.0": 3.0, "+Inf": 4.0}
    series = history(*(sample("liuyan_x_seconds_bucket", rate=rate, le=le) for le, rate in counts.items()))
    low, middle, high = (series[f'liuyan_x_seconds_bucket{{le="{le}"}}'] for le in counts)
    for points in (low, middle, high):
        values = [value for _, value in points]
        assert values == sorted(values)
        assert values[-1] > values[0]
    assert all(a[1] <= b[1] <= c[1] for a, b, c in zip(low, middle, high, strict=True))


def test_the_last_hour_is_that_of_mysql() -> None:
    hours = {("forum", ENDS - 2 * HOUR): (10, 4)}
    series = history(
        sample("liuyan_last_hour_comments", platform="forum", label="negative"),
        sample(LAST_HOUR_SHARE, platform="forum"),
        hours=hours,
    )
    counts = dict(series['liuyan_last_hour_comments{platform="forum",label="negative"}'])
    assert {time for time, value in counts.items() if value == 4} == {
        int(ENDS - HOUR + 300 * step) for step in range(12)
    }
    assert {value for _, value in series[f'{LAST_HOUR_SHARE}{{platform="forum"}}']} == {0.4}


def test_labels_are_escaped() -> None:
    assert list(history(sample("up", 1, path='a"b\\c'))) == ['up{path="a\\"b\\\\c"}']


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.25, "s", "250 ms"),
        (5_400, "s", "90 min"),
        (0.1234, "percentunit", "12.3 %"),
        (3 * 2**20, "bytes", "3 MiB"),
        (12_500, "short", "12.5 k"),
        (2_048, "Bps", "2 KiB/s"),
    ],
)
def test_values_are_written_in_their_units(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text


def test_variables_are_replaced() -> None:
    shown = TimeRange(1_000.0, 22_600.0)
    assert shown.step(None) == 120
    assert shown.step("1h") == 3_600
    assert (
        promql("rate(a[$__rate_interval]) + increase(b[$__range])", shown, 120) == "rate(a[135s]) + increase(b[21600s])"
    )
    statement = "SELECT $__timeGroupAlias(hour, $__interval) WHERE p IN (${p:sqlstring}) AND $__timeFilter(hour)"
    assert sql(statement, shown, 3_600, {"p": ["a", "b'c"]}) == (
        "SELECT UNIX_TIMESTAMP(hour) DIV 3600 * 3600 AS \"time\" WHERE p IN ('a','b''c') "
        "AND hour BETWEEN FROM_UNIXTIME(1000) AND FROM_UNIXTIME(22600)"
    )
