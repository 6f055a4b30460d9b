"""Fine-tune an encoder on labelled comments, with checkpoints.

Comments are drawn in chunks. The seed and the chunk's number determine a chunk, so a position consists of the numbers
of chunks and batches. The result is the running mean of the weights, which is available at any time.
"""

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import get_ema_multi_avg_fn

from liuyan.errors import UsageError
from liuyan.progress import Report
from model.processor import CPU
from model.training.data import Comment
from research.device import reduced_precision
from research.teacher.encoder import Encoder

# Texts as token numbers.
Pieces = Sequence[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """Options of a fine-tuning.

    ``rate`` is the initial learning rate of the last layer; each lower layer has ``decay`` times the rate of the next
    one, and all rates fall linearly to 0. ``averaging`` is the decay of the running mean per step. ``rated_share`` is
    the relative sampling weight of data sets labelled by stars; a data set of n comments is sampled in proportion to n
    to the power of ``drawn_power``. ``learns_words`` also trains token and position embeddings. ``dropout`` is the
    dropout rate, ``masked`` the share of masked tokens. ``pretrained`` names the pretrained encoder.
    """

    pretrained: str = "e5"
    seed: int = 1
    longest: int = 96
    pieces_in_batch: int = 2_048
    chunk: int = 8_192
    rate: float = 1e-4
    output_rate: float = 1e-3
    decay: float = 0.9
    warmup: int = 200
    averaging: float = 0.998
    smoothing: float = 0.02
    rated_share: float = 0.6
    drawn_power: float = 0.5
    learns_words: bool = False
    dropout: float = 0.0
    masked: float = 0.0


# The options that determine the order of comments and the trained parameters. Others may change when resuming.
ORDER = ("pretrained", "seed", "longest", "pieces_in_batch", "chunk", "rated_share", "drawn_power", "learns_words")
# Values of options that older checkpoints lack.
DEFAULTS = {"pretrained": "e5", "drawn_power": 0.5, "learns_words": False}


@dataclass(frozen=True, slots=True)
class Position:
    """The progress of a training: optimizer steps, comments seen, and the next batch in the order of chunks."""

    steps: int = 0
    comments: int = 0
    chunk: int = 0
    batch: int = 0


class EncoderTraining:
    """An encoder with its optimizer and running mean, which checkpoints store."""

    def __init__(self, encoder: Encoder, options: EncoderOptions) -> None:
        self.encoder = encoder
        self.options = options
        self._device = encoder.output.weight.device
        self.position = Position()
        self._optimiser = torch.optim.AdamW(_groups(encoder, options), weight_decay=0.01, fused=True)
        self._rates = [group["lr"] for group in self._optimiser.param_groups]
        self._parameters = list(encoder.parameters())
        self._mean = [parameter.detach().clone() for parameter in self._parameters]

    def step(self, numbers: Tensor, targets: Tensor, left: float) -> float:
        """Take an optimizer step on texts of equal length (texts, tokens) with targets (texts). Return the loss.

        ``left`` is the remaining share of the training.
        """
        share = left * min(1.0, (1 + self.position.steps) / self.options.warmup)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = share * rate
        with reduced_precision(self._device):
            logits = self.encoder(self._mask(numbers.to(self._device)))
        smoothed = targets.to(self._device) * (1 - 2 * self.options.smoothing) + self.options.smoothing
        loss = binary_cross_entropy_with_logits(logits.float(), smoothed)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        keep = min(self.options.averaging, (1 + self.position.steps) / (10 + self.position.steps))
        average = get_ema_multi_avg_fn(keep)  # type: ignore[no-untyped-call]
        average(self._mean, [one.detach() for one in self._parameters], self.position.steps)
        return loss.item()

    def _mask(self, numbers: Tensor) -> Tensor:
        """Mask a share of the tokens between start and end in ``numbers`` (texts, tokens)."""
        if not self.options.masked:
            return numbers
        masked = torch.rand(numbers.shape, device=numbers.device) < self.options.masked
        masked[:, 0] = masked[:, -1] = False
        return numbers.masked_fill(masked, self.encoder.sizes.mask)

    def mean_state(self) -> dict[str, Tensor]:
        """Return the averaged weights by their names in the encoder."""
        return mean_state(self.encoder, self._mean)

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        state = {
            "options": asdict(self.options),
            "position": asdict(self.position),
            "encoder": self.encoder.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "mean": self._mean,
        }
        unfinished = path.with_suffix(".unfinished")
        torch.save(state, unfinished)
        unfinished.replace(path)

    def load(self, path: Path) -> None:
        """Load a checkpoint. Raises UsageError when its options differ."""
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self._device)
        now, before = asdict(self.options), state["options"]
        if any(now[name] != before.get(name, DEFAULTS.get(name)) for name in ORDER):
            raise UsageError(f"{path} was written with other options: {before}. Move it away to start over.")
        self.position = Position(**state["position"])
        self.encoder.load_state_dict(state["encoder"])
        self._optimiser.load_state_dict(state["optimiser"])
        for mean, saved in zip(self._mean, state["mean"], strict=True):
            mean.copy_(saved)


