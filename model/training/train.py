"""Train a model on labelled comments and write an artifact. The same seed produces the same artifact."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.artifact import Artifact, read_artifact, write_artifact
from model.network import Network, Shape, embed
from model.ngrams import NONE, Ngrams
from model.processor import CPU
from model.training.card import write_card
from model.training.data import (
    AUGMENTED,
    NEGATIONS,
    REVIEWS,
    UNLABELLED,
    WITHOUT_SENTIMENT,
    Comment,
    Part,
    part_of,
    simplified_characters,
)
from model.training.examples import Examples, prepare
from model.training.hints import Hints
from model.training.measure import calibrate, count, measure, validate
from model.training.ngram_training import fit_ngrams
from model.training.options import Options
from model.training.review_records import describe_reviews
from model.training.reviews import Review
from model.training.sources import SOURCES, Source
from model.training.trainer import Epoch, Trainer

CHECKPOINT = "checkpoint.pt"
# Returns the initial vectors (words, embedding) of words.
FirstVectors = Callable[[Sequence[str]], Tensor]


def train(
    comments: Mapping[str, Comment],
    options: Options,
    output: Path,
    progress: Report,
    report: Callable[[Epoch], None],
    *,
    resume: bool = False,
    start: Artifact | None = None,
    hints: Hints | None = None,
    first_vectors: FirstVectors | None = None,
    part: Callable[[str], Part] = part_of,
    device: torch.device = CPU,
    sources: Mapping[str, Source] = SOURCES,
    reviews: Sequence[Review] = (),
) -> Mapping[str, Any]:
    """Train on ``comments`` (by key) and write the artifact to ``output`` whenever validation accuracy improves.

    ``resume`` continues an interrupted training into ``output``, if there is one. ``start`` is an artifact that
    provides the initial words and weights, and the n-grams if it has any. Without it, ``first_vectors`` may provide
    initial word vectors. With ``start`` and 0 epochs, the network stays as it is and only n-grams are trained.
    ``hints`` are predicted in addition to the labels. The network is trained on ``device``. ``sources`` describes data
    sets for the model card, and ``reviews`` are the reviews that ``comments`` come from. Returns the metrics that are
    stored with the artifact.
    Raises UsageError for 0 epochs without ``start``, for too few comments, when ``output`` cannot be a folder, and when
    the training to resume had other options or data.
    """
    if not start and not options.epochs:
        raise UsageError("Training needs --epochs 1 or more, or --start.")
    _make_folder(output)
    simplified = simplified_characters()
    parts, words = prepare(comments, options, simplified, part, start.words if start else None, progress)
    kept = start.ngrams if start and options.epochs and options.ngrams else NONE
    ngrams = kept if len(kept) else _train_ngrams(parts["train"], options, progress)
    if len(kept):
        parts["train"] = parts["train"].with_ngram_logits(kept)
    network = _create_network(words, options, start, hints, first_vectors)
    reviewed = describe_reviews(comments, reviews, start.metrics if start else None)
    if start and not options.epochs:
        history = _inherited_history(start, ngrams) | reviewed
        _write(output, network, ngrams, options, parts, words, simplified, history, sources)
        _write_curve(output / "curve.csv", [Epoch(**one) for one in history["curve"]])
        return read_artifact(output).metrics
    trainer = Trainer(network, parts["train"], options, hints, device)
    checkpoint = output / CHECKPOINT
    if resume and checkpoint.exists():
        trainer.load(checkpoint)
    state = trainer.state
    while state.epoch <= options.epochs and state.waited < options.patience:
        number = state.epoch
        mean, seconds = trainer.run_epoch(progress, lambda: trainer.save(checkpoint))
        loss, accuracy = validate(trainer.averaged, parts["validation"].labelled)
        state.curve.append(Epoch(number, mean, loss, accuracy, seconds))
        state.waited += 1
        if accuracy > state.best:
            state.best, state.waited = accuracy, 0
            history = {
                "options": asdict(options),
                "curve": [asdict(one) for one in state.curve],
                "rows": count(parts),
            }
            history |= reviewed | _initial_model_history(start)
            _write(output, trainer.averaged, ngrams, options, parts, words, simplified, history, sources)
        report(state.curve[-1])
        _write_curve(output / "curve.csv", state.curve)
        trainer.save(checkpoint)
    checkpoint.unlink(missing_ok=True)
    return read_artifact(output).metrics


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {output} cannot be created: {error.strerror}. Name another --output.") from error


def _initial_model_history(start: Artifact | None) -> dict[str, Any]:
    """Return the metrics entry about the initial model, which has its own data and teachers."""
    if start is None:
        return {}
    kept = ("options", "rows", "before")
    return {"before": {"sha256": start.sha256} | {name: start.metrics[name] for name in kept if name in start.metrics}}


def _inherited_history(start: Artifact, ngrams: Ngrams) -> dict[str, Any]:
    """Return the history of ``start``, whose network is kept unchanged."""
    history = {name: start.metrics[name] for name in ("options", "curve", "rows", "before") if name in start.metrics}
    return history | {"options": history["options"] | {"ngrams": len(ngrams), "network": start.sha256}}


def _create_network(
    words: Sequence[str],
    options: Options,
    start: Artifact | None,
    hints: Hints | None,
    first_vectors: FirstVectors | None,
) -> Network:
    """Initialise a network by seed, then with the weights of ``start`` or the word vectors of ``first_vectors``."""
    torch.manual_seed(options.seed)
    shape = Shape(len(words), options.embedding, options.hidden)
    embedding = embed(words, options.embedding, options.composed)
    network = Network(shape, options.dropout, embedding, hints.width if hints else 0)
    if start is not None:
        network.load_initial_weights(start.weights)
    elif first_vectors:
        network.load_initial_vectors(first_vectors(words))
    return network


def _train_ngrams(examples: Examples, options: Options, progress: Report) -> Ngrams:
    """Train n-grams on labelled comments. Reviews and generated negations keep their weights; all others get 1."""
    unlabelled = {UNLABELLED, AUGMENTED, *WITHOUT_SENTIMENT}
    rows = [row for row, source in enumerate(examples.sources) if source not in unlabelled]
    weighed = [examples.sources[row] in (REVIEWS, NEGATIONS) for row in rows]
    weights = numpy.where(weighed, examples.weights[rows].numpy(), 1.0)
    texts = [examples.characters[row] for row in rows]
    return fit_ngrams(texts, examples.positive[rows], weights, options.ngrams, options.seed, progress)


def _write(
    output: Path,
    network: Network,
    ngrams: Ngrams,
    options: Options,
    parts: Mapping[Part, Examples],
    words: Sequence[str],
    simplified: Mapping[str, str],
    history: Mapping[str, Any],
    sources: Mapping[str, Source],
) -> None:
    """Calibrate, measure and write an artifact. ``history`` is added to its metrics, ``sources`` is for the card."""
    configuration, ngrams = calibrate(network, ngrams, parts["validation"].labelled, options)
    metrics = measure(network, ngrams, configuration, parts) | dict(history)
    write_artifact(output, configuration, words, simplified, metrics, network.stored_weights(), ngrams)
    write_card(output, sources)


def _write_curve(path: Path, curve: Sequence[Epoch]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(asdict(curve[0])))
        writer.writeheader()
        writer.writerows(asdict(one) for one in curve)
