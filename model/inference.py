"""The network as it serves: the same numbers as ``nn.GRU``, with half of its arithmetic done when it is loaded.

An input can only be a word of the vocabulary, so embedding and input projection fold into one table per direction.
Three more things are folded: every fixed bias; tanh(x) = 2 sigmoid(2x) - 1, as PyTorch's tanh is slow; and the
affine part of that, by keeping the state as (h + 1) / 2. A step is then a look-up, a product, two sigmoids and the mix
of old and new.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor

from model.arrangement import Arrangement, arrange
from model.processor import has_avx512

# oneDNN prepares a kernel for every number of rows that it meets: let it meet few. Rows up to the next multiple are
# computed for nothing.
ROW_MULTIPLE = 16
# Texts that are read side by side at most: enough to keep the product busy, few enough for the core's cache.
ROWS = 512
# Texts that are arranged at once.
TOGETHER = 8_192


class Recurrence(Protocol):
    """What the state adds to a step: ``state @ weight + bias``, without the bias of the switches."""

    def over(self, switches: Tensor, state: Tensor) -> Callable[[], Tensor]:
        """What adds the switches' part to ``switches`` (rows, 2 hidden) in place and gives the candidate's part (rows,
        hidden), as often as it is called: views are made once for all steps of as many rows.

        ``state`` (rows and more, hidden) may have rows behind those of ``switches``.
        """


class PackedRecurrence:
    """With the weight packed for oneDNN once.

    Twice as fast as MKL where the processor has AVX-512 and MKL does not favour it (measured on an AMD EPYC: 230
    against 108 GFLOP/s). PyTorch's public way to it copies states and gates at each step.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.T.contiguous(), ROWS)
        self._multiply = torch.ops.mkldnn._linear_pointwise
        self._bias = bias

    def over(self, switches: Tensor, state: Tensor) -> Callable[[], Tensor]:
        """As ``Recurrence`` says."""
        rows, width = switches.shape
        rounded = state[: _round_up(rows)]

        def add() -> Tensor:
            gates: Tensor = self._multiply(rounded, self._packed, self._bias, "none", [], "")
            switches.add_(gates[:rows, :width])
            return gates[:rows, width:]

        return add


