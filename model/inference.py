"""The inference network: the same numbers as ``nn.GRU``, with half of its arithmetic done when it is loaded.

An input is always a word of the vocabulary, so embedding and input projection become one table per direction. Four
more things are precomputed: every fixed bias; tanh(x) = 2 sigmoid(2x) - 1, so that there is one function to compute;
the affine part of that, by storing the state as (h + 1) / 2; and the base of sigmoid(x) = 1 / (1 + 2^t), by a factor in
all weights. A step is then a lookup, a product, three such functions and an interpolation between old and new state.
Compiled code computes it; NumPy does where that is missing.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy
from numpy.typing import NDArray

from model.kernel import MULTIPLE, Floats, Gates, Kernel, Recurrence, empty_aligned, load_kernel

# Texts that NumPy reads in parallel.
ROWS = 128
# sigmoid(x) = 1 / (1 + 2^(BASE_2 x)).
BASE_2 = numpy.float32(-1 / math.log(2))


class NumpyRecurrence:
    """Both directions of the GRU in NumPy: several times slower than compiled code. Thread-safe."""

    def __init__(self, forward: Gates, backward: Gates, bias: float) -> None:
        self._directions = ((forward, False), (backward, True))
        self._bias = numpy.float32(bias)

    def read(self, numbers: NDArray[numpy.int32], lengths: NDArray[numpy.int64]) -> Floats:
        """See ``Recurrence.read``."""
        longest_first = numpy.argsort(-lengths, kind="stable")
        starts = lengths.cumsum() - lengths
        logits = numpy.full(len(lengths), self._bias, numpy.float32)
        for first in range(0, len(lengths), ROWS):
            rows = longest_first[first : first + ROWS]
            for gates, backward in self._directions:
                largest, mean = _read(gates, numbers, starts[rows], lengths[rows], backward)
                # Not a matrix product, whose rounding depends on the number of texts.
                logits[rows] += (largest * gates.output[0] + mean * gates.output[1]).sum(1)
        return logits


def _read(
    gates: Gates,
    numbers: NDArray[numpy.int32],
    starts: NDArray[numpy.int64],
    lengths: NDArray[numpy.int64],
    backward: bool,
) -> tuple[Floats, Floats]:
    """Return the largest and the mean states (texts, hidden) of texts that are sorted longest first."""
    shape = (len(lengths), len(gates.bias))
    largest, total = numpy.zeros(shape, numpy.float32), numpy.zeros(shape, numpy.float32)
    state = numpy.full(shape, 0.5, numpy.float32)
    for step in range(int(lengths[0])):
        # Those that are not at their end come first.
        running = int(numpy.searchsorted(-lengths, -step))
        places = starts[:running] + (lengths[:running] - 1 - step if backward else step)
        state[:running] = _step(gates, numbers[places], state[:running])
        numpy.maximum(largest[:running], state[:running], out=largest[:running])
        total[:running] += state[:running]
    return largest, numpy.divide(total, lengths[:, None], dtype=numpy.float32)


def _step(gates: Gates, numbers: NDArray[numpy.int32], state: Floats) -> Floats:
    hidden = len(gates.bias)
    given, own = gates.table[numbers], state @ gates.recurrent
    switches = gate(given[:, : 2 * hidden] + own[:, : 2 * hidden])
    reset, update = switches[:, :hidden], switches[:, hidden:]
    candidate = gate(given[:, 2 * hidden :] + reset * (own[:, 2 * hidden :] + gates.bias))
    mixed: Floats = candidate + update * (state - candidate)
    return mixed


def gate(values: Floats) -> Floats:
    """Return 1 / (1 + 2^values) without overflow."""
    one = numpy.float32(1)
    result: Floats = one / (one + numpy.exp2(values.clip(-60, 60)))
    return result


class InferenceNetwork:
    """Compute logits of texts given as word numbers. Thread-safe."""

    def __init__(
        self, weights: Mapping[str, Floats], kernel: Kernel | None = None, tables: Floats | None = None
    ) -> None:
        """``weights`` are the float32 weights of ``Network``. ``kernel`` is by default the compiled code, if any.

        ``tables`` is by default ``compute_tables(weights)``.
        """
        forward, backward = compute_tables(weights) if tables is None else tables
        self.forward, self.backward = direction_gates(weights, forward, False), direction_gates(weights, backward, True)
        # For states stored as s: h = 2 s - 1, hence h @ W + b = s @ 2W + (b - the sum of W).
        self.bias = float(weights["output.bias"][0]) - float(weights["output.weight"].sum())
        self._kernel = kernel or load_kernel()
        self._recurrence = self._choose_recurrence()

    def _choose_recurrence(self) -> Recurrence:
        forward, backward = _widened(self.forward), _widened(self.backward)
        if self._kernel is None or not self._kernel.accepts(len(forward.bias)):
            return NumpyRecurrence(self.forward, self.backward, self.bias)
        return self._kernel.recurrence(forward, backward, self.bias)

    def logits(self, texts: Sequence[Sequence[int]]) -> Floats:
        """Return logits (texts), float32, in the given order. A text has at least one word number."""
        lengths = numpy.fromiter(map(len, texts), numpy.int64, len(texts))
        return self.logits_of(numpy.fromiter(chain.from_iterable(texts), numpy.int32), lengths)

    def logits_of(self, numbers: NDArray[numpy.int32], lengths: NDArray[numpy.int64]) -> Floats:
        """Return the logits of texts of ``lengths`` words (texts), whose ``numbers`` (words) follow one another."""
        return self._recurrence.read(numbers, lengths)


def compute_tables(weights: Mapping[str, Floats]) -> Floats:
    """Return the words' part of the gates (2, words, 3 hidden), forward and backward."""
    words, hidden = weights["embedding.weight"], weights["gru.weight_hh_l0"].shape[1]
    tables = empty_aligned(2, len(words), 3 * hidden)
    for table, suffix in zip(tables, ("", "_reverse"), strict=True):
        numpy.matmul(words, weights[f"gru.weight_ih_l0{suffix}"].T, out=table)
        table += weights[f"gru.bias_ih_l0{suffix}"]
        # The reset gate multiplies the candidate's recurrent bias, so only the other two biases move to the table.
        table[:, : 2 * hidden] += _recurrent_bias(weights, suffix)[: 2 * hidden]
        table *= _factors(hidden)
    return tables


