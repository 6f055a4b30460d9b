"""The inference network: the same numbers as ``nn.GRU``, with half of its arithmetic done when it is loaded.

An input is always a word of the vocabulary, so embedding and input projection become one table per direction. Three
more things are precomputed: every fixed bias; tanh(x) = 2 sigmoid(2x) - 1, so that there is one function to compute;
and the affine part of that, by storing the state as (h + 1) / 2. A step is then a lookup, a product, three sigmoids and
an interpolation between old and new state. Compiled code computes it; NumPy does where that is missing.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy
from numpy.typing import NDArray

from model.kernel import MULTIPLE, Floats, Gates, Kernel, Recurrence, Words, load_kernel

# Texts that NumPy reads in parallel.
ROWS = 128
# Texts whose pooled states are in memory at a time.
CHUNK_SIZE = 8_192


class NumpyRecurrence:
    """One direction of the GRU in NumPy: several times slower than compiled code. Thread-safe."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    def read(self, words: Words, backward: bool) -> tuple[Floats, Floats]:
        """See ``Recurrence.read``."""
        hidden = len(self._gates.bias)
        maximum, total = (numpy.zeros((len(words.lengths), hidden), numpy.float32) for _ in range(2))
        for first in range(0, len(words.lengths), ROWS):
            rows = slice(first, first + ROWS)
            starts, lengths = words.starts[rows], words.lengths[rows]
            state = numpy.full((len(lengths), hidden), 0.5, numpy.float32)
            for step in range(int(lengths[0])):
                # Texts are sorted, so those that are not at their end come first.
                running = int(numpy.searchsorted(-lengths, -step))
                places = starts[:running] + (lengths[:running] - 1 - step if backward else step)
                state[:running] = self._step(words.numbers[places], state[:running])
                largest = maximum[first : first + running]
                numpy.maximum(largest, state[:running], out=largest)
                total[first : first + running] += state[:running]
        return maximum, total

    def _step(self, numbers: NDArray[numpy.int32], state: Floats) -> Floats:
        hidden = len(self._gates.bias)
        given, own = self._gates.table[numbers], state @ self._gates.recurrent
        switches = sigmoid(given[:, : 2 * hidden] + own[:, : 2 * hidden])
        reset, update = switches[:, :hidden], switches[:, hidden:]
        candidate = sigmoid(given[:, 2 * hidden :] + reset * (own[:, 2 * hidden :] + self._gates.bias))
        mixed: Floats = candidate + update * (state - candidate)
        return mixed


def sigmoid(values: Floats) -> Floats:
    """Return 1 / (1 + exp(-values)) without overflow."""
    one = numpy.float32(1)
    result: Floats = one / (one + numpy.exp(-values.clip(-87, 87)))
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
        self.forward, self.backward = (
            direction_gates(weights, "", forward),
            direction_gates(weights, "_reverse", backward),
        )
        self.output = weights["output.weight"][0]
        self.output_bias = float(weights["output.bias"][0])
        self._kernel = kernel or load_kernel()
        self._recurrences = [self._recurrence(one) for one in (self.forward, self.backward)]

    def _recurrence(self, gates: Gates) -> Recurrence:
        widened = _widened(gates)
        if self._kernel is None or not self._kernel.accepts(len(widened.bias)):
            return NumpyRecurrence(gates)
        return self._kernel.recurrence(widened)

    def logits(self, texts: Sequence[Sequence[int]]) -> Floats:
        """Return logits (texts), float32, in the given order. A text has at least one word number."""
        lengths = numpy.fromiter(map(len, texts), numpy.int64, len(texts))
        return self.logits_of(numpy.fromiter(chain.from_iterable(texts), numpy.int32), lengths)

    def logits_of(self, numbers: NDArray[numpy.int32], lengths: NDArray[numpy.int64]) -> Floats:
        """Return the logits of texts of ``lengths`` words (texts), whose ``numbers`` (words) follow one another."""
        starts = lengths.cumsum() - lengths
        longest_first = numpy.argsort(-lengths, kind="stable")
        answers = numpy.empty(len(lengths), numpy.float32)
        for start in range(0, len(lengths), CHUNK_SIZE):
            places = longest_first[start : start + CHUNK_SIZE]
            answers[places] = self._run(Words(numbers, starts[places], lengths[places]))
        return answers

    def _run(self, words: Words) -> Floats:
        """Return logits (texts) of texts that are sorted longest first."""
        largest, means = [], []
        for recurrence, backward in zip(self._recurrences, (False, True), strict=True):
            maximum, total = recurrence.read(words, backward)
            hidden = len(self.forward.bias)
            largest.append(maximum[:, :hidden])
            means.append(total[:, :hidden] / words.lengths[:, None].astype(numpy.float32))
        pooled = numpy.concatenate([*largest, *means], 1)
        # Not a matrix product, whose rounding depends on the number of texts.
        logits: Floats = ((2 * pooled - 1) * self.output).sum(1) + numpy.float32(self.output_bias)
        return logits


def compute_tables(weights: Mapping[str, Floats]) -> Floats:
    """Return the words' part of the gates (2, words, 3 hidden), forward and backward."""
    words, hidden = weights["embedding.weight"], weights["gru.weight_hh_l0"].shape[1]
    tables = numpy.empty((2, len(words), 3 * hidden), numpy.float32)
    for table, suffix in zip(tables, ("", "_reverse"), strict=True):
        numpy.matmul(words, weights[f"gru.weight_ih_l0{suffix}"].T, out=table)
        table += weights[f"gru.bias_ih_l0{suffix}"]
        # The candidate is doubled for tanh(x) = 2 sigmoid(2x) - 1.
        table[:, 2 * hidden :] *= 2
        # The reset gate multiplies the candidate's recurrent bias, so only the other two biases move to the table.
        table[:, : 2 * hidden] += _recurrent_bias(weights, suffix)[: 2 * hidden]
    return tables


def direction_gates(weights: Mapping[str, Floats], suffix: str, table: Floats) -> Gates:
    """Return the gates of the direction with this ``suffix`` in the names of ``weights``, with its ``table``."""
    recurrent = 2 * weights[f"gru.weight_hh_l0{suffix}"].T
    hidden = len(recurrent)
    recurrent[:, 2 * hidden :] *= 2
    bias = 2 * _recurrent_bias(weights, suffix)[2 * hidden :]
    return Gates(table, numpy.ascontiguousarray(recurrent), bias)


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
        split = values.reshape(len(values), 3, hidden)
        return numpy.pad(split, ((0, 0), (0, 0), (0, more))).reshape(len(values), 3 * (hidden + more))

    recurrent = numpy.pad(columns(gates.recurrent), ((0, more), (0, 0)))
    return Gates(columns(gates.table), recurrent, numpy.pad(gates.bias, (0, more)))
