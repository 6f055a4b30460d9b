"""Build Grafana's dashboards from the specification, with Grafana's own SDK."""

import json
from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from dashboards.alerts import Alert, Severity
from dashboards.specification import Choice, Dashboard, Draw, Field, Kind, Metric, Panel, Row, Rows
from dashboards.text import Language, Text

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="liuyan-prometheus")
MYSQL = DataSourceRef(type_val="mysql", uid="liuyan-mysql")
GRID_COLUMNS = 24
ADMIN_URL = "http://127.0.0.1:8000"
ALL = Text("All", "全部")
OTHER_LANGUAGE = Text("中文", "English")
COLORS = {Severity.WARNING: "orange", Severity.CRITICAL: "red"}
RUNBOOK = Text(
    "Alert: {name}. What to do is in docs/runbook.md#{anchor}.", "告警：{name}。处理步骤见 docs/runbook.md#{anchor}。"
)


class MySqlQuery(Dataquery):
    """A query of Grafana's MySQL data source, for which the SDK has no class."""

    def __init__(self, query: Rows, ref_id: str) -> None:
        self._query = query
        self._ref_id = ref_id

    def to_json(self) -> dict[str, object]:
        """Return the query as Grafana stores it."""
        return {
            "datasource": MYSQL,
            "editorMode": "code",
            "format": "time_series" if self._query.over_time else "table",
            "rawQuery": True,
            "rawSql": self._query.statement,
            "refId": self._ref_id,
        }


class _Built(Builder[Dataquery]):
    """An object that is complete, where the SDK expects a builder."""

    def __init__(self, query: Dataquery) -> None:
        self._query = query

    def build(self) -> Dataquery:
        return self._query


def dashboard_json(specification: Dashboard, language: Language) -> str:
    """Return the JSON of a dashboard in one language, as it is committed and provisioned."""
    built = json.loads(json.dumps(_dashboard(specification, language).build(), cls=JSONEncoder))
    return json.dumps(built, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def uid(name: str, language: Language) -> str:
    """Return the part of a dashboard's address that identifies it."""
    return f"liuyan-{name}-{language}"


def _dashboard(specification: Dashboard, language: Language) -> dashboard.Dashboard:
    other = Language.ZH if language is Language.EN else Language.EN
    built = (
        dashboard.Dashboard(specification.title[language])
        .uid(uid(specification.name, language))
        .description(specification.description[language])
        .tags([f"liuyan-{language}"])
        .time(specification.since, "now")
        .refresh("1m")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Liuyan")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([f"liuyan-{language}"])
            .keep_time(True)
        )
        .link(
            dashboard.DashboardLink(OTHER_LANGUAGE[language])
            .type(models.DashboardLinkType.LINK)
            .url(f"/d/{uid(specification.name, other)}")
            .keep_time(True)
        )
    )
    if any(field.link for row in specification.rows for panel in row.panels for field in panel.fields):
        label = Text("Admin app", "管理后台")[language]
        built.with_variable(dashboard.TextBoxVariable("admin_url").label(label).default_value(ADMIN_URL))
    for choice in specification.choices:
        built.with_variable(_variable(choice, language))
    _add_rows(built, specification.rows, language)
    return built


def _variable(choice: Choice, language: Language) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(choice.name)
        .label(choice.title[language])
        .datasource(MYSQL)
        .query(choice.query)
        .multi(True)
        .include_all(True)
        .current(models.VariableOption(text=ALL[language], value="$__all", selected=True))
        .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
    )


def _add_rows(built: dashboard.Dashboard, rows: Sequence[Row], language: Language) -> None:
    """Place each row's panels from left to right, in as many lines as they need."""
    top, number = 0, 1
    for row in rows:
        heading = models.GridPos(x=0, y=top, w=GRID_COLUMNS, h=1)
        built.with_row(dashboard.Row(row.title[language]).id(number).grid_pos(heading))
        top, left, tallest, number = top + 1, 0, 0, number + 1
        for panel in row.panels:
            if left + panel.width > GRID_COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            place = models.GridPos(x=left, y=top, w=panel.width, h=panel.height)
            built.with_panel(_panel(panel, language).id(number).grid_pos(place))
            left, tallest, number = left + panel.width, max(tallest, panel.height), number + 1
        top += tallest