def mean_state(encoder: Encoder, mean: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return the state of ``encoder`` with its parameters replaced by their running ``mean``."""
    names = [name for name, _ in encoder.named_parameters()]
    state = dict(zip(names, mean, strict=True))
    return state | {"positions": state.get("positions", encoder.positions)}


def comments_seen(path: Path) -> int:
    """Return the number of comments in the training of the checkpoint ``path``."""
    seen: int = torch.load(path, weights_only=True, mmap=True, map_location=CPU)["position"]["comments"]
    return seen


def _groups(encoder: Encoder, options: EncoderOptions) -> list[dict[str, Any]]:
    """Return parameter groups: low rates for lower layers, which know the language, and a high rate for the output."""
    groups: list[dict[str, Any]] = [{"params": list(encoder.output.parameters()), "lr": options.output_rate}]
    rate = options.rate
    for layer in reversed(encoder.layers):
        groups.append({"params": list(layer.parameters()), "lr": rate})
        rate *= options.decay
    below = [*encoder.norm.parameters(), encoder.words, encoder.positions]
    groups.append({"params": [one for one in below if one.requires_grad], "lr": rate})
    return groups


def draw_weights(sources: Sequence[str], rated: Sequence[bool], rated_share: float, power: float) -> list[float]:
    """Return the sampling weight of each comment, with ``sources`` and ``rated`` of the comments.

    A data set is drawn in proportion to a ``power`` of its size, which favours small ones.
    """
    sizes = Counter(sources)
    shares = [rated_share if stars else 1.0 for stars in rated]
    return [share * sizes[source] ** (power - 1) for source, share in zip(sources, shares, strict=True)]


def batches(
    pieces: Pieces, weights: Tensor, options: EncoderOptions, position: Position
) -> Iterator[tuple[Position, list[int]]]:
    """Yield batches of rows with equal lengths, from ``position`` on and without end, and the position after each.

    ``steps`` and ``comments`` continue from ``position``.
    """
    while True:
        plan = _plan(pieces, weights, options, position.chunk)
        for rows in plan[position.batch :]:
            done, seen = position.batch + 1, position.comments + len(rows)
            position = Position(position.steps + 1, seen, position.chunk, done)
            yield position, rows
        position = Position(position.steps, position.comments, position.chunk + 1, 0)


def _plan(pieces: Pieces, weights: Tensor, options: EncoderOptions, chunk: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1_000_003 * options.seed + chunk)
    drawn = torch.multinomial(weights, min(options.chunk, len(weights)), generator=generator).tolist()
    by_length: dict[int, list[int]] = {}
    for row in drawn:
        by_length.setdefault(len(pieces[row]), []).append(row)
    plan = []
    for length, rows in sorted(by_length.items()):
        size = max(1, options.pieces_in_batch // length)
        plan += [rows[start : start + size] for start in range(0, len(rows), size)]
    return [plan[place] for place in torch.randperm(len(plan), generator=generator).tolist()]


@torch.inference_mode()
def answer(encoder: Encoder, pieces: Pieces, pieces_in_batch: int) -> tuple[Tensor, Tensor]:
    """Return logits (texts) in order, and the means of the last states (texts, width), float16."""
    by_length: dict[int, list[int]] = {}
    for row, text in enumerate(pieces):
        by_length.setdefault(len(text), []).append(row)
    logits = torch.empty(len(pieces))
    means = torch.empty(len(pieces), encoder.sizes.width, dtype=torch.float16)
    device = encoder.output.weight.device
    with reduced_precision(device):
        for length, rows in by_length.items():
            size = max(1, pieces_in_batch // length)
            for start in range(0, len(rows), size):
                some = rows[start : start + size]
                mean = encoder.mean(torch.tensor([pieces[row] for row in some]).to(device))
                logits[some] = encoder.output(mean)[:, 0].float().cpu()
                means[some] = mean.half().cpu()
    return logits, means


@dataclass(frozen=True, slots=True)
class EncoderCheck:
    """One row of the training curve: mean validation accuracy over data sets, and training loss since the last row."""

    comments: int
    train_loss: float
    accuracy: float
    seconds: float
    sources: Mapping[str, float]


def fine_tune(
    training: EncoderTraining,
    pieces: Pieces,
    comments: Sequence[Comment],
    until: int,
    path: Path,
    check: Callable[[], Mapping[str, float]],
    report: Report,
    every_seconds: float = 240.0,
    checks_every: int = 16_384,
) -> Iterator[EncoderCheck]:
    """Train up to ``until`` comments in total, with checkpoints in ``path`` every few minutes. Yield a row per check.

    The final checkpoint contains the whole training.
    """
    targets = torch.tensor([one.target for one in comments])
    options = training.options
    sets, rated = [one.source for one in comments], [one.rated for one in comments]
    weights = torch.tensor(draw_weights(sets, rated, options.rated_share, options.drawn_power))
    path.parent.mkdir(parents=True, exist_ok=True)
    started = saved = time.monotonic()
    losses: list[float] = []
    order = batches(pieces, weights, options, training.position)
    while training.position.comments < until:
        position, rows = next(order)
        training.encoder.train()
        left = 1 - training.position.comments / until
        losses.append(training.step(torch.tensor([pieces[row] for row in rows]), targets[rows], left))
        checked = position.comments // checks_every > training.position.comments // checks_every
        training.position = position
        report("training the encoder", position.comments, until)
        if time.monotonic() - saved > every_seconds or checked:
            training.save(path)
            saved = time.monotonic()
        if checked or position.comments >= until:
            sources = dict(check())
            mean = sum(sources.values()) / len(sources)
            seconds = time.monotonic() - started
            row = EncoderCheck(position.comments, sum(losses) / len(losses), mean, seconds, sources)
            _append(path.with_suffix(".csv"), row)
            losses.clear()
            yield row
    training.save(path)


def _append(path: Path, row: EncoderCheck) -> None:
    values = {name: value for name, value in asdict(row).items() if name != "sources"} | dict(row.sources)
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(values))
        if new:
            writer.writeheader()
        writer.writerow(values)


def check_line(row: EncoderCheck) -> str:
    """Format a row of the training curve."""
    return (
        f"comments {row.comments} train_loss {row.train_loss:.4f} validation_accuracy {row.accuracy:.4f} "
        f"seconds {row.seconds:.0f}"
    )
