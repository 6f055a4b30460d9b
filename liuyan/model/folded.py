"""The network as it serves: the same numbers as ``nn.GRU``, with half of its arithmetic done when it is loaded.

An input can only be a word of the vocabulary, so embedding and input projection fold into one table per direction.
Three more things are folded: every fixed bias; tanh(x) = 2 sigmoid(2x) - 1, as PyTorch's tanh is slow; and the
affine part of that, by keeping the state as (h + 1) / 2. A step is then a look-up, a product, two sigmoids and the mix
of old and new.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor

from liuyan.model.processor import has_avx512

# oneDNN prepares a kernel for every number of rows that it meets: let it meet few. Rows up to the next multiple are
# computed for nothing.
ROW_MULTIPLE = 16


class Recurrence(Protocol):
    """What the state adds to a step: ``state @ weight + bias``, without the bias of the switches.

    ``ROWS`` go through the network together at most: enough to keep the product busy, few enough for the core's cache.
    """

    ROWS: int

    def __call__(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Add the switches' part to ``inputs`` (rows, 3 hidden) in place; gives the candidate's part (rows, hidden).

        ``state`` (rows and more, hidden) may have rows behind those of ``inputs``.
        """


class PackedRecurrence:
    """With the weight packed for oneDNN once.

    Twice as fast as MKL where the processor has AVX-512 and MKL does not favour it (measured on an AMD EPYC: 230
    against 108 GFLOP/s). PyTorch has no public door to it yet.
    """

    ROWS = 512

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._switches = weight.shape[1] // 3 * 2
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.T.contiguous(), self.ROWS)
        self._multiply = torch.ops.mkldnn._linear_pointwise
        self._bias = bias

    def __call__(self, inputs: Tensor, state: Tensor) -> Tensor:
        """As ``Recurrence`` says."""
        rows = len(inputs)
        gates: Tensor = self._multiply(state[: _round_up(rows)], self._packed, self._bias, "none", [], "")
        inputs[:, : self._switches] += gates[:rows, : self._switches]
        return gates[:rows, self._switches :]


class PlainRecurrence:
    """With PyTorch's own products, which add to what is there as they go: faster where there is no AVX-512.

    They take longer than what the cache has to fetch again, so more rows pay: fewer steps have few.
    """

    ROWS = 1_024

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        switches = weight.shape[1] // 3 * 2
        self._switches, self._candidate = weight[:, :switches].contiguous(), weight[:, switches:].contiguous()
        self._bias = bias[switches:].contiguous()
        self._added = torch.empty(self.ROWS, len(self._bias))

    def __call__(self, inputs: Tensor, state: Tensor) -> Tensor:
        """As ``Recurrence`` says."""
        rows = len(inputs)
        inputs[:, : self._switches.shape[1]].addmm_(state[:rows], self._switches)
        return torch.addmm(self._bias, state[:rows], self._candidate, out=self._added[:rows])


def recurrence(weight: Tensor, bias: Tensor) -> Recurrence:
    """The faster one of the two on this processor; always the same one there, so that probabilities repeat."""
    packs = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")  # type: ignore[no-untyped-call]
    return PackedRecurrence(weight, bias) if has_avx512() and packs else PlainRecurrence(weight, bias)


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
        self.hidden = hidden
        self.table = table
        self.recurrent = recurrent
        self.bias = bias
        self._recurrence = recurrence(recurrent, bias)
        self.rows = self._recurrence.ROWS
        self._inputs = torch.empty(self.rows, 3 * hidden)

    def run(self, steps: Iterable[Tensor], rows: int) -> tuple[Tensor, Tensor]:
        """``steps``: word numbers int64 of each step, (rows still running), never more than the step before.

        Gives maximum and sum over the steps of the states (rows, hidden), a state kept as (h + 1) / 2.
        """
        hidden = self.hidden
        state = torch.full((_round_up(rows), hidden), 0.5)
        maximum = torch.zeros(rows, hidden)
        total = torch.zeros(rows, hidden)
        for words in steps:
            running = len(words)
            inputs, now = self._inputs[:running], state[:running]
            torch.index_select(self.table, 0, words, out=inputs)
            added = self._recurrence(inputs, state)
            switches = inputs[:, : 2 * hidden].sigmoid_()
            reset, update = switches[:, :hidden], switches[:, hidden:]
            candidate = inputs[:, 2 * hidden :].addcmul_(reset, added).sigmoid_()
            torch.lerp(candidate, now, update, out=now)
            torch.maximum(maximum[:running], now, out=maximum[:running])
            total[:running] += now
        return maximum, total


def _round_up(rows: int) -> int:
    return -(-rows // ROW_MULTIPLE) * ROW_MULTIPLE


class FoldedNetwork:
    """Logit of positive for texts given as word numbers. Not thread-safe: its buffers are used again."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """``weights`` are those of ``Network``, as float32. ``rows`` texts go through it together at most."""
        hidden = weights["gru.weight_hh_l0"].shape[1]
        with torch.inference_mode():
            self.forward = Direction(weights, "", hidden)
            self.backward = Direction(weights, "_reverse", hidden)
            self.output = weights["output.weight"][0]
            self.output_bias = weights["output.bias"][0]
        self.rows = self.forward.rows

    @torch.inference_mode()
    def logits(self, texts: Sequence[tuple[int, ...]]) -> Tensor:
        """Logits (texts) float32, in the order given; a text is one or more word numbers."""
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        answers = torch.empty(len(texts))
        for start in range(0, len(order), self.rows):
            places = order[start : start + self.rows]
            answers[torch.tensor(places)] = self._run([texts[place] for place in places])
        return answers

    def _run(self, texts: Sequence[tuple[int, ...]]) -> Tensor:
        """``texts`` sorted, longest first, at most ``rows``: rows leave the batch as their text ends."""
        lengths = torch.tensor([len(text) for text in texts])
        words = torch.tensor(list(chain.from_iterable(texts)))
        ends = lengths.cumsum(0)
        running = torch.bincount(lengths).flip(0).cumsum(0).flip(0)[1:].tolist()
        forward = self.forward.run(_walk(words, ends - lengths, 1, running), len(texts))
        backward = self.backward.run(_walk(words, ends - 1, -1, running), len(texts))
        means = [total / lengths[:, None] for _, total in (forward, backward)]
        states = torch.cat([forward[0], backward[0], *means], 1)
        return torch.addmv(self.output_bias, states.mul_(2).sub_(1), self.output)


def _walk(words: Tensor, first: Tensor, stride: int, running: Sequence[int]) -> Iterator[Tensor]:
    """The word of each step in every row that still has one; a row starts at its ``first`` place in ``words``."""
    for step, rows in enumerate(running):
        yield words.index_select(0, first[:rows] + step * stride)
