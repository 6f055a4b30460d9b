"""Gradient descent, a step at a time, with everything that a later process needs to go on as if never interrupted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from liuyan.errors import UsageError
from model.network import Network
from model.processor import CPU
from model.progress import Report
from model.training.examples import Examples, batches, weighted_loss
from model.training.hints import Hints, missed
from model.training.options import Options

SAVE_EVERY_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Epoch:
    """A row of the curve: losses are weighted means of cross-entropy, the accuracy is that of the averaged weights."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(slots=True)
class Standing:
    """How far a training is: the epoch in hand and its batches done, their losses, the seconds spent on it; the curve
    of the epochs before it, and after how many of them the best one came."""

    epoch: int = 1
    batch: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    curve: list[Epoch] = field(default_factory=list)
    best: float = -1.0
    waited: int = 0


class Trainer:
    """A network on its way down, its averaged weights, and where it stands."""

    def __init__(
        self,
        network: Network,
        examples: Examples,
        options: Options,
        hints: Hints | None = None,
        device: torch.device = CPU,
    ) -> None:
        """``hints`` are for a network that guesses vectors of their width; ``network`` moves to ``device``."""
        self._network = network.to(device)
        self._device = device
        self._examples = examples
        self._options = options
        self._hints = hints
        self._hinted = hints.places(examples.keys) if hints else None
        self._batches = sum(1 for _ in batches(examples, options.batch, 0))
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.01, fused=True)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, options.rate, total_steps=self._batches * options.epochs, pct_start=0.1
        )
        self._averaged = AveragedModel(network, avg_fn=_average(options.averaging))
        self.standing = Standing()

    @property
    def averaged(self) -> Network:
        """The network with averaged weights, which is better than the last one."""
        inner = self._averaged.module
        assert isinstance(inner, Network)  # noqa: S101 - AveragedModel's type does not say what it wraps
        return inner

    def run_epoch(self, progress: Report, save: Callable[[], None]) -> tuple[float, float]:
        """Finish the epoch in hand, with ``save`` called every few minutes; gives its mean loss and its seconds."""
        standing, options = self.standing, self._options
        began = saved = time.monotonic()
        spent = standing.seconds
        order = list(batches(self._examples, options.batch, 1_000_003 * options.seed + standing.epoch))
        for rows in order[standing.batch :]:
            standing.losses.append(self._step(rows))
            standing.batch += 1
            standing.seconds = spent + time.monotonic() - began
            progress(f"epoch {standing.epoch} of {options.epochs}", standing.batch, self._batches)
            if time.monotonic() - saved > SAVE_EVERY_SECONDS:
                save()
                saved = time.monotonic()
        mean, seconds = sum(standing.losses) / len(standing.losses), standing.seconds
        standing.epoch, standing.batch, standing.losses, standing.seconds = standing.epoch + 1, 0, [], 0.0
        return mean, seconds

    def _step(self, rows: list[int]) -> float:
        """One step on the comments in ``rows``; gives their loss."""
        self._network.train()
        self._optimiser.zero_grad()
        with _rough_products():
            numbers = torch.tensor([self._examples.texts[row] for row in rows]).to(self._device)
            logits, guesses = self._network.forward_equal(numbers)
            loss = weighted_loss(logits, self._examples, rows, self._options.smoothing)
            (loss + self._missed(guesses, rows)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimiser.step()
        self._schedule.step()
        self._averaged.update_parameters(self._network)
        return loss.item()

    def _missed(self, guesses: Tensor | None, rows: list[int]) -> Tensor:
        """What the ``guesses`` (rows, width) of the comments in ``rows`` add to their loss; nothing without hints."""
        if guesses is None or self._hints is None or self._hinted is None:
            return torch.zeros(())
        places = self._hinted[rows]
        hinted = places >= 0
        if not hinted.any():
            return torch.zeros(())
        weights = self._examples.weights[rows][hinted]
        vectors = self._hints.vectors[places[hinted]].float()
        guessed = guesses[hinted.to(self._device)]
        return self._options.hints * missed(guessed, vectors.to(self._device), weights.to(self._device))

    def save(self, path: Path) -> None:
        """Write all of it to ``path``; a kill at any time leaves a whole file."""
        state = {
            "options": asdict(self._options),
            "standing": asdict(self.standing),
            "comments": len(self._examples.texts),
            "network": self._network.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "generator": torch.get_rng_state(),
        }
        unfinished = path.with_suffix(".unfinished")
        torch.save(state, unfinished)
        unfinished.replace(path)

    def load(self, path: Path) -> None:
        """Go on where ``path`` stands. Raises UsageError when it is of a training with other options or data."""
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self._device)
        told = asdict(self._options) | {"teachers": list(self._options.teachers)}
        before = state["options"] | {"teachers": list(state["options"]["teachers"])}
        changed = [name for name in told if told[name] != before.get(name)]
        if changed or state["comments"] != len(self._examples.texts):
            reason = f"another {', '.join(changed)}" if changed else f"{state['comments']} comments"
            raise UsageError(f"{path} was begun with {reason}: call it as before, or leave --resume out to begin anew.")
        self._network.load_state_dict(state["network"])
        self._averaged.load_state_dict(state["averaged"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["generator"].cpu())
        standing = state["standing"]
        self.standing = Standing(**standing | {"curve": [Epoch(**one) for one in standing["curve"]]})


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
