"""The inference network: the same numbers as ``nn.GRU``, with half of its arithmetic done when it is loaded.

An input is always a word of the vocabulary, so embedding and input projection become one table per direction. Three
more things are precomputed: every fixed bias; tanh(x) = 2 sigmoid(2x) - 1, because PyTorch's tanh is slow; and the
affine part of that, by storing the state as (h + 1) / 2. A step is then a lookup, a product, two sigmoids and an
interpolation between old and new state.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.arrangement import Arrangement, arrange
from model.processor import has_avx512

# oneDNN prepares a kernel for each number of rows. Rounding up to a multiple keeps the number of kernels small; the
# results of the additional rows are ignored.
ROW_MULTIPLE = 16
# Maximum number of texts read in parallel: enough to keep the matrix product busy, few enough for the core's cache.
ROWS = 512
# Texts arranged at a time.
CHUNK_SIZE = 8_192


class Recurrence(Protocol):
    """The state's part of a step: ``state @ weight + bias``, without the bias of reset and update gates."""

    def over(self, switches: Tensor, state: Tensor) -> Callable[[], Tensor]:
        """Return a function to call once per step; its views are reused while the number of rows is the same.

        It adds the part of reset and update gates to ``switches`` (rows, 2 hidden) in place and returns the candidate's
        part (rows, hidden). ``state`` (at least rows, hidden) may have more rows than ``switches``.
        """


class PackedRecurrence:
    """The product with weights packed once for oneDNN.

    It is twice as fast as MKL on processors with AVX-512 that MKL does not optimise for (measured on an AMD EPYC: 230
    against 108 GFLOP/s). PyTorch's public interface to oneDNN copies states and gates at each step.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.T.contiguous(), ROWS)
        self._multiply = torch.ops.mkldnn._linear_pointwise
        self._bias = bias

    def over(self, switches: Tensor, state: Tensor) -> Callable[[], Tensor]:
        """See ``Recurrence.over``."""
        rows, width = switches.shape
        rounded = state[: _round_up(rows)]

        def add() -> Tensor:
            gates: Tensor = self._multiply(rounded, self._packed, self._bias, "none", [], "")
            switches.add_(gates[:rows, :width])
            return gates[:rows, width:]

        return add


class PlainRecurrence:
    """The product with PyTorch's ``addmm``, which accumulates in place: faster without AVX-512."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        switches = weight.shape[1] // 3 * 2
        self._switches, self._candidate = weight[:, :switches].contiguous(), weight[:, switches:].contiguous()
        self._bias = bias[switches:].contiguous()
        self._added = torch.empty(ROWS, len(self._bias))

    def over(self, switches: Tensor, state: Tensor) -> Callable[[], Tensor]:
        """See ``Recurrence.over``."""
        rows = len(switches)
        now, added = state[:rows], self._added[:rows]

        def add() -> Tensor:
            switches.addmm_(now, self._switches)
            return torch.addmm(self._bias, now, self._candidate, out=added)

        return add


def recurrence(weight: Tensor, bias: Tensor) -> Recurrence:
    """Return the faster implementation for this processor. The choice is fixed, so that probabilities repeat."""
    packs = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")  # type: ignore[no-untyped-call]
    return PackedRecurrence(weight, bias) if has_avx512() and packs else PlainRecurrence(weight, bias)


@dataclass(frozen=True, slots=True)
class _Running:
    """Views of the running rows: gate buffers, state, pooled values and the state's part of a step."""

    rows: int
    switches: Tensor
    reset: Tensor
    update: Tensor
    candidate: Tensor
    state: Tensor
    maximum: Tensor
    total: Tensor
    add: Callable[[], Tensor]

    def step(self) -> None:
        """Compute one step. The buffers contain the words' part."""
        self.mix(self.add())

    def mix(self, added: Tensor) -> None:
        """Compute the new state. The reset and update gates already include the old state's part; ``added`` is its
        part of the candidate, (rows, hidden) or (hidden)."""
        self.switches.sigmoid_()
        self.candidate.addcmul_(self.reset, added).sigmoid_()
        torch.lerp(self.candidate, self.state, self.update, out=self.state)
        torch.maximum(self.maximum, self.state, out=self.maximum)
        self.total.add_(self.state)


