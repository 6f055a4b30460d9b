"""How well comments of unseen platforms are labelled: `python -m research.unseen --data-dir data`.

A network, its n-grams and LinearSVC learn from the same sample of all sets but those left out, and are asked about the
test parts of all of them. The table is Markdown.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from model.artifact import read_artifact
from model.labeller import Labeller
from model.ngrams import NONE
from model.progress import Report, progress_bar
from model.training.data import NEGATIONS, Comment, part_of
from model.training.gathering import Places
from model.training.options import Options
from model.training.train import train
from research.benchmark.comparison import measure_rival
from research.benchmark.rivals import Rival, linear, probabilities
from research.gathering import gather_with_negations
from research.heldout import HELD_OUT

# Weibo and PTT, books and films, restaurants, apps and games, a mixture: what is left are shops, hotels, sights, cars,
# banks and hospitals.
LEFT_OUT = (
    "app_reviews", "app_store", "book_review", "books_shows", "dianping", "douban_crawls", "douban_film",
    "douban_shorts", "game_reviews", "hong_kong", "maoyan", "meituan_food", "senta", "smp_usual", "taiwan_food",
    "taiwan_posts", "weibo2018", "weibo_emotion", "weibo_film", "weibo_nlpcc", "weibo_ocemotion",
)  # fmt: skip
OPTIONS = Options(sample=100_000, epochs=2, negations=0.3)

Comments = dict[str, Comment]


@dataclass(frozen=True, slots=True)
class Row:
    """How often each was right (0..1) on the test part of ``source``; ``seen``: they learnt from that set."""

    source: str
    seen: bool
    n: int
    right: dict[str, float]


def measure(comments: Comments, left_out: Sequence[str], options: Options, report: Report) -> Iterator[Row]:
    """Learn from ``comments`` (by digest) without those of ``left_out``, and judge all test parts, set by set."""
    seen = {key: one for key, one in comments.items() if one.source not in left_out}
    keys = sorted(key for key in seen if part_of(key) == "train")[: options.sample or None]
    learnt = {key: seen[key] for key in keys}
    held = {key: one for key, one in seen.items() if part_of(key) != "train"}
    # What is made by rule is few, and the network is to have all of it, as the shipped one had.
    made = {key: one for key, one in seen.items() if one.source == NEGATIONS}
    validation = [one for key, one in held.items() if part_of(key) == "validation"]
    rivals = [
        *_network(made | learnt | held, replace(options, sample=0), report),
        Rival("LinearSVC", linear(list(learnt.values()), validation, report)),
    ]
    test = [one for key, one in sorted(comments.items()) if part_of(key) == "test"]
    said = {rival.name: {line.source: line.scores for line in measure_rival(rival, test, report)} for rival in rivals}
    for source in sorted({one.source for one in test}, key=lambda name: (name not in left_out, name)):
        scores = {name: by_source[source] for name, by_source in said.items()}
        n = scores["LinearSVC"].n
        yield Row(source, source not in left_out, n, {name: one.accuracy for name, one in scores.items()})


def _network(comments: Comments, options: Options, report: Report) -> Iterator[Rival]:
    with tempfile.TemporaryDirectory() as name:
        train(comments, options, Path(name), report, lambda epoch: None)
        artifact = read_artifact(Path(name))
    for called, one in (("network alone", replace(artifact, ngrams=NONE)), ("network and n-grams", artifact)):
        yield Rival(called, probabilities(Labeller(one, answer_cache_size=0)))


def table(rows: Sequence[Row]) -> str:
    """Markdown, in per cent: the sets that were left out, all of these, those that were not, all of these."""
    names = list(rows[0].right)
    lines = [f"| test part | comments | {' | '.join(names)} |", "| --- | --- |" + " --- |" * len(names)]
    for seen in (False, True):
        some = [row for row in rows if row.seen is seen]
        lines += [_line(row.source, row) for row in some]
        if some:
            total = sum(row.n for row in some)
            pooled = {name: sum(row.right[name] * row.n for row in some) / total for name in names}
            lines.append(
                _line("**all that it learnt from**" if seen else "**all never seen**", Row("", seen, total, pooled))
            )
    return "\n".join(lines)


def _line(name: str, row: Row) -> str:
    shown = " | ".join(f"{100 * accuracy:.1f}" for accuracy in row.right.values())
    return f"| {name} | {row.n:,} | {shown} |"


def main() -> None:
    """Learn, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the data sets (research.data)")
    parser.add_argument("--leave-out", nargs="+", default=LEFT_OUT, metavar="SET", help="default: %(default)s")
    parser.add_argument("--comments", type=int, default=OPTIONS.sample, help="to learn from (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=OPTIONS.epochs, help="passes (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    options = replace(OPTIONS, sample=told.comments, epochs=told.epochs)
    comments = gather_with_negations(Places(told.data_dir, rated=True, held_out=HELD_OUT), options).comments
    unknown = set(told.leave_out) - {one.source for one in comments.values()}
    if unknown:
        parser.error(f"there is no set {', '.join(sorted(unknown))} in {told.data_dir}: see `python -m research.data`")
    with progress_bar() as progress:
        rows = list(measure(comments, told.leave_out, options, progress))
    sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()
