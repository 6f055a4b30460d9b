"""`liuyan model show`: coverage by month, metrics and card of a model."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from textwrap import indent
from typing import Any

from liuyan.terminal import Column, write_json, write_line, write_table, write_text
from registry.percent import percent
from store.batch import ModelRow
from store.coverage import ModelTotals, MonthCoverage, coverage_by_month, read_totals
from store.model_files import read_file
from store.promotion import find_model
from store.store import Store


@dataclass(frozen=True, slots=True)
class Shown:
    """A model with its totals, coverage by month (newest first), metrics and card (None without an artifact)."""

    model: ModelRow
    totals: ModelTotals
    months: list[MonthCoverage]
    metrics: Mapping[str, Any]
    card: str | None


async def show_model(store: Store, name: str, *, as_json: bool) -> None:
    """Print a model. Raises NoModelError and StoreError."""
    shown = await read_shown(store, name)
    if as_json:
        months = {one.month: asdict(one.coverage) for one in shown.months}
        covered = {**asdict(shown.totals.coverage), "missing": shown.totals.coverage.missing, "months": months}
        write_json({**asdict(shown.model), "coverage": covered, "metrics": shown.metrics, "card": shown.card})
        return
    model, coverage = shown.model, shown.totals.coverage
    write_line(f"model     {model.number} {model.name}")
    write_line(f"sha256    {model.sha256}")
    write_line(f"state     {_state(shown)}")
    write_line(
        f"coverage  {percent(coverage.share)}: {coverage.labelled:,} of {coverage.comments:,} comments, "
        f"{coverage.missing:,} missing"
    )
    for name, value in _pooled(shown.metrics).items():
        write_line(f"test {name}  {value:.4f}" if isinstance(value, float) else f"test {name}  {value}")
    rows = [
        (one.month, percent(one.coverage.share), one.coverage.labelled, one.coverage.missing) for one in shown.months
    ]
    if rows:
        names = ("coverage", "labelled", "missing")
        write_table([Column("month"), *(Column(name, right=True) for name in names)], rows)
    if shown.card is not None:
        # Indented, so that no line of it looks like one of the command's own.
        write_text("\n" + indent(shown.card.strip(), "  "))


async def read_shown(store: Store, name: str) -> Shown:
    """Read a model with everything that is shown of it. Raises NoModelError and StoreError."""
    async with store.reading() as connection:
        model = await find_model(connection, name)
        totals = (await read_totals(connection))[model.number]
        months = list(await coverage_by_month(connection, model.number))
        card = await read_file(connection, model.number, "README.md")
        metrics = await read_file(connection, model.number, "metrics.json")
    found = {} if metrics is None else json.loads(metrics)
    return Shown(model, totals, months, found, None if card is None else card.decode(errors="replace"))


def _state(shown: Shown) -> str:
    if shown.model.active:
        return "active"
    if shown.model.retired_at is not None:
        return f"retired {shown.model.retired_at:%Y-%m-%d %H:%M:%S}"
    return "registered" if shown.metrics else "no artifact in the database"


def _pooled(metrics: Mapping[str, Any]) -> Mapping[str, object]:
    """Return the metrics on all test comments together; none for an artifact that was trained otherwise."""
    test = metrics.get("test")
    pooled = test.get("pooled") if isinstance(test, dict) else None
    return pooled if isinstance(pooled, dict) else {}
