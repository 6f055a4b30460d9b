"""Training: labelled comments in, an artifact folder out, the same one each time under the same seed."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from liuyan.errors import UsageError
from model.artifact import Artifact, read_artifact, write_artifact
from model.network import Network, Shape, embed
from model.ngrams import NONE, Ngrams
from model.processor import CPU
from model.progress import Report
from model.training.card import write_card
from model.training.data import AUGMENTED, NEGATIONS, REVIEWS, UNLABELLED, Comment, Part, part_of, simplified_characters
from model.training.examples import Examples, prepare
from model.training.hints import Hints
from model.training.measure import calibrate, count, measure, validate
from model.training.ngram_training import fit_ngrams
from model.training.options import Options
from model.training.sources import SOURCES, Source
from model.training.trainer import Epoch, Trainer

CHECKPOINT = "checkpoint.pt"
# Gives the vectors (words, embedding) that words begin with.
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
) -> Mapping[str, Any]:
    """Train on ``comments`` (by digest) and write the artifact to ``output``, anew whenever validation got better.

    With ``resume`` it goes on where a training into ``output`` was interrupted, if there is one. ``start`` is an
    artifact whose words and weights are begun with, and whose n-grams are taken over if it has any; without one the
    words begin with what ``first_vectors`` gives, if it is there. ``hints`` are guessed beside the labels. Gives the
    metrics that are stored with the artifact. With ``start`` and no epochs the network stays as it is, and n-grams
    alone are learnt. ``device`` is what computes the network's gradients. ``sources`` are the sets of comments that the
    model card describes.
    Raises UsageError when there are no epochs without a start, when there are too few comments, when ``output`` cannot
    be a folder, or when what is to be resumed was told otherwise.
    """
    if not start and not options.epochs:
        raise UsageError("Without a pass there is nothing learnt: give --epochs 1 or more, or --start.")
    _make_folder(output)
    simplified = simplified_characters()
    parts, words = prepare(comments, options, simplified, part, start.words if start else None, progress)
    kept = start.ngrams if start and options.epochs and options.ngrams else NONE
    ngrams = kept if len(kept) else _learn_ngrams(parts["train"], options, progress)
    network = _begin(words, options, start, hints, first_vectors)
    if start and not options.epochs:
        told = _told_before(start, ngrams)
        _write(output, network, ngrams, options, parts, words, simplified, told, sources)
        _write_curve(output / "curve.csv", [Epoch(**one) for one in told["curve"]])
        return read_artifact(output).metrics
    trainer = Trainer(network, parts["train"], options, hints, device)
    checkpoint = output / CHECKPOINT
    if resume and checkpoint.exists():
        trainer.load(checkpoint)
    standing = trainer.standing
    while standing.epoch <= options.epochs and standing.waited < options.patience:
        number = standing.epoch
        mean, seconds = trainer.run_epoch(progress, lambda: trainer.save(checkpoint))
        loss, accuracy = validate(trainer.averaged, parts["validation"])
        standing.curve.append(Epoch(number, mean, loss, accuracy, seconds))
        standing.waited += 1
        if accuracy > standing.best:
            standing.best, standing.waited = accuracy, 0
            told = {
                "options": asdict(options),
                "curve": [asdict(one) for one in standing.curve],
                "rows": count(parts),
            } | _told_of(start)
            _write(output, trainer.averaged, ngrams, options, parts, words, simplified, told, sources)
        report(standing.curve[-1])
        _write_curve(output / "curve.csv", standing.curve)
        trainer.save(checkpoint)
    checkpoint.unlink(missing_ok=True)
    return read_artifact(output).metrics


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {output} cannot be made: {error.strerror}; name another as --output.") from error


def _told_of(start: Artifact | None) -> dict[str, Any]:
    """What an artifact tells of the one that it began with: that had its comments and teachers too."""
    if start is None:
        return {}
    return {"before": {"sha256": start.sha256, "options": start.metrics["options"], "rows": start.metrics["rows"]}}


def _told_before(start: Artifact, ngrams: Ngrams) -> dict[str, Any]:
    """What is told of a network that is taken over as it is: how ``start`` came to it."""
    told = {name: start.metrics[name] for name in ("options", "curve", "rows", "before") if name in start.metrics}
    return told | {"options": told["options"] | {"ngrams": len(ngrams), "network": start.sha256}}


def _begin(
    words: Sequence[str],
    options: Options,
    start: Artifact | None,
    hints: Hints | None,
    first_vectors: FirstVectors | None,
) -> Network:
    """A network at its random start under the seed, with words begun by ``first_vectors`` or with all of ``start``."""
    torch.manual_seed(options.seed)
    shape = Shape(len(words), options.embedding, options.hidden)
    embedding = embed(words, options.embedding, options.composed)
    network = Network(shape, options.dropout, embedding, hints.width if hints else 0)
    if start is not None:
        network.begin_with(start.weights)
    elif first_vectors:
        network.begin_with_words(first_vectors(words))
    return network


def _learn_ngrams(examples: Examples, options: Options, progress: Report) -> Ngrams:
    """N-grams that learn from labels alone. What people reviewed and what was made by rule counts as it was told, all
    else, stars too, counts 1."""
    rows = [row for row, source in enumerate(examples.sources) if source not in (UNLABELLED, AUGMENTED)]
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
    told: Mapping[str, Any],
    known: Mapping[str, Source],
) -> None:
    """Calibrate, measure and write; ``told`` is what the metrics hold of the training, ``known`` is for the card."""
    configuration, ngrams = calibrate(network, ngrams, parts["validation"], options)
    metrics = measure(network, ngrams, configuration, parts) | dict(told)
    write_artifact(output, configuration, words, simplified, metrics, network.plain_weights(), ngrams)
    write_card(output, known)


def _write_curve(path: Path, curve: Sequence[Epoch]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(asdict(curve[0])))
        writer.writeheader()
        writer.writerows(asdict(one) for one in curve)
