"""Training: labelled comments in, an artifact folder out, the same one each time under the same seed."""

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel

from liuyan.errors import UsageError
from liuyan.model.artifact import Configuration, write_artifact
from liuyan.model.card import write_card
from liuyan.model.data import Comment, Part, part_of, simplified_characters
from liuyan.model.evaluate import Floats, Truth, score, score_band, uncertain_band
from liuyan.model.folded import FoldedNetwork
from liuyan.model.network import ComposedEmbedding, Network, Shape
from liuyan.model.normalise import character_table, normalise
from liuyan.model.progress import Report
from liuyan.model.segment import segment
from liuyan.model.vocabulary import Vocabulary, choose_words


@dataclass(frozen=True, slots=True)
class Options:
    """What a training is told; with the data it decides the artifact. ``rated_weight`` is what a comment labelled by
    its stars counts against one labelled by a person; ``uncertain_share`` is that of the uncertain band; ``teachers``
    are the models (SHA-256) whose answers make ``teachers_share`` of the targets (distil.py). Training reads the head
    and the tail of ``longest_trained`` words, serving of ``maximum_tokens``."""

    name: str = "liuyan-gru"
    seed: int = 1
    epochs: int = 6
    patience: int = 2
    words: int = 40_000
    embedding: int = 128
    hidden: int = 128
    dropout: float = 0.4
    batch: int = 128
    rate: float = 2e-3
    averaging: float = 0.999
    smoothing: float = 0.02
    rated_weight: float = 0.5
    maximum_tokens: int = 400
    longest_trained: int = 128
    uncertain_share: float = 0.22
    teachers: tuple[str, ...] = ()
    teachers_share: float = 0.7


@dataclass(frozen=True, slots=True)
class Examples:
    """Comments of one part as the network takes them: word numbers, target and weight of each, and where it is from."""

    texts: list[tuple[int, ...]]
    targets: Tensor
    weights: Tensor
    positive: Truth
    sources: list[str]


@dataclass(frozen=True, slots=True)
class Epoch:
    """A row of the curve: losses are weighted means of cross-entropy, the accuracy is that of the averaged weights."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


def train(
    comments: dict[str, Comment], options: Options, output: Path, progress: Report, report: Callable[[Epoch], None]
) -> dict[str, object]:
    """Train on ``comments`` (by digest) and write the artifact to ``output``, anew whenever validation got better.

    Gives the metrics that are stored with it. Raises UsageError when there are too few comments, or when ``output``
    cannot be a folder.
    """
    _make_folder(output)
    torch.manual_seed(options.seed)
    simplified = simplified_characters()
    parts, words = _prepare(comments, options, simplified, progress)
    shape = Shape(len(words), options.embedding, options.hidden)
    network = Network(shape, options.dropout, ComposedEmbedding(words, options.embedding))
    best = -1.0
    waited = 0
    curve: list[Epoch] = []
    metrics: dict[str, object] = {}
    for epoch, averaged in _epochs(network, parts["train"], parts["validation"], options, progress):
        curve.append(epoch)
        report(epoch)
        waited += 1
        if epoch.validation_accuracy > best:
            best, waited = epoch.validation_accuracy, 0
            configuration = _calibrate(averaged, parts["validation"], options)
            metrics = _measure(averaged, configuration, parts)
            metrics |= {"options": asdict(options), "curve": [asdict(one) for one in curve], "rows": _count(parts)}
            write_artifact(output, configuration, words, simplified, metrics, averaged.plain_weights())
            write_card(output)
        _write_curve(output / "curve.csv", curve)
        if waited >= options.patience:
            break
    return metrics


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {output} cannot be made: {error.strerror}; name another as --output.") from error


def _prepare(
    comments: dict[str, Comment], options: Options, simplified: dict[str, str], progress: Report
) -> tuple[dict[Part, Examples], list[str]]:
    """Segment all comments, choose the words by the training part alone, and look all of them up."""
    table = character_table(simplified)
    segmented: dict[str, list[str]] = {}
    for key, comment in comments.items():
        segmented[key] = segment(normalise(comment.text, table))
        if len(segmented) % 2_000 == 0:
            progress("segmenting", len(segmented), len(comments))
    keys: dict[Part, list[str]] = {"train": [], "validation": [], "test": []}
    for key in sorted(comments):
        keys[part_of(key)].append(key)
    if not all(keys.values()):
        raise UsageError(f"{len(comments)} comments are too few to train, validate and test on: name more data.")
    words = choose_words((segmented[key] for key in keys["train"]), options.words)
    longest = {"train": options.longest_trained, "validation": options.maximum_tokens, "test": options.maximum_tokens}
    parts = {
        part: _examples(keys[part], comments, segmented, Vocabulary(words, longest[part]), options) for part in keys
    }
    return parts, words


def _examples(
    keys: Sequence[str],
    comments: dict[str, Comment],
    segmented: dict[str, list[str]],
    vocabulary: Vocabulary,
    options: Options,
) -> Examples:
    chosen = [comments[key] for key in keys]
    return Examples(
        texts=[vocabulary.look_up(segmented[key]) for key in keys],
        targets=torch.tensor([one.target for one in chosen]),
        weights=torch.tensor([options.rated_weight if one.rated else 1.0 for one in chosen]),
        positive=numpy.array([one.positive for one in chosen]),
        sources=[one.source for one in chosen],
    )


def _epochs(
    network: Network, examples: Examples, validation: Examples, options: Options, progress: Report
) -> Iterator[tuple[Epoch, Network]]:
    """Train epoch after epoch; gives the curve's row and the averaged network, which is better than the last one."""
    batches = sum(1 for _ in _shuffle(examples, options))
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.rate, total_steps=batches * options.epochs, pct_start=0.1
    )
    averaged = AveragedModel(network, avg_fn=_average(options.averaging))
    for number in range(1, options.epochs + 1):
        started = time.monotonic()
        losses = []
        for done, rows in enumerate(_shuffle(examples, options)):
            losses.append(_step(network, optimiser, examples, rows, options.smoothing))
            schedule.step()
            averaged.update_parameters(network)
            progress(f"epoch {number} of {options.epochs}", done + 1, batches)
        inner = averaged.module
        assert isinstance(inner, Network)  # noqa: S101 - AveragedModel's type does not say what it wraps
        loss_now, accuracy = _validate(inner, validation)
        mean = sum(losses) / len(losses)
        yield Epoch(number, mean, loss_now, accuracy, time.monotonic() - started), inner