def direction_gates(weights: Mapping[str, Floats], table: Floats, backward: bool) -> Gates:
    """Return the gates of a direction with its ``table``."""
    suffix = "_reverse" if backward else ""
    hidden = weights[f"gru.weight_hh_l0{suffix}"].shape[1]
    factors = _factors(hidden)
    recurrent = 2 * weights[f"gru.weight_hh_l0{suffix}"].T * factors
    bias = _recurrent_bias(weights, suffix) * factors
    output = 2 * weights["output.weight"].reshape(2, 2, hidden)[:, int(backward)]
    return Gates(table, numpy.ascontiguousarray(recurrent), bias[2 * hidden :], output)


def _factors(hidden: int) -> Floats:
    """Return the factors (3 hidden) of the gates' inputs: the candidate is doubled for tanh(x) = 2 sigmoid(2x) - 1."""
    return numpy.repeat(BASE_2 * numpy.array([1, 1, 2], numpy.float32), hidden)


def _recurrent_bias(weights: Mapping[str, Floats], suffix: str) -> Floats:
    """Return the bias for states stored as s: h = 2 s - 1, hence h @ U + b = s @ 2U + (b - sum of U's rows)."""
    bias: Floats = weights[f"gru.bias_hh_l0{suffix}"] - weights[f"gru.weight_hh_l0{suffix}"].sum(1)
    return bias


def _widened(gates: Gates) -> Gates:
    """Add units without effect, so that the number of units is a multiple of a vector's."""
    hidden = len(gates.bias)
    more = -hidden % MULTIPLE
    if not more:
        return gates

    def columns(values: Floats) -> Floats:
        split = values.reshape(len(values), -1, hidden)
        return numpy.pad(split, ((0, 0), (0, 0), (0, more))).reshape(len(values), -1)

    recurrent = numpy.pad(columns(gates.recurrent), ((0, more), (0, 0)))
    return Gates(columns(gates.table), recurrent, numpy.pad(gates.bias, (0, more)), columns(gates.output))
