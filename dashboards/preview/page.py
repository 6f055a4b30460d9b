"""Draw a dashboard as an HTML page: Grafana's grid, titles, units, thresholds and legends, with Plotly's charts."""

import html
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dashboards.preview.queries import Answer, Json, Rows, Series, TimeRange
from dashboards.preview.units import scale_of, written

WIDTH, COLUMNS, CELL, GAP = 1600, 24, 30, 8
DAY = 86_400
COLORS = {
    "green": "#56a64b",
    "red": "#e02f44",
    "yellow": "#d9a300",
    "orange": "#ff780a",
    "blue": "#3274d9",
    "purple": "#a352cc",
    "super-light-purple": "#b877d9",
    "text": "#24292e",
}
PALETTE = (
    *("#56a64b", "#d9a300", "#3274d9", "#ff780a", "#a352cc", "#37872d", "#e02f44", "#8f3bb8", "#1f60c4", "#ad6800"),
    *("#5794f2", "#b877d9"),
)
PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ margin: 0; background: #f4f5f5; color: #24292e; width: {width}px;
  font: 14px Inter, "Noto Sans", "Noto Sans CJK SC", "Helvetica Neue", Arial, sans-serif }}
header {{ height: 48px; padding: 0 16px; display: flex; align-items: center; gap: 16px; background: #fff;
  border-bottom: 1px solid #d8dadd }}
h1 {{ font-size: 18px; margin: 0 }}
header span {{ color: #5a5f66 }}
main {{ position: relative; margin: 8px 16px 16px; height: {height}px }}
section, h2 {{ position: absolute; box-sizing: border-box; margin: 0 }}
h2 {{ font-size: 15px; line-height: 30px }}
section {{ background: #fff; border: 1px solid #d8dadd; border-radius: 2px; padding: 6px 8px; overflow: hidden }}
h3 {{ font-size: 14px; font-weight: 500; margin: 0 0 2px; white-space: nowrap }}
.values {{ display: flex; height: calc(100% - 24px); align-items: center; justify-content: space-around; gap: 12px }}
.values div {{ text-align: center; white-space: nowrap }}
.values b {{ display: block; font-weight: 500 }}
.none {{ color: #5a5f66; text-align: center; padding-top: 40px }}
table {{ border-collapse: collapse; width: 100%; font-size: 13px }}
th, td {{ text-align: left; padding: 3px 8px; border-bottom: 1px solid #e4e5e7 }}
th {{ color: #1f60c4; font-weight: 500 }}
a {{ color: #1f60c4 }}
</style>
<script src="plotly.min.js"></script>
<header><h1>{title}</h1><span>{description}</span></header><main>{panels}</main>
<script>for (const [id, data, layout] of {charts})
  Plotly.newPlot(id, data, layout, {{ staticPlot: true, responsive: false }});
document.body.dataset.drawn = "yes";</script></html>
"""


def page(dashboard: Json, answers: dict[int, list[Answer]], shown: TimeRange, language: str) -> str:
    """Return the page of a dashboard; ``answers`` are its panels' results by the panel's id."""
    parts, charts, bottom = [], [], 0
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        bottom = max(bottom, place.get("y", 0) + place["h"])
        if panel["type"] == "row":
            parts.append(f'<h2 style="{_box(place)}">{html.escape(panel["title"])}</h2>')
            continue
        content, chart = _content(panel, answers[panel["id"]], shown)
        title = html.escape(panel["title"])
        parts.append(f'<section style="{_box(place)}"><h3>{title}</h3>{content}</section>')
        charts += [chart] if chart else []
    return PAGE.format(
        language=language,
        title=html.escape(dashboard["title"]),
        description=html.escape(dashboard["description"]),
        width=WIDTH,
        height=bottom * (CELL + GAP),
        panels="".join(parts),
        charts=json.dumps(charts),
    )


def _box(place: Json) -> str:
    left, top, width, height = _pixels(place)
    return f"left:{left}px;top:{top}px;width:{width}px;height:{height}px"


def _pixels(place: Json) -> tuple[float, float, float, float]:
    column = (WIDTH - 32 + GAP) / COLUMNS
    left, top = place.get("x", 0) * column, place.get("y", 0) * (CELL + GAP)
    return left, top, place["w"] * column - GAP, place["h"] * (CELL + GAP) - GAP


def _content(panel: Json, answers: Sequence[Answer], shown: TimeRange) -> tuple[str, list[Any] | None]:
    """Return a panel's HTML and, for a chart, the arguments of Plotly."""
    if panel["type"] == "table":
        return _table(panel, answers[0]), None
    if panel["type"] == "stat":
        return _statistic(panel, answers), None
    series = [one for found in answers if not isinstance(found, Rows) for one in found]
    if not any(one.points for one in series):
        return f'<p class="none">{html.escape(_defaults(panel).get("noValue", ""))}</p>', None
    _, _, width, height = _pixels(panel["gridPos"])
    name = f"panel-{panel['id']}"
    layout = _layout(panel, series, shown, width - 18, height - 38)
    return f'<div id="{name}"></div>', [name, _traces(panel, series, shown.step(panel.get("interval"))), layout]


def _defaults(panel: Json) -> Json:
    defaults: Json = panel["fieldConfig"]["defaults"]
    return defaults


def _overrides(panel: Json, name: str) -> dict[str, Any]:
    """Return the properties of a column or series that the panel overrides."""
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == name:
            return {one["id"]: one["value"] for one in override["properties"]}
    return {}


def _color(name: str) -> str:
    return COLORS.get(name, name)


def _statistic(panel: Json, answers: Sequence[Answer]) -> str:
    defaults, values = _defaults(panel), list[tuple[str, float]]()
    for found in answers:
        if isinstance(found, Rows):
            values += [("", float(row[0])) for row in found.rows if row[0] is not None]
        else:
            values += [(one.name, one.points[-1][1]) for one in found if one.points]
    size = 40 if len(values) == 1 else 26
    parts = []
    for name, value in values:
        steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
        text = written(value, defaults["unit"], defaults.get("decimals"))
        label = html.escape(name) if len(values) > 1 else ""
        parts.append(f'<div>{label}<b style="font-size:{size}px;color:{_color(steps[-1]["color"])}">{text}</b></div>')
    return f'<div class="values">{"".join(parts)}</div>'


def _table(panel: Json, found: Answer) -> str:
    assert isinstance(found, Rows)  # noqa: S101 - a table panel has a query for a table
    overrides = {column: _overrides(panel, column) for column in found.columns}
    shown = [column for column in found.columns if not overrides[column].get("custom.hidden")]
    head = "".join(f"<th>{html.escape(overrides[column].get('displayName', column))}</th>" for column in shown)
    body = ""
    for row in found.rows:
        named = dict(zip(found.columns, row, strict=True))
        body += "<tr>" + "".join(_cell(named[column], overrides[column]) for column in shown) + "</tr>"
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any, override: Json) -> str:
    text = html.escape(str(value))
    if isinstance(value, int | float):
        text = written(value, override.get("unit", "none"), override.get("decimals"))
    link = '<a href="#">{}</a>' if "links" in override else "{}"
    return f"<td>{link.format(text)}</td>"


def _traces(panel: Json, series: Sequence[Series], step: int) -> list[dict[str, Any]]:
    defaults = _defaults(panel)
    custom = defaults["custom"]
    stacking = custom.get("stacking", {}).get("mode", "none")
    scale = _scale(panel, series)
    traces = []
    for number, one in enumerate(sorted(series, key=lambda found: found.name)):
        override = _overrides(panel, one.name)
        color = _color(override.get("color", {}).get("fixedColor", PALETTE[number % len(PALETTE)]))
        last = written(one.points[-1][1], defaults["unit"], defaults.get("decimals"), scale) if one.points else ""
        name = override.get("displayName", one.name)
        trace: dict[str, Any] = {
            "x": [_written_time(time) for time, _ in one.points],
            "y": [value / scale[0] for _, value in one.points],
            # Shares are computed by Plotly, so the last value itself says little.
            "name": f"{name}" if stacking == "percent" else f"{name}  {last}",
        }
        if custom.get("drawStyle") == "bars":
            trace |= {"type": "bar", "marker": {"color": color}, "width": 800 * step}
        else:
            trace |= {"type": "scatter", "mode": "lines", "line": {"color": color, "width": custom["lineWidth"]}}
            trace |= {"marker": {"color": color}}
            if stacking in ("normal", "percent"):
                trace |= {"stackgroup": "A", "groupnorm": "percent" if stacking == "percent" else ""}
            elif len(one.points) == 1:
                trace["mode"] = "markers"
        traces.append(trace)
    return traces


def _written_time(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _scale(panel: Json, series: Sequence[Series]) -> tuple[float, str]:
    largest = max((abs(value) for one in series for _, value in one.points), default=0)
    steps = [step["value"] for step in _defaults(panel)["thresholds"]["steps"] if step["value"] is not None]
    return scale_of(_defaults(panel)["unit"], max([largest, *steps]))


def _layout(panel: Json, series: Sequence[Series], shown: TimeRange, width: float, height: float) -> dict[str, Any]:
    defaults = _defaults(panel)
    percent = defaults["custom"].get("stacking", {}).get("mode") == "percent"
    divisor, suffix = (1.0, " %") if percent else _scale(panel, series)
    lowest = defaults["min"] / divisor if defaults.get("min") is not None else None
    highest = defaults["max"] / divisor if defaults.get("max") is not None else None
    steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is not None]
    lines = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": step["value"] / divisor,
            "y1": step["value"] / divisor,
            "line": {"color": _color(step["color"]), "dash": "dash", "width": 1.5},
        }
        for step in steps
    ]
    return {
        "width": width,
        "height": height,
        "margin": {"l": 66, "r": 12, "t": 6, "b": 52},
        "font": {"size": 12, "family": "Inter, Noto Sans, Noto Sans CJK SC, Arial, sans-serif"},
        "barmode": "stack",
        "bargap": 0.1,
        "xaxis": {
            "type": "date",
            "gridcolor": "#e8e9eb",
            "nticks": 7,
            "range": [_written_time(shown.begins), _written_time(shown.ends)],
            "tickformat": "%m-%d" if shown.ends - shown.begins > 2 * DAY else "%H:%M",
        },
        "yaxis": {
            "gridcolor": "#e8e9eb",
            "ticksuffix": suffix,
            "range": None if highest is None else [lowest, highest],
            "rangemode": "tozero" if lowest == 0 else "normal",
            "nticks": 6,
            "ticks": "outside",
            "tickcolor": "#fff",
            "zeroline": False,
        },
        "legend": {"orientation": "h", "y": -0.13, "yanchor": "top", "x": 0, "font": {"size": 11}},
        "showlegend": True,
        "shapes": lines,
        "plot_bgcolor": "#fff",
        "paper_bgcolor": "#fff",
    }
