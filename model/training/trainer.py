"""Run the optimizer, with checkpoints that let another process resume with the same result."""

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
from liuyan.progress import Report
from model.network import Network
from model.processor import CPU
from model.training.examples import Examples, batches, weighted_loss
from model.training.hints import Hints, hint_loss
from model.training.options import Options

SAVE_EVERY_SECONDS = 180.0
# The share of the optimizer steps in which the learning rate rises.
WARM_UP = 0.1


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row of the training curve. Losses are weighted mean cross-entropy; accuracy is that of averaged weights."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(slots=True)
class TrainingState:
    """The progress of a training.

    ``epoch`` is the current epoch; ``batch``, ``losses`` and ``seconds`` are its finished batches, their losses and the
    time spent. ``curve`` has the earlier epochs. ``best`` is the best validation accuracy, ``waited`` the number of
    epochs since then.
    """

    epoch: int = 1
    batch: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    curve: list[Epoch] = field(default_factory=list)
    best: float = -1.0
    waited: int = 0


class Trainer:
    """Trains a network and averages its weights."""

    def __init__(
        self,
        network: Network,
        examples: Examples,
        options: Options,
        hints: Hints | None = None,
        device: torch.device = CPU,
    ) -> None:
        """``hints`` require a network that predicts vectors of their width. ``network`` moves to ``device``."""
        self._network = network.to(device)
        self._device = device
        self._examples = examples
        self._options = options
        self._hints = hints
        self._hinted = hints.places(examples.keys) if hints else None
        self._batches = sum(1 for _ in batches(examples, options.batch, 0))
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.01, fused=True)
        steps = self._batches * options.epochs
        # With a warm-up of exactly one step, OneCycleLR divides by zero.
        warm_up = WARM_UP if WARM_UP * steps != 1 else 2 * WARM_UP
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, options.rate, total_steps=steps, pct_start=warm_up
        )
        self._averaged = AveragedModel(network, avg_fn=_average(options.averaging))
        self.state = TrainingState()

    @property
    def averaged(self) -> Network:
        """The network with averaged weights, which are better than the latest ones."""
        inner = self._averaged.module
        assert isinstance(inner, Network)  # noqa: S101 - AveragedModel does not type the wrapped module
        return inner

    def run_epoch(self, progress: Report, save: Callable[[], None]) -> tuple[float, float]:
        """Finish the current epoch, and call ``save`` every few minutes. Return its mean loss and seconds."""
        state, options = self.state, self._options
        started = saved = time.monotonic()
        spent = state.seconds
        order = list(batches(self._examples, options.batch, 1_000_003 * options.seed + state.epoch))
        for rows in order[state.batch :]:
            state.losses.append(self._step(rows))
            state.batch += 1
            state.seconds = spent + time.monotonic() - started
            progress(f"epoch {state.epoch} of {options.epochs}", state.batch, self._batches)
            if time.monotonic() - saved > SAVE_EVERY_SECONDS:
                save()
                saved = time.monotonic()
        mean, seconds = sum(state.losses) / len(state.losses), state.seconds
        state.epoch, state.batch, state.losses, state.seconds = state.epoch + 1, 0, [], 0.0
        return mean, seconds

    def _step(self, rows: list[int]) -> float:
        """Take one optimizer step on the comments in ``rows``. Return their loss."""
        self._network.train()
        self._optimiser.zero_grad()
        with _reduced_precision():
            numbers = torch.tensor([self._examples.texts[row] for row in rows]).to(self._device)
            logits, guesses = self._network.forward_equal(numbers)
            logits = logits + self._examples.ngram_logits[rows].to(self._device)
            loss = weighted_loss(logits, self._examples, rows, self._options.smoothing)
            (loss + self._hint_loss(guesses, rows)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimiser.step()
        self._schedule.step()
        self._averaged.update_parameters(self._network)
        return loss.item()

    def _hint_loss(self, guesses: Tensor | None, rows: list[int]) -> Tensor:
        """Return the hint loss of ``guesses`` (rows, width) for the comments in ``rows``; 0 without hints."""
        if guesses is None or self._hints is None or self._hinted is None:
            return torch.zeros(())
        places = self._hinted[rows]
        hinted = places >= 0
        if not hinted.any():
            return torch.zeros(())
        weights = self._examples.weights[rows][hinted]
        vectors = self._hints.vectors[places[hinted]].float()
        guessed = guesses[hinted.to(self._device)]
        return self._options.hints * hint_loss(guessed, vectors.to(self._device), weights.to(self._device))

    def save(self, path: Path) -> None:
        """Write a checkpoint to ``path`` atomically."""
        state = {
            "options": asdict(self._options),
            "standing": asdict(self.state),
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
        """Load the checkpoint ``path``. Raises UsageError when its options or data differ."""
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self._device)
        now = asdict(self._options) | {"teachers": list(self._options.teachers)}
        before = state["options"] | {"teachers": list(state["options"]["teachers"])}
        changed = [name for name in now if now[name] != before.get(name)]
        if changed or state["comments"] != len(self._examples.texts):
            reason = f"different options ({', '.join(changed)})" if changed else f"{state['comments']} comments"
            raise UsageError(f"{path} was written with {reason}. Use the same ones, or start over without --resume.")
        self._network.load_state_dict(state["network"])
        self._averaged.load_state_dict(state["averaged"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["generator"].cpu())
        progress = state["standing"]
        self.state = TrainingState(**progress | {"curve": [Epoch(**one) for one in progress["curve"]]})


@contextmanager
def _reduced_precision() -> Iterator[None]:
    """Allow bfloat16 products with float32 sums where supported: precise enough for gradients, and faster."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return an exponential moving average. Its decay is lower at the start, to forget the initial weights sooner."""

    def average(mean: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
        return torch.lerp(mean, now, 1 - min(decay, (1 + float(count)) / (10 + float(count))))

    return average
