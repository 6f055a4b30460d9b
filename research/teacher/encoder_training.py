"""Fine-tuning the encoder on labelled comments: an hour or two at a time, on a processor, resumed where it stood.

Comments come in chunks, each drawn anew under the seed and its own number, so that a position is a number of chunks and
batches. What is used in the end is the running mean of the weights, which may be taken at any time.
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
from model.processor import CPU
from model.progress import Report
from model.training.data import Comment
from research.device import rough_products
from research.teacher.encoder import Encoder

# A text as its pieces, the probability that it is to be given, and how often it is drawn.
Pieces = Sequence[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """``rate`` is that of the last layer to begin with, each one below learns ``decay`` times as fast, and all of them
    fall to nought in a straight line until the last comment; ``averaging`` is the share of the running mean that a step
    keeps. ``rated_share`` is how often a set labelled by stars is drawn against others, and a set of n comments is
    drawn in proportion to n to the power of ``drawn_power``. ``learns_words`` says that the vectors of pieces and
    places learn too; ``dropout`` is the share of numbers left out and ``masked`` that of pieces that are not shown.
    ``pretrained`` names what was begun with.
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


# What decides which comments come when, and what learns; all else may change between two calls.
ORDER = ("pretrained", "seed", "longest", "pieces_in_batch", "chunk", "rated_share", "drawn_power", "learns_words")
# What trainings that were begun before there was a choice are of.
BEFORE = {"pretrained": "e5", "drawn_power": 0.5, "learns_words": False}


@dataclass(frozen=True, slots=True)
class Position:
    """How far a training is: steps of descent, comments seen, and where in the order of chunks it goes on."""

    steps: int = 0
    comments: int = 0
    chunk: int = 0
    batch: int = 0


class EncoderTraining:
    """An encoder, its optimiser and its running mean, which can be written to a file and read again."""

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
        """One step of descent on texts of one length (texts, pieces) and their targets (texts); gives the loss.

        ``left`` is the share of the training that is still to come.
        """
        share = left * min(1.0, (1 + self.position.steps) / self.options.warmup)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = share * rate
        with rough_products(self._device):
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
        """``numbers`` (texts, pieces) with a share of those between begin and end masked."""
        if not self.options.masked:
            return numbers
        masked = torch.rand(numbers.shape, device=numbers.device) < self.options.masked
        masked[:, 0] = masked[:, -1] = False
        return numbers.masked_fill(masked, self.encoder.sizes.mask)

    def mean_state(self) -> dict[str, Tensor]:
        """The weights to use: the running mean, by their names in the encoder."""
        return mean_state(self.encoder, self._mean)

    def save(self, path: Path) -> None:
        """Write all of it, so that a kill at any time leaves a whole file."""
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
        """Go on where the file stood. Raises UsageError when it was trained in another way."""
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self._device)
        told, before = asdict(self.options), state["options"]
        if any(told[name] != before.get(name, BEFORE.get(name)) for name in ORDER):
            raise UsageError(f"{path} was begun with other options, {before}: move it away to begin anew.")
        self.position = Position(**state["position"])
        self.encoder.load_state_dict(state["encoder"])
        self._optimiser.load_state_dict(state["optimiser"])
        for mean, saved in zip(self._mean, state["mean"], strict=True):
            mean.copy_(saved)


def mean_state(encoder: Encoder, mean: Sequence[Tensor]) -> dict[str, Tensor]:
    """The state of ``encoder`` with the running mean of its parameters in their place."""
    names = [name for name, _ in encoder.named_parameters()]
    state = dict(zip(names, mean, strict=True))
    return state | {"positions": state.get("positions", encoder.positions)}


def comments_seen(path: Path) -> int:
    """How many comments the training in ``path`` has seen."""
    seen: int = torch.load(path, weights_only=True, mmap=True, map_location=CPU)["position"]["comments"]
    return seen


def _groups(encoder: Encoder, options: EncoderOptions) -> list[dict[str, Any]]:
    """Lower layers know language and learn slowly, the output knows nothing and learns fast."""
    groups: list[dict[str, Any]] = [{"params": list(encoder.output.parameters()), "lr": options.output_rate}]
    rate = options.rate
    for layer in reversed(encoder.layers):
        groups.append({"params": list(layer.parameters()), "lr": rate})
        rate *= options.decay
    below = [*encoder.norm.parameters(), encoder.words, encoder.positions]
    groups.append({"params": [one for one in below if one.requires_grad], "lr": rate})
    return groups


def draw_weights(sources: Sequence[str], rated: Sequence[bool], rated_share: float, power: float) -> list[float]:
    """How often each comment is drawn: a set as often as a ``power`` of its size, so that small ones are heard.

    ``sources`` and ``rated`` are those of the comments.
    """
    sizes = Counter(sources)
    shares = [rated_share if stars else 1.0 for stars in rated]
    return [share * sizes[source] ** (power - 1) for source, share in zip(sources, shares, strict=True)]


def batches(
    pieces: Pieces, weights: Tensor, options: EncoderOptions, position: Position
) -> Iterator[tuple[Position, list[int]]]:
    """Rows of texts of one length without end, from ``position`` on, each with the position behind it.

    ``steps`` and ``comments`` of the positions count on.
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
def answer(encoder: Encoder, pieces: Pieces, together: int) -> tuple[Tensor, Tensor]:
    """Logits (texts) of texts given as pieces, in their order, and the means of the last states (texts, width) float16.

    ``together`` pieces are computed at once.
    """
    by_length: dict[int, list[int]] = {}
    for row, text in enumerate(pieces):
        by_length.setdefault(len(text), []).append(row)
    logits = torch.empty(len(pieces))
    means = torch.empty(len(pieces), encoder.sizes.width, dtype=torch.float16)
    device = encoder.output.weight.device
    with rough_products(device):
        for length, rows in by_length.items():
            size = max(1, together // length)
            for start in range(0, len(rows), size):
                some = rows[start : start + size]
                mean = encoder.mean(torch.tensor([pieces[row] for row in some]).to(device))
                logits[some] = encoder.output(mean)[:, 0].float().cpu()
                means[some] = mean.half().cpu()
    return logits, means


@dataclass(frozen=True, slots=True)
class EncoderCheck:
    """A row of the encoder's curve: accuracy on validation over all sets alike, and loss since the last row."""

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
    """Train until ``until`` comments were seen in all; write ``path`` every few minutes, check every so many comments.

    Gives a row a check; ``path`` holds all of the training when this ends.
    """
    targets = torch.tensor([one.target for one in comments])
    options = training.options
    sets, rated = [one.source for one in comments], [one.rated for one in comments]
    weights = torch.tensor(draw_weights(sets, rated, options.rated_share, options.drawn_power))
    path.parent.mkdir(parents=True, exist_ok=True)
    began = saved = time.monotonic()
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
            seconds = time.monotonic() - began
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
    """A row of the curve for people."""
    return (
        f"comments {row.comments} train_loss {row.train_loss:.4f} validation_accuracy {row.accuracy:.4f} "
        f"seconds {row.seconds:.0f}"
    )