class Direction:
    """One direction of the GRU. Gates are in PyTorch's order: reset, update, candidate.

    ``switches`` are the reset and update gates together.
    """

    def __init__(self, weights: Mapping[str, Tensor], suffix: str, hidden: int) -> None:
        recurrent = weights[f"gru.weight_hh_l0{suffix}"].T.contiguous()
        recurrent_bias = weights[f"gru.bias_hh_l0{suffix}"]
        table = weights["embedding.weight"] @ weights[f"gru.weight_ih_l0{suffix}"].T
        table += weights[f"gru.bias_ih_l0{suffix}"]
        # h = 2 s - 1, hence h @ U + b = s @ 2U + (b - sum of U's rows).
        bias = recurrent_bias - recurrent.sum(0)
        recurrent = 2 * recurrent
        # The candidate is doubled for tanh(x) = 2 sigmoid(2x) - 1.
        for part in (table, recurrent):
            part[:, 2 * hidden :] *= 2
        bias[2 * hidden :] *= 2
        # The reset gate multiplies the candidate's recurrent bias, so only the other two biases move to the table.
        table[:, : 2 * hidden] += bias[: 2 * hidden]
        bias[: 2 * hidden] = 0
        # In the first step the state is 0.5 in every text, so its part is a constant.
        first = recurrent.sum(0) / 2 + bias
        self._first_switches, self._first_candidate = first[: 2 * hidden], first[2 * hidden :]
        self.hidden = hidden
        self.recurrent = recurrent
        self.bias = bias
        self._recurrence = recurrence(recurrent, bias)
        # Two contiguous tables are faster than slices of one.
        self._switches, self._candidate = table[:, : 2 * hidden].contiguous(), table[:, 2 * hidden :].contiguous()
        self._buffers = torch.empty(ROWS, 2 * hidden), torch.empty(ROWS, hidden)

    def inputs(self, words: Tensor) -> Tensor:
        """Return the words' part of their steps (..., 3 hidden) for word numbers (...): switches, then candidate."""
        return torch.cat([self._switches[words], self._candidate[words]], -1)

    def run(self, order: Arrangement, words: Tensor) -> Tensor:
        """Return maximum and sum of the states over the steps (2, texts, hidden), with states as (h + 1) / 2.

        ``words`` are word numbers, int64 (words), in reading order: by step, then by row.
        """
        rows, texts = order.running[0], len(order.row)
        state = torch.full((_round_up(rows), self.hidden), 0.5)
        seen, done = torch.zeros(2, rows, self.hidden), torch.empty(2, texts, self.hidden)
        running = self._view(rows, state, seen)
        for step, (numbers, change) in enumerate(zip(torch.split(words, order.running), order.changes, strict=True)):
            if change:  # store the results of finished texts and reset their rows
                done.index_copy_(1, change.ended, seen.index_select(1, change.rows))
                seen.index_fill_(1, change.rows, 0)
                state.index_fill_(0, change.rows, 0.5)
            if len(numbers) != running.rows:
                running = self._view(len(numbers), state, seen)
            torch.index_select(self._switches, 0, numbers, out=running.switches)
            torch.index_select(self._candidate, 0, numbers, out=running.candidate)
            if step:
                running.step()
            else:
                running.switches.add_(self._first_switches)
                running.mix(self._first_candidate)
        return done.index_copy_(1, order.last, seen)

    def _view(self, rows: int, state: Tensor, seen: Tensor) -> _Running:
        maximum, total = seen[0, :rows], seen[1, :rows]
        switches, candidate = (buffer[:rows] for buffer in self._buffers)
        reset, update = switches[:, : self.hidden], switches[:, self.hidden :]
        add = self._recurrence.over(switches, state)
        return _Running(rows, switches, reset, update, candidate, state[:rows], maximum, total, add)


def _round_up(rows: int) -> int:
    return -(-rows // ROW_MULTIPLE) * ROW_MULTIPLE


class InferenceNetwork:
    """Compute logits of texts given as word numbers. Not thread-safe, because buffers are reused."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """``weights`` are the float32 weights of ``Network``."""
        hidden = weights["gru.weight_hh_l0"].shape[1]
        with torch.inference_mode():
            self.forward = Direction(weights, "", hidden)
            self.backward = Direction(weights, "_reverse", hidden)
            self.output = weights["output.weight"][0]
            self.output_bias = weights["output.bias"][0]

    def logits(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return logits (texts), float32, in the given order. A text has at least one word number."""
        lengths = numpy.fromiter(map(len, texts), numpy.int64, len(texts))
        return self.logits_of(numpy.fromiter(chain.from_iterable(texts), numpy.int32), lengths)

    @torch.inference_mode()
    def logits_of(self, numbers: NDArray[numpy.int32], lengths: NDArray[numpy.int64]) -> Tensor:
        """Return the logits of texts of ``lengths`` words (texts), whose ``numbers`` (words) follow one another."""
        answers = torch.empty(len(lengths))
        starts = lengths.cumsum() - lengths
        longest_first = numpy.argsort(-lengths, kind="stable")
        for start in range(0, len(lengths), CHUNK_SIZE):
            places = longest_first[start : start + CHUNK_SIZE]
            chosen = lengths[places]
            # The position of a word in ``numbers``: the start of its text, and its place in the text.
            words = numpy.repeat(starts[places] - (chosen.cumsum() - chosen), chosen) + numpy.arange(chosen.sum())
            answers[torch.from_numpy(places)] = self._run(
                torch.from_numpy(numbers[words].astype(numpy.int64)), torch.from_numpy(chosen)
            )
        return answers

    def _run(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Return logits (texts) of texts that are sorted longest first, from the ``words`` (words) of all texts."""
        order = arrange(lengths.tolist(), ROWS)
        text, place = _places(lengths)
        read = order.places(text, place)
        turned = words[torch.arange(len(words)) + lengths[text] - 1 - 2 * place]
        forward = self.forward.run(order, torch.empty_like(words).index_copy_(0, read, words))
        backward = self.backward.run(order, torch.empty_like(words).index_copy_(0, read, turned))
        means = [one[1] / lengths[:, None] for one in (forward, backward)]
        states = torch.cat([forward[0], backward[0], *means], 1)
        return torch.addmv(self.output_bias, states.mul_(2).sub_(1), self.output)


def _places(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return the text of each word and its position in that text, for all words of all texts in order."""
    text = torch.repeat_interleave(lengths)
    return text, torch.arange(len(text)) - (lengths.cumsum(0) - lengths)[text]