def _panel(panel: Panel, language: Language) -> Any:
    """Return the SDK's builder of a panel: one of three classes with the same methods."""
    built: Any = {Kind.LINES: _lines, Kind.STAT: _statistic, Kind.TABLE: _table}[panel.kind](panel)
    built.title(panel.title[language]).description(description(panel, language)).unit(panel.unit)
    built.thresholds(_thresholds(panel.alerts))
    for number, query in enumerate(panel.queries):
        built.with_target(_target(query, chr(ord("A") + number), language))
    first = panel.queries[0]
    built.datasource(PROMETHEUS if isinstance(first, Metric) else MYSQL)
    for setting, value in (
        (built.min, panel.minimum),
        (built.max, panel.maximum),
        (built.decimals, panel.decimals),
        (built.no_value, panel.empty and panel.empty[language]),
        (built.interval, panel.interval),
    ):
        if value is not None:
            setting(value)
    for field in panel.fields:
        built.override_by_name(field.name, _override(field, language))
    return built


def description(panel: Panel, language: Language) -> str:
    """Return a panel's description: the advice, and where its alerts are explained."""
    alerts = [RUNBOOK[language].format(name=alert.name, anchor=alert.anchor) for alert in panel.alerts]
    return "\n\n".join([panel.advice[language], *alerts])


def _lines(panel: Panel) -> timeseries.Panel:
    stacking = common.StackingConfig().group("A").mode(common_models.StackingMode.NONE)
    built = timeseries.Panel().line_width(2).fill_opacity(0).show_points(common_models.VisibilityMode.NEVER)
    if panel.draw in (Draw.STACKED, Draw.SHARES):
        percent = panel.draw is Draw.SHARES
        stacking.mode(common_models.StackingMode.PERCENT if percent else common_models.StackingMode.NORMAL)
        built.fill_opacity(60).line_width(1)
    if panel.draw is Draw.BARS:
        built.draw_style(common_models.GraphDrawStyle.BARS).fill_opacity(80).line_width(0)
        stacking.mode(common_models.StackingMode.NORMAL)
    if any(alert.threshold is not None for alert in panel.alerts):
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        built.thresholds_style(style)
    legend = common.VizLegendOptions().show_legend(True).placement(common_models.LegendPlacement.BOTTOM)
    legend.display_mode(common_models.LegendDisplayMode.LIST).calcs(["lastNotNull"])
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    tooltip.sort(common_models.SortOrder.DESCENDING)
    return built.stacking(stacking).legend(legend).tooltip(tooltip)


def _statistic(panel: Panel) -> stat.Panel:
    reduce = common.ReduceDataOptions().calcs(["lastNotNull"])
    color = common_models.BigValueColorMode.VALUE
    return stat.Panel().reduce_options(reduce).color_mode(color).graph_mode(common_models.BigValueGraphMode.NONE)


def _table(panel: Panel) -> table.Panel:
    return table.Panel().cell_height(common_models.TableCellHeight.SM)


def _thresholds(alerts: Sequence[Alert]) -> dashboard.ThresholdsConfig:
    """Return green, and the colour of each alert's severity from its threshold on; without thresholds no colour."""
    limits = sorted((alert.threshold, COLORS[alert.severity]) for alert in alerts if alert.threshold is not None)
    steps = [models.Threshold(value=None, color="green" if limits else "text")]
    steps += [models.Threshold(value=value, color=color) for value, color in limits]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _target(query: Metric | Rows, ref_id: str, language: Language) -> Builder[Any]:
    if isinstance(query, Rows):
        return _Built(MySqlQuery(query, ref_id))
    built = prometheus.Dataquery().expr(query.expression).legend_format(query.legend[language])
    built.datasource(PROMETHEUS).ref_id(ref_id)
    return built.instant() if query.instant else built.range()


def _override(field: Field, language: Language) -> list[models.DynamicConfigValue]:
    properties: dict[str, object] = {"displayName": field.title[language]}
    if field.unit is not None:
        properties["unit"] = field.unit
    if field.decimals is not None:
        properties["decimals"] = field.decimals
    if field.color is not None:
        properties["color"] = {"mode": "fixed", "fixedColor": field.color}
    if field.link is not None and field.link_title is not None:
        link = {"title": field.link_title[language], "url": field.link, "targetBlank": True}
        properties["links"] = [link]
    if field.hidden:
        properties["custom.hidden"] = True
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]
