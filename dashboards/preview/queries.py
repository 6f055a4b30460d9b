"""Answer a panel's queries as Grafana does: replace its variables and macros, and ask Prometheus or MySQL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx2 as httpx
import pymysql

from dashboards.preview.stack import Stack

# The scrape interval of the provisioned data source.
SCRAPE_SECONDS = 15
# Points of a line, and the time that Grafana calls 1d, 1h and so on.
POINTS = 180
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
STEPS = (15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A dashboard's time range in seconds since 1970."""

    begins: float
    ends: float

    def step(self, shortest: str | None) -> int:
        """Return the seconds between two points, at least the panel's interval."""
        wanted = max((self.ends - self.begins) / POINTS, seconds_of(shortest) if shortest else 0)
        return next(step for step in STEPS if step >= wanted or step == STEPS[-1])


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, and its points by time in seconds; a point without a value is left out."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


Answer = Sequence[Series] | Rows


def seconds_of(duration: str) -> int:
    """Return the seconds of a duration such as 6h."""
    return int(duration[:-1]) * SECONDS[duration[-1]]


def time_range(dashboard: Json, now: float) -> TimeRange:
    """Return the range that a dashboard shows at first."""
    return TimeRange(now - seconds_of(dashboard["time"]["from"].removeprefix("now-")), now)


def answers(stack: Stack, dashboard: Json, panel: Json, shown: TimeRange) -> list[Answer]:
    """Run every query of a panel. Raises httpx.HTTPStatusError or pymysql.MySQLError if a server refuses one."""
    return [answer(stack, dashboard, panel, target, shown) for target in panel["targets"]]


def answer(stack: Stack, dashboard: Json, panel: Json, target: Json, shown: TimeRange) -> Answer:
    """Run one query."""
    step = shown.step(panel.get("interval"))
    if "expr" in target:
        return _metric(stack, target, shown, step)
    with pymysql.connect(**stack.mysql, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        chosen = _chosen(cursor, dashboard, shown)
        cursor.execute(sql(target["rawSql"], shown, step, chosen))
        columns = [column[0] for column in cursor.description or ()]
        rows = [[_plain(value) for value in row] for row in cursor.fetchall()]
    return _series(columns, rows) if target["format"] == "time_series" else Rows(columns, rows)


def promql(expression: str, shown: TimeRange, step: int) -> str:
    """Replace Grafana's variables in a PromQL expression."""
    values = {
        "$__rate_interval": max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS),
        "$__range": round(shown.ends - shown.begins),
        "$__interval": step,
    }
    for name, seconds in values.items():
        expression = expression.replace(name, f"{seconds}s")
    return expression


def sql(statement: str, shown: TimeRange, step: int, chosen: Mapping[str, Sequence[str]]) -> str:
    """Replace Grafana's variables and macros in an SQL statement."""
    for name, values in chosen.items():
        listed = ",".join("'" + value.replace("'", "''") + "'" for value in values)
        statement = statement.replace(f"${{{name}:sqlstring}}", listed)
    within = rf"\1 BETWEEN FROM_UNIXTIME({shown.begins:.0f}) AND FROM_UNIXTIME({shown.ends:.0f})"
    statement = re.sub(r"\$__timeFilter\((\w+)\)", within, statement)
    group = rf'UNIX_TIMESTAMP(\1) DIV {step} * {step} AS "time"'
    return re.sub(r"\$__timeGroupAlias\((\w+), \$__interval\)", group, statement)


def _chosen(cursor: Any, dashboard: Json, shown: TimeRange) -> dict[str, list[str]]:
    """Return all values of each menu in the range, which is what a dashboard shows at first."""
    menus = [menu for menu in dashboard["templating"].get("list", []) if menu["type"] == "query"]
    chosen = {}
    for menu in menus:
        cursor.execute(sql(menu["query"], shown, 1, {}))
        chosen[menu["name"]] = [str(value) for (value,) in cursor.fetchall()]
    return chosen


def _metric(stack: Stack, target: Json, shown: TimeRange, step: int) -> list[Series]:
    expression = promql(target["expr"], shown, step)
    if target.get("instant"):
        path, times = "query", {"time": shown.ends}
    else:
        path, times = "query_range", {"start": shown.begins, "end": shown.ends, "step": step}
    response = httpx.get(f"{stack.prometheus}/api/v1/{path}", params={"query": expression, **times}, timeout=60)
    response.raise_for_status()
    return [
        Series(_legend(target["legendFormat"], one["metric"]), _points(one.get("values") or [one["value"]]))
        for one in response.json()["data"]["result"]
    ]


def _legend(template: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), template)


def _points(values: Sequence[tuple[float, str]]) -> list[tuple[float, float]]:
    return [(time, float(value)) for time, value in values if value not in ("NaN", "+Inf", "-Inf")]


def _series(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Series]:
    """Return one series per value of the column `metric`, or per column."""
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        named = dict(zip(columns, row, strict=True))
        time, metric = float(named.pop("time")), named.pop("metric", None)
        for column, value in named.items():
            points = series.setdefault(str(metric) if metric is not None else column, [])
            if value is not None:
                points.append((time, float(value)))
    return [Series(name, points) for name, points in series.items()]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat(" ", "minutes") if isinstance(value, datetime) else value


def is_empty(found: Answer) -> bool:
    """Return whether an answer has nothing to show."""
    if isinstance(found, Rows):
        return all(value is None for row in found.rows for value in row)
    return not any(series.points for series in found)
