"""Read the committed dashboards and rules as Grafana and Prometheus read them."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "dashboards"
LANGUAGES = ("en", "zh")
NAMES = ("sentiment", "consumer-health", "model-quality", "review-work", "api")
Json = dict[str, Any]


@cache
def dashboard(language: str, name: str) -> Json:
    """Return a committed dashboard."""
    read: Json = json.loads((FOLDER / language / f"{name}.json").read_text())
    return read


def panels(language: str, name: str) -> list[Json]:
    """Return a dashboard's panels without its headings."""
    return [panel for panel in dashboard(language, name)["panels"] if panel["type"] != "row"]


def all_panels(language: str = "en") -> Iterator[tuple[str, Json]]:
    """Yield (dashboard's name, panel) of every panel."""
    for name in NAMES:
        for panel in panels(language, name):
            yield name, panel


def rules() -> list[Json]:
    """Return every Prometheus rule."""
    groups = yaml.safe_load((FOLDER / "prometheus" / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield (where, PromQL) of every panel and rule."""
    for name, panel in all_panels():
        for target in panel["targets"]:
            if "expr" in target:
                yield f"{name}: {panel['title']}", target["expr"]
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]


def for_parsers(expression: str) -> str:
    """Replace Grafana's variables by durations."""
    return re.sub(r"\$__(rate_interval|interval|range)", "5m", expression)


def series_of(expression: str) -> set[str]:
    """Return the names of all series in an expression."""
    names: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            names.add(str(node.name))

    promql_parser.walk(promql_parser.parse(for_parsers(expression)), visit)
    return names
