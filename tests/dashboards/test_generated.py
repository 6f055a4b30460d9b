"""The committed dashboards and rules are what the code generates, complete in both languages, and consistent."""

import re
from collections import Counter
from typing import Any

import pytest
import yaml

from dashboards.alerts import ALERTS
from dashboards.generate import DASHBOARDS, generated
from dashboards.series import RECORDED, RECORDED_SLOWLY
from liuyan.metrics.declared import ALL_METRICS
from liuyan.metrics.metric import Kind
from tests.dashboards.panels import (
    FOLDER,
    LANGUAGES,
    NAMES,
    Json,
    all_panels,
    dashboard,
    expressions,
    panels,
    series_of,
)

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SHIPPED_PANELS = {"timeseries", "stat", "table"}
# Metrics on no panel and in no alert.
NOT_SHOWN = {
    "liuyan_consumer_polls_total": "polling goes on while nothing is stored, so it says little about health",
    "liuyan_consumer_stored_offset": "`liuyan consumer status` shows offsets; lag is what matters",
    "liuyan_consumer_assigned_partitions": "lag by partition shows which partitions are read",
    "liuyan_consumer_uncertain_predictions_total": "the uncertain share comes from MySQL, by created_at",
    "liuyan_consumer_predictions_total": "the label mix comes from MySQL, by created_at",
    "liuyan_prediction_cache_entries": "the share of hits shows whether the cache helps",
    "process_virtual_memory_bytes": "resident memory is what matters",
    "process_start_time_seconds": "for ad-hoc queries about restarts",
    "process_open_fds": "for ad-hoc queries",
    "process_max_fds": "for ad-hoc queries",
}


def test_committed_files_are_current() -> None:
    expected = {path.relative_to(FOLDER): content for path, content in generated()}
    committed = {path: (FOLDER / path).read_text() for path in expected}
    outdated = sorted(str(path) for path in expected if committed[path] != expected[path])
    assert not outdated, f"{outdated} differ from the code: run `make dashboards`."
    there = {path.relative_to(FOLDER) for path in FOLDER.glob("[ez][nh]/*.json")}
    assert there == {path for path in expected if path.suffix == ".json"}
    assert {dashboard.name for dashboard in DASHBOARDS} == set(NAMES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_panels_are_complete(language: str, name: str) -> None:
    ids = [panel["id"] for panel in dashboard(language, name)["panels"]]
    assert len(set(ids)) == len(ids)
    titles = Counter(panel["title"] for panel in panels(language, name))
    for panel in panels(language, name):
        where = panel["title"]
        assert panel["type"] in SHIPPED_PANELS, where
        assert panel["description"].endswith((".", "。")), where
        assert panel["fieldConfig"]["defaults"]["unit"], where
        assert panel["targets"], where
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], where
        assert titles[where] == 1 or name == "sentiment", where
        if language == "zh":
            assert CHINESE.search(panel["description"]), where
            assert CHINESE.search(where) or where in ("API", "CPU"), where
        else:
            assert not CHINESE.search(str(panel)), where


@pytest.mark.parametrize("name", NAMES)
def test_panels_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard("en", name)["panels"]:
        place = panel["gridPos"]
        left, top = place.get("x", 0), place.get("y", 0)
        cells = {(x, y) for x in range(left, left + place["w"]) for y in range(top, top + place["h"])}
        assert not cells & taken, panel["title"]
        assert left + place["w"] <= 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_ask_the_same_questions(name: str) -> None:
    def asked(language: str) -> list[Any]:
        return [
            [(target.get("expr"), target.get("rawSql")) for target in panel["targets"]]
            for panel in panels(language, name)
        ]

    assert asked("en") == asked("zh")


def test_dashboards_link_to_each_other() -> None:
    for language in LANGUAGES:
        uids = {dashboard(language, name)["uid"] for name in NAMES}
        assert len(uids) == len(NAMES)
        for name in NAMES:
            found = dashboard(language, name)
            assert found["tags"] == [f"liuyan-{language}"]
            assert [link["tags"] for link in found["links"] if link["type"] == "dashboards"] == [found["tags"]]
            [other] = [link["url"] for link in found["links"] if link["type"] == "link"]
            assert other == f"/d/{dashboard(({'en', 'zh'} - {language}).pop(), name)['uid']}"


def test_data_sources_are_provisioned() -> None:
    provisioned = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "liuyan.yml").read_text())["datasources"]
    uids = {(source["type"], source["uid"]) for source in provisioned}
    used = {
        (target["datasource"]["type"], target["datasource"]["uid"])
        for _, panel in all_panels()
        for target in panel["targets"]
    }
    assert used == uids
    providers = yaml.safe_load((FOLDER / "provisioning" / "dashboards" / "liuyan.yml").read_text())["providers"]
    assert {provider["options"]["path"].rsplit("/", 1)[1] for provider in providers} == set(LANGUAGES)


