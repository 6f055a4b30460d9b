"""Run every PromQL expression and every SQL query of the dashboards and alerts on real servers under load."""

import json
import time
from collections.abc import Iterator
from typing import Any

import promql_parser
import pymysql
import pytest

from dashboards.alerts import SWING
from dashboards.preview.page import page
from dashboards.preview.queries import Rows, answer, answers, is_empty, time_range
from dashboards.preview.stack import Stack, instant, running_stack
from tests.dashboards.panels import LANGUAGES, NAMES, dashboard, panels, rules

pytestmark = [pytest.mark.server, pytest.mark.programs, pytest.mark.minutes, pytest.mark.timeout(900)]
COMPARISONS = {"==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers with five weeks of history and a load."""
    with running_stack(tmp_path_factory.mktemp("preview"), lambda message: None) as running:
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_every_query_of_every_panel_returns_data(stack: Stack, name: str) -> None:
    board = dashboard("en", name)
    shown = time_range(board, time.time())
    empty = []
    for panel in panels("en", name):
        for target in panel["targets"]:
            found = answer(stack, board, panel, target, shown)
            # In these panels no data is good news.
            if is_empty(found) and "noValue" not in panel["fieldConfig"]["defaults"]:
                empty.append((panel["title"], target.get("expr") or target["rawSql"]))
    assert empty == []


def operands(expression: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    """Yield the parts of an alert that must have values for it to ever fire: what it compares and combines."""
    if isinstance(expression, promql_parser.ParenExpr):
        yield from operands(expression.expr)
    elif isinstance(expression, promql_parser.BinaryExpr) and str(expression.op) in COMPARISONS:
        yield from operands(expression.lhs)
        yield from operands(expression.rhs)
    elif isinstance(expression, promql_parser.Call) and expression.func.name == "absent":
        yield from operands(expression.args[0])
    elif not isinstance(expression, promql_parser.NumberLiteral):
        yield expression


def test_operands_of_an_alert() -> None:
    parsed = promql_parser.parse("a > 1 and on (x) (b + c) > 2 unless absent(d == 1)")
    assert [part.prettify() for part in operands(parsed)] == ["a", "b + c", "d"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_rule_has_values_to_judge(stack: Stack, rule: dict[str, Any]) -> None:
    # Prometheus evaluates the expression itself, too; most alerts must not fire.
    assert isinstance(instant(stack.prometheus, rule["expr"]), list)
    for part in operands(promql_parser.parse(rule["expr"])):
        assert instant(stack.prometheus, part.prettify()), part.prettify()


def test_the_swing_is_found_by_panel_and_alert(stack: Stack) -> None:
    board = dashboard("en", "sentiment")
    [table] = [panel for panel in panels("en", "sentiment") if panel["type"] == "table"]
    [found] = answers(stack, board, table, time_range(board, time.time()))
    assert isinstance(found, Rows)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert {row["platform"] for row in rows} == {"forum"}
    assert {row["label"] for row in rows} == {"negative"}
    assert all(row["share"] > row["usual"] + 0.1 and row["deviations"] > 4 for row in rows)
    firing = instant(stack.prometheus, SWING.expression)
    assert [one["metric"]["platform"] for one in firing] == ["forum"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_can_be_drawn(stack: Stack, language: str) -> None:
    board = dashboard(language, "review-work")
    shown = time_range(board, time.time())
    found = {panel["id"]: answers(stack, board, panel, shown) for panel in panels(language, "review-work")}
    drawn = page(board, found, shown, language)
    charts = json.loads(drawn.split("[id, data, layout] of ", 1)[1].split(")\n", 1)[0])
    assert len(charts) == sum(panel["type"] == "timeseries" for panel in panels(language, "review-work"))
    assert all(panel["title"] in drawn for panel in panels(language, "review-work"))


def test_grafanas_account_reads_nothing_else(stack: Stack) -> None:
    with pymysql.connect(**stack.mysql) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        assert {name for (name,) in cursor.fetchall()} == {"dashboard_hours", "dashboard_weeks", "dashboard_reviews"}