class PlainRecurrence:
    """With PyTorch's own products, which add to what is there as they go: faster where there is no AVX-512."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        switches = weight.shape[1] // 3 * 2
        self._switches, self._candidate = weight[:, :switches].contiguous(), weight[:, switches:].contiguous()
        self._bias = bias[switches:].contiguous()
        self._added = torch.empty(ROWS, len(self._bias))

    def over(self, switches: Tensor, state: Tensor) -> Callable[[], Tensor]:
        """As ``Recurrence`` says."""
        rows = len(switches)
        now, added = state[:rows], self._added[:rows]

        def add() -> Tensor:
            switches.addmm_(now, self._switches)
            return torch.addmm(self._bias, now, self._candidate, out=added)

        return add


def recurrence(weight: Tensor, bias: Tensor) -> Recurrence:
    """The faster one of the two on this processor; always the same one there, so that probabilities repeat."""
    packs = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")  # type: ignore[no-untyped-call]
    return PackedRecurrence(weight, bias) if has_avx512() and packs else PlainRecurrence(weight, bias)


@dataclass(frozen=True, slots=True)
class _Running:
    """Views of the rows that still run: buffers of switches and candidate, what is kept of them, and their product."""

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
        """One step of these rows; the buffers hold what the words give."""
        self.mix(self.add())

    def mix(self, added: Tensor) -> None:
        """The new state, where the switches hold the old one's part, and ``added`` is that in the candidate: (rows,
        hidden) or (hidden)."""
        self.switches.sigmoid_()
        self.candidate.addcmul_(self.reset, added).sigmoid_()
        torch.lerp(self.candidate, self.state, self.update, out=self.state)
        torch.maximum(self.maximum, self.state, out=self.maximum)
        self.total.add_(self.state)


class Direction:
    """One direction of the GRU, its gates in PyTorch's order: reset, update, candidate."""

    def __init__(self, weights: Mapping[str, Tensor], suffix: str, hidden: int) -> None:
        recurrent = weights[f"gru.weight_hh_l0{suffix}"].T.contiguous()
        recurrent_bias = weights[f"gru.bias_hh_l0{suffix}"]
        table = weights["embedding.weight"] @ weights[f"gru.weight_ih_l0{suffix}"].T
        table += weights[f"gru.bias_ih_l0{suffix}"]
        # h = 2 s - 1, hence h @ U + b = s @ 2U + (b - sum of U's rows).
        bias = recurrent_bias - recurrent.sum(0)
        recurrent = 2 * recurrent
        # The candidate's gate is doubled for tanh(x) = 2 sigmoid(2x) - 1.
        for part in (table, recurrent):
            part[:, 2 * hidden :] *= 2
        bias[2 * hidden :] *= 2
        # The candidate's recurrent bias stands inside of the reset gate's product; the other two do not.
        table[:, : 2 * hidden] += bias[: 2 * hidden]
        bias[: 2 * hidden] = 0
        # What the state adds to the first step, where it is 0.5 in every text: no product is needed to know it.
        first = recurrent.sum(0) / 2 + bias
        self._first_switches, self._first_candidate = first[: 2 * hidden], first[2 * hidden :]
        self.hidden = hidden
        self.recurrent = recurrent
        self.bias = bias
        self._recurrence = recurrence(recurrent, bias)
        # Apart, each in one piece: what is computed on all of one is quicker so than on a part of both.
        self._switches, self._candidate = table[:, : 2 * hidden].contiguous(), table[:, 2 * hidden :].contiguous()
        self._buffers = torch.empty(ROWS, 2 * hidden), torch.empty(ROWS, hidden)

    def inputs(self, words: Tensor) -> Tensor:
        """What words (...) by their numbers bring to their step (..., 3 hidden): switches, then candidate."""
        return torch.cat([self._switches[words], self._candidate[words]], -1)

    def run(self, order: Arrangement, words: Tensor) -> Tensor:
        """``words``: numbers int64 (words) in the order in which they are read, step by step and row by row.

        Gives maximum and sum over the steps of the states (2, texts, hidden), a state kept as (h + 1) / 2.
        """
        rows, texts = order.running[0], len(order.row)
        state = torch.full((_round_up(rows), self.hidden), 0.5)
        seen, done = torch.zeros(2, rows, self.hidden), torch.empty(2, texts, self.hidden)
        running = self._view(rows, state, seen)
        for step, (numbers, change) in enumerate(zip(torch.split(words, order.running), order.changes, strict=True)):
            if change:  # what was read there is kept, and the rows are as at the start
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
    """Logit of positive for texts given as word numbers. Not thread-safe: its buffers are used again."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """``weights`` are those of ``Network``, as float32."""
        hidden = weights["gru.weight_hh_l0"].shape[1]
        with torch.inference_mode():
            self.forward = Direction(weights, "", hidden)
            self.backward = Direction(weights, "_reverse", hidden)
            self.output = weights["output.weight"][0]
            self.output_bias = weights["output.bias"][0]

    @torch.inference_mode()
    def logits(self, texts: Sequence[tuple[int, ...]]) -> Tensor:
        """Logits (texts) float32, in the order given; a text is one or more word numbers."""
        longest_first = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        answers = torch.empty(len(texts))
        for start in range(0, len(texts), TOGETHER):
            places = longest_first[start : start + TOGETHER]
            answers[torch.tensor(places)] = self._run([texts[place] for place in places])
        return answers

    def _run(self, texts: Sequence[tuple[int, ...]]) -> Tensor:
        """Logits (texts) of ``texts``, longest first."""
        lengths = torch.tensor([len(text) for text in texts])
        words = torch.tensor(list(chain.from_iterable(texts)))
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
    """Of each word of texts, one after the other, its text and its place in it, from 0."""
    text = torch.repeat_interleave(lengths)
    return text, torch.arange(len(text)) - (lengths.cumsum(0) - lengths)[text]