def test_panels_draw_the_thresholds_of_their_alerts() -> None:
    drawn = [
        panel for specification in DASHBOARDS for row in specification.rows for panel in row.panels if panel.alerts
    ]
    assert {alert.name for panel in drawn for alert in panel.alerts} == {alert.name for alert in ALERTS}
    by_title = {panel["title"]: panel for _, panel in all_panels()}
    for panel in drawn:
        found = by_title[panel.title.en]
        steps = found["fieldConfig"]["defaults"]["thresholds"]["steps"]
        values = sorted(alert.threshold for alert in panel.alerts if alert.threshold is not None)
        assert [step["value"] for step in steps] == [None, *values]
        for alert in panel.alerts:
            assert alert.anchor in found["description"], panel.title.en
            if alert.threshold is not None and alert.threshold > 2:
                assert alert.expression.count(f"> {alert.threshold:.0f}") == 1, alert.name
            elif alert.threshold is not None and alert.threshold < 1:
                assert f"> {alert.threshold:g}" in alert.expression, alert.name


def exported() -> dict[str, str]:
    """Exported series -> declared metric."""
    found: dict[str, str] = {}
    for metric in ALL_METRICS:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        found |= {f"{metric.name}{suffix}": metric.name for suffix in suffixes}
    return found


def test_the_reader_of_expressions_finds_every_metric() -> None:
    expression = (
        "topk(5, a{b='c'} / on (d) (sum by (e) (rate(f_total[$__rate_interval])) > 0)) or vector(0) - -g offset 1d"
    )
    assert series_of(expression) == {"a", "f_total", "g"}
    assert series_of("avg_over_time(h[4w:1h]) and absent(up == 1)") == {"h", "up"}


def test_expressions_use_declared_metrics_only() -> None:
    known = exported().keys() | {rule.name for rule in (*RECORDED, *RECORDED_SLOWLY)} | {"up"}
    for where, expression in expressions():
        used = series_of(expression)
        assert used, where
        assert used <= known, where


def test_every_metric_is_shown_or_excepted() -> None:
    names = exported()
    used = {names[series] for _, expression in expressions() for series in series_of(expression) if series in names}
    declared = {metric.name for metric in ALL_METRICS}
    assert used | NOT_SHOWN.keys() == declared, declared - used - NOT_SHOWN.keys()
    assert not used & NOT_SHOWN.keys()


def test_labels_in_expressions_exist() -> None:
    """A misspelled label in an aggregation or legend would silently merge all series."""
    labels = {label for metric in ALL_METRICS for label in metric.labels}
    labels |= {"job", "instance", "le", "bin", "alertname"}
    for where, expression in expressions():
        for listed in re.findall(r"\b(?:by|on|group_left|ignoring|without) \(([^)]*)\)", expression):
            assert {label.strip() for label in listed.split(",")} <= labels, where
    for name, panel in all_panels():
        for target in panel["targets"]:
            found = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
            assert found <= labels, (name, panel["title"])


def test_sql_reads_the_views_only() -> None:
    statements = [target["rawSql"] for _, panel in all_panels() for target in panel["targets"] if "rawSql" in target]
    menus = [menu for name in NAMES for menu in dashboard("en", name)["templating"].get("list", [])]
    variables = [menu["query"] for menu in menus if "datasource" in menu]
    for statement in statements + variables:
        tables = re.findall(r"\b(?:FROM|JOIN) (\w+)", statement)
        assert tables
        assert set(tables) <= {"dashboard_hours", "dashboard_weeks", "dashboard_reviews"}


def test_sentiment_panels_read_mysql() -> None:
    for panel in panels("en", "sentiment"):
        assert all("rawSql" in target for target in panel["targets"]), panel["title"]


def test_swings_link_to_the_comments_of_the_admin_app() -> None:
    from api.rest.comment_schemas import CommentFields

    links: list[Json] = [
        found
        for panel in panels("en", "sentiment")
        for override in panel["fieldConfig"]["overrides"]
        for property in override["properties"]
        if property["id"] == "links"
        for found in property["value"]
    ]
    [link] = links
    path, query = link["url"].split("?")
    assert path == "${admin_url:raw}/admin/comments"
    values = dict(part.split("=") for part in query.split("&"))
    assert set(values.values()) == {
        f"${{__data.fields.{name}:percentencode}}" for name in ("platform", "begins", "ends", "label")
    }
    typed = {
        "platform": "forum",
        "created_from": "2026-01-31T22:00:00Z",
        "created_to": "2026-01-31T23:00:00Z",
        "label": "negative",
    }
    assert values.keys() == typed.keys()
    assert CommentFields.model_validate(typed)
