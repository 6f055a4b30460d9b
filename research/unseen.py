"""Measure accuracy on unseen platforms: `python -m research.unseen --data-dir data`.

A network with n-grams and LinearSVC are trained on the same sample of all data sets except those left out, and
evaluated on the test parts of all of them. The table is Markdown.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from liuyan.progress import Report, progress_bar
from model.artifact import read_artifact
from model.labeller import Labeller
from model.ngrams import NONE
from model.training.data import NEGATIONS, Comment, part_of
from model.training.gathering import Places
from model.training.options import Options
from model.training.train import train
from research.benchmark.comparison import measure_rival
from research.benchmark.rivals import Rival, linear, probabilities
from research.gathering import gather_with_generated
from research.heldout import HELD_OUT

# Weibo and PTT, books and films, restaurants, apps and games, and a mixture. Shops, hotels, sights, cars, banks and
# hospitals remain.
LEFT_OUT = (
    "app_reviews", "app_store", "book_review", "books_shows", "dianping", "douban_crawls", "douban_film",
    "douban_shorts", "game_reviews", "hong_kong", "maoyan", "meituan_food", "senta", "smp_usual", "taiwan_food",
    "taiwan_posts", "weibo2018", "weibo_emotion", "weibo_film", "weibo_nlpcc", "weibo_ocemotion",
)  # fmt: skip
OPTIONS = Options(sample=100_000, epochs=2, negations=0.3)

Comments = dict[str, Comment]


@dataclass(frozen=True, slots=True)
class Row:
    """The accuracy (0..1) of each model on the test part of ``source``; ``seen`` if it was used for training."""

    source: str
    seen: bool
    n: int
    accuracy: dict[str, float]


def measure(comments: Comments, left_out: Sequence[str], options: Options, report: Report) -> Iterator[Row]:
    """Train on ``comments`` (by key) except sources in ``left_out``, and evaluate on all test parts by source."""
    seen = {key: one for key, one in comments.items() if one.source not in left_out}
    keys = sorted(key for key in seen if part_of(key) == "train")[: options.sample or None]
    sampled = {key: seen[key] for key in keys}
    held = {key: one for key, one in seen.items() if part_of(key) != "train"}
    # There are few generated comments. The network gets all of them, like the shipped one.
    generated = {key: one for key, one in seen.items() if one.source == NEGATIONS}
    validation = [one for key, one in held.items() if part_of(key) == "validation"]
    rivals = [
        *_network(generated | sampled | held, replace(options, sample=0), report),
        Rival("LinearSVC", linear(list(sampled.values()), validation, report)),
    ]
    test = [one for key, one in sorted(comments.items()) if part_of(key) == "test"]
    by_rival = {
        rival.name: {line.source: line.scores for line in measure_rival(rival, test, report)} for rival in rivals
    }
    for source in sorted({one.source for one in test}, key=lambda name: (name not in left_out, name)):
        scores = {name: by_source[source] for name, by_source in by_rival.items()}
        n = scores["LinearSVC"].n
        yield Row(source, source not in left_out, n, {name: one.accuracy for name, one in scores.items()})


def _network(comments: Comments, options: Options, report: Report) -> Iterator[Rival]:
    with tempfile.TemporaryDirectory() as name:
        train(comments, options, Path(name), report, lambda epoch: None)
        artifact = read_artifact(Path(name))
    for called, one in (("network alone", replace(artifact, ngrams=NONE)), ("network and n-grams", artifact)):
        yield Rival(called, probabilities(Labeller(one, answer_cache_size=0)))


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table in per cent: the data sets left out and their total, then the others and their total."""
    names = list(rows[0].accuracy)
    lines = [f"| test part | comments | {' | '.join(names)} |", "| --- | --- |" + " --- |" * len(names)]
    for seen in (False, True):
        some = [row for row in rows if row.seen is seen]
        lines += [_line(row.source, row) for row in some]
        if some:
            total = sum(row.n for row in some)
            pooled = {name: sum(row.accuracy[name] * row.n for row in some) / total for name in names}
            lines.append(_line("**all seen**" if seen else "**all unseen**", Row("", seen, total, pooled)))
    return "\n".join(lines)


def _line(name: str, row: Row) -> str:
    shown = " | ".join(f"{100 * accuracy:.1f}" for accuracy in row.accuracy.values())
    return f"| {name} | {row.n:,} | {shown} |"


def main() -> None:
    """Train and evaluate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with the data sets (research.data)")
    parser.add_argument("--leave-out", nargs="+", default=LEFT_OUT, metavar="SET", help="default: %(default)s")
    parser.add_argument(
        "--comments", type=int, default=OPTIONS.sample, help="number of comments to train on (default: %(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=OPTIONS.epochs, help="epochs (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    options = replace(OPTIONS, sample=arguments.comments, epochs=arguments.epochs)
    comments = gather_with_generated(Places(arguments.data_dir, rated=True, held_out=HELD_OUT), options).comments
    unknown = set(arguments.leave_out) - {one.source for one in comments.values()}
    if unknown:
        parser.error(
            f"there is no set {', '.join(sorted(unknown))} in {arguments.data_dir}: see `python -m research.data`"
        )
    with progress_bar() as progress:
        rows = list(measure(comments, arguments.leave_out, options, progress))
    sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()