def _step(
    network: Network, optimiser: torch.optim.Optimizer, examples: Examples, rows: Sequence[int], smoothing: float
) -> float:
    """One step of gradient descent on the comments in ``rows``; gives their loss."""
    network.train()
    optimiser.zero_grad()
    with _rough_products():
        logits = network.forward_equal(torch.tensor([examples.texts[row] for row in rows]))
        loss = _loss(logits, examples, rows, smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return loss.item()


@contextmanager
def _rough_products() -> Iterator[None]:
    """Products in bfloat16 where the processor has them, sums in float32: good enough for a gradient, and quicker."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential moving average that forgets the random start sooner than its decay would."""

    def average(mean: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
        return torch.lerp(mean, now, 1 - min(decay, (1 + float(count)) / (10 + float(count))))

    return average


def _shuffle(examples: Examples, options: Options) -> Iterator[list[int]]:
    """Batches of rows in random order, each of texts of one length."""
    by_length: dict[int, list[int]] = {}
    for row in torch.randperm(len(examples.texts)).tolist():
        by_length.setdefault(len(examples.texts[row]), []).append(row)
    batches = [
        rows[start : start + options.batch]
        for rows in by_length.values()
        for start in range(0, len(rows), options.batch)
    ]
    for place in torch.randperm(len(batches)).tolist():
        yield batches[place]


def _loss(logits: Tensor, examples: Examples, rows: Iterable[int], smoothing: float = 0.0) -> Tensor:
    places = torch.tensor(list(rows))
    weights = examples.weights[places]
    targets = examples.targets[places] * (1 - 2 * smoothing) + smoothing
    losses = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses * weights).sum() / weights.sum()


def _validate(network: Network, validation: Examples) -> tuple[float, float]:
    """Weighted cross-entropy and weighted accuracy."""
    logits = FoldedNetwork(network.plain_weights()).logits(validation.texts)
    right = (logits >= 0).numpy() == validation.positive
    accuracy = float(numpy.average(right, weights=validation.weights.numpy()))
    return float(_loss(logits, validation, range(len(logits)))), accuracy


def _calibrate(network: Network, validation: Examples, options: Options) -> Configuration:
    """Platt scaling of the logits on validation, then the uncertain band on the probabilities that this gives."""
    logits = FoldedNetwork(network.plain_weights()).logits(validation.texts).clone()
    line = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=100)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = _loss(line[0] * logits + line[1], validation, range(len(logits)))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    scale, shift = line.tolist()
    low, high = uncertain_band(_sigmoid(scale * logits + shift), options.uncertain_share)
    return Configuration(
        options.name, options.embedding, options.hidden, options.maximum_tokens, scale, shift, low, high
    )


def _measure(network: Network, configuration: Configuration, parts: dict[Part, Examples]) -> dict[str, object]:
    """Scores on validation and test: pooled, and of each source; the weights as they are stored, in float16."""
    stored = {name: tensor.to(torch.float16).to(torch.float32) for name, tensor in network.plain_weights().items()}
    folded = FoldedNetwork(stored)
    metrics: dict[str, object] = {}
    held: tuple[Part, ...] = ("validation", "test")
    for part in held:
        examples = parts[part]
        guess = _sigmoid(configuration.scale * folded.logits(examples.texts) + configuration.shift)
        sources = numpy.array(examples.sources)
        band = score_band(guess, examples.positive, configuration.uncertain_low, configuration.uncertain_high)
        metrics[part] = {
            "pooled": asdict(score(guess, examples.positive)),
            "band": asdict(band),
            "sources": {
                source: asdict(score(guess[sources == source], examples.positive[sources == source]))
                for source in sorted(set(examples.sources))
            },
        }
    return metrics


def _sigmoid(logits: Tensor) -> Floats:
    return logits.double().sigmoid().numpy()


def _count(parts: dict[Part, Examples]) -> dict[str, dict[str, int]]:
    """Rows of each source in each part."""
    return {
        part: {source: examples.sources.count(source) for source in sorted(set(examples.sources))}
        for part, examples in parts.items()
    }


def _write_curve(path: Path, curve: Sequence[Epoch]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(asdict(curve[0])))
        writer.writeheader()
        writer.writerows(asdict(one) for one in curve)
