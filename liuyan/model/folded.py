"""The network as it serves: the same numbers as ``nn.GRU``, with half of its arithmetic done when it is loaded.

An input can only be a word of the vocabulary, so embedding and input projection fold into one table per direction.
Three more things are folded: every fixed bias; tanh(x) = 2 sigmoid(2x) - 1, as PyTorch's tanh is slow; and the
affine part of that, by keeping the state as (h + 1) / 2. A step is then a look-up, a product, two sigmoids and the mix
of old and new.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor

# Rows that go through the network together: enough to keep the product busy, few enough to stay in the core's cache.
ROWS = 512


# oneDNN prepares a kernel for every number of rows that it meets: let it meet few. Rows up to the next multiple are
# computed for nothing.
ROW_MULTIPLE = 16

Product = Callable[[Tensor], Tensor]


def packed_product(weight: Tensor, bias: Tensor) -> Product:
    """``state @ weight + bias`` with the weight packed for oneDNN once.

    Twice as fast as ``torch.addmm``, which asks MKL, where MKL does not favour the processor (measured on an AMD EPYC:
    230 against 108 GFLOP/s). PyTorch has no public door to it yet: where this one is not there, ``addmm`` it is.
    """
    operators = torch.ops.mkldnn
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (available and hasattr(operators, "_reorder_linear_weight")):
        return lambda state: torch.addmm(bias, state, weight)
    packed = operators._reorder_linear_weight(weight.T.contiguous(), ROWS)
    multiply = operators._linear_pointwise

    def product(state: Tensor) -> Tensor:
        result: Tensor = multiply(state, packed, bias, "none", [], "")
        return result

    return product


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
        self._product = packed_product(recurrent, bias)
        self._inputs = torch.empty(ROWS, 3 * hidden)

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
            gates = self._product(state[: _round_up(running)])[:running]
            switches = gates[:, : 2 * hidden].add_(inputs[:, : 2 * hidden]).sigmoid_()
            reset, update = switches[:, :hidden], switches[:, hidden:]
            candidate = inputs[:, 2 * hidden :].addcmul_(reset, gates[:, 2 * hidden :]).sigmoid_()
            torch.lerp(candidate, now, update, out=now)
            torch.maximum(maximum[:running], now, out=maximum[:running])
            total[:running] += now
        return maximum, total


def _round_up(rows: int) -> int:
    return -(-rows // ROW_MULTIPLE) * ROW_MULTIPLE


class FoldedNetwork:
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
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        answers = torch.empty(len(texts))
        for start in range(0, len(order), ROWS):
            places = order[start : start + ROWS]
            answers[torch.tensor(places)] = self._run([texts[place] for place in places])
        return answers

    def _run(self, texts: Sequence[tuple[int, ...]]) -> Tensor:
        """``texts`` sorted, longest first, at most ``ROWS``: rows leave the batch as their text ends."""
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
