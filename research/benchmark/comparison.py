"""Measure accuracy, calibration and speed of the model and its rivals on the test part of every data set."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy
from rich import box
from rich.table import Table

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.evaluate import Scores, score, show
from model.labeller import Labeller
from model.training.data import Comment, Part, part_of
from research.benchmark.rivals import CHUNK_SIZE, Rival, find_rivals

ALL = "all"


@dataclass(frozen=True, slots=True)
class Line:
    """Results of ``rival`` on the test part of ``source`` or of all. ``speed`` is comments per second on one core."""

    source: str
    rival: str
    scores: Scores
    calibrated: bool
    speed: float


def benchmark(comments: dict[str, Comment], labeller: Labeller, report: Report) -> list[Line]:
    """Measure every rival on the test parts of ``comments`` (by key). Raises UsageError for too few comments."""
    parts: dict[Part, list[Comment]] = {"train": [], "validation": [], "test": []}
    for key in sorted(comments):
        parts[part_of(key)].append(comments[key])
    if any(len({one.positive for one in part}) < 2 for part in parts.values()):
        raise UsageError(f"{len(comments)} comments are too few to train, validate and test on. Add more data.")
    rivals = find_rivals(labeller, parts["train"], parts["validation"], report)
    lines = [line for rival in rivals for line in measure_rival(rival, parts["test"], report)]
    order = {name: place for place, name in enumerate([*sorted({one.source for one in parts["test"]}), ALL])}
    return sorted(lines, key=lambda line: order[line.source])


def measure_rival(rival: Rival, test: Sequence[Comment], report: Report) -> Iterator[Line]:
    """Yield a line for each source in ``test``, which must not be empty, and one for all of them."""
    rival.answer([one.text for one in test[:CHUNK_SIZE]])  # load everything before measuring the speed
    answers: list[float] = []
    started = time.process_time()
    for start in range(0, len(test), CHUNK_SIZE):
        answers += rival.answer([one.text for one in test[start : start + CHUNK_SIZE]])
        report(f"asking {rival.name}", len(answers), len(test))
    speed = len(test) / (time.process_time() - started)
    guess = numpy.array(answers)
    truth = numpy.array([one.positive for one in test])
    sources = numpy.array([one.source for one in test])
    for source in numpy.unique(sources):
        rows = sources == source
        yield Line(str(source), rival.name, score(guess[rows], truth[rows]), rival.calibrated, speed)
    yield Line(ALL, rival.name, score(guess, truth), rival.calibrated, speed)


def table(lines: Sequence[Line]) -> Table:
    """Return the lines as a Markdown table."""
    columns = ("test part", "comments", "model", "accuracy", "macro-F1", "recall +", "recall -", "ECE", "comments/s")
    drawn = Table(*columns, box=box.MARKDOWN)
    for line in lines:
        scores = line.scores
        figures = (scores.accuracy, scores.macro_f1, scores.recall_positive, scores.recall_negative)
        drawn.add_row(
            line.source,
            f"{scores.n:,}",
            line.rival,
            *(show(figure, 3) for figure in figures),
            f"{scores.calibration_error:.3f}" if line.calibrated else "-",
            f"{line.speed:,.0f}" if line.source == ALL else "",
        )
    return drawn


def compare(lines: Sequence[Line], first: str, second: str) -> str:
    """Return one sentence: on how many test parts ``first`` beats ``second``, and by how many points on average."""
    accuracy = {(line.source, line.rival): line.scores.accuracy for line in lines if line.source != ALL}
    gains = {source: 100 * (accuracy[source, first] - accuracy[source, second]) for source, _ in accuracy}
    lost = [f"{source} ({gain:+.1f})" for source, gain in gains.items() if gain <= 0]
    except_for = f"; not on {', '.join(lost)}" if lost else ""
    return (
        f"{first} beats {second} on {len(gains) - len(lost)} of {len(gains)} test parts, "
        f"by {fmean(gains.values()):.1f} points on average{except_for}."
    )
