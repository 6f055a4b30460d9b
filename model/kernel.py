"""The compiled recurrence of the GRU and lookup of n-grams (model/native): loaded if the installation has it.

`ctypes` releases the GIL while the compiled code runs, so the event loop continues. The code uses the calling thread
only.
"""

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy
from numpy.typing import NDArray

from model.code_points import code_points

Floats = NDArray[numpy.float32]

LIBRARY = Path(__file__).parent / "native" / "gru.so"
# WIDEST in gru.c, in units per direction.
WIDEST = 512
# Units are computed in vectors; a GRU of another width gets additional units without effect.
MULTIPLE = 16
# LAYOUT in gru.c. A library of another version reads other arguments.
LAYOUT = 3
# Vectors are loaded faster when they start at a multiple of this number of bytes.
ALIGNMENT = 64
# The errors that `run` in gru.c returns.
ERRORS = {1: "a text is empty or outside the word numbers", 2: "a word number is outside the vocabulary"}


@dataclass(frozen=True, slots=True)
class Gates:
    """The weights of one direction, with gates in the order reset, update, candidate.

    A word's part of the gates is a row of ``table`` (words, 3 hidden). The state's part is ``state @ recurrent``
    (hidden, 3 hidden), plus ``bias`` (hidden) for the candidate. A gate is 1 / (1 + 2^t), where t is the sum of both
    parts. States s are stored as (s + 1) / 2. ``output`` (2, hidden) are the weights of the largest and of the mean
    stored state in the logit.
    """

    table: Floats
    recurrent: Floats
    bias: Floats
    output: Floats


class Recurrence(Protocol):
    """Both directions of the GRU, ready to read texts."""

    def read(self, numbers: NDArray[numpy.int32], lengths: NDArray[numpy.int64]) -> Floats:
        """Return the logits (texts) of texts of ``lengths`` words (texts), whose ``numbers`` follow one another."""


class _Direction(ctypes.Structure):
    """`struct direction` in gru.c."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("table", "weights", "bias", "output"))


class _Network(ctypes.Structure):
    """`struct network` in gru.c."""

    _fields_ = (
        ("directions", _Direction * 2),
        ("words", ctypes.c_int64),
        ("hidden", ctypes.c_int32),
        ("bias", ctypes.c_float),
        ("bfloat16", ctypes.c_int32),
    )


class _Job(ctypes.Structure):
    """`struct job` in gru.c."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("words", "length", "order", "start", "logits")),
        ("texts", ctypes.c_int64),
        ("count", ctypes.c_int64),
    )


class _KeyTable(ctypes.Structure):
    """`struct key_table` in ngrams.h."""

    _fields_ = (("entries", ctypes.c_void_p), ("shift", ctypes.c_int32))


class Kernel:
    """The compiled code. ``width`` is the number of floats in a vector of this processor: 16, 8 or 4.

    ``bfloat16`` is whether states and weights are rounded to bfloat16 before they are multiplied.
    """

    def __init__(self, library: ctypes.CDLL, width: int | None = None, bfloat16: bool = False) -> None:
        """``bfloat16`` has no effect on a processor without such products.

        Raises AttributeError or ValueError if ``library`` was compiled from another version of the code.
        """
        if library.layout() != LAYOUT:
            raise ValueError(f"the compiled code has layout {library.layout()}, not {LAYOUT}")
        self._run = library.run
        self._run.argtypes = (ctypes.POINTER(_Network), ctypes.c_int32, ctypes.POINTER(_Job))
        self._run.restype = ctypes.c_int32
        self._ngram_logits = library.ngram_logits
        pointer = ctypes.c_void_p
        self._ngram_logits.argtypes = (ctypes.POINTER(_KeyTable), pointer, pointer, ctypes.c_int64, pointer)
        self._ngram_logits.restype = None
        widest = int(library.vector_width())
        self.width = min(width or widest, widest)
        self.bfloat16 = bfloat16 and self.width == widest and bool(library.has_bfloat16())

    def recurrence(self, forward: Gates, backward: Gates, bias: float) -> Recurrence:
        """Return the compiled implementation. ``bias`` is that of the logit. Raises ValueError unless ``accepts``."""
        return CompiledRecurrence(self, (forward, backward), bias)

    @staticmethod
    def accepts(hidden: int) -> bool:
        """Return whether the code can read texts with a GRU of this width."""
        return hidden % MULTIPLE == 0 and hidden <= WIDEST

    def run(self, network: _Network, job: _Job) -> int:
        """Read the texts of a job. Returns 0 or one of ``ERRORS``."""
        error: int = self._run(network, self.width, job)
        return error

    def look_up_ngrams(
        self, table: _KeyTable, characters: NDArray[numpy.uint32], lengths: NDArray[numpy.int64]
    ) -> Floats:
        """Return the logits (texts) of texts of ``lengths`` code points (texts), which follow one another."""
        logits = numpy.empty(len(lengths), numpy.float32)
        self._ngram_logits(table, characters.ctypes.data, lengths.ctypes.data, len(lengths), logits.ctypes.data)
        return logits


class CompiledRecurrence:
    """Both directions of the GRU in compiled code. Thread-safe."""

    def __init__(self, kernel: Kernel, directions: tuple[Gates, Gates], bias: float) -> None:
        self._kernel = kernel
        self._kept: list[NDArray[numpy.generic]] = []
        words, hidden = len(directions[0].table), len(directions[0].bias)
        if not kernel.accepts(hidden):
            raise ValueError(f"a GRU of {hidden} units does not fit the compiled code")
        pointers = (_Direction * 2)(*(self._direction(one, (words, 3 * hidden)) for one in directions))
        self._network = _Network(pointers, words, hidden, bias, kernel.bfloat16)

    def _direction(self, gates: Gates, shape: tuple[int, int]) -> _Direction:
        """Return the address of each array, and keep the arrays."""
        hidden, width = shape[1] // 3, self._kernel.width
        if gates.table.shape != shape or gates.recurrent.shape != (hidden, 3 * hidden):
            raise ValueError("the tables do not match the GRU")
        vectors = gates.recurrent.reshape(hidden, 3, hidden // width, width).transpose(2, 0, 1, 3)
        table, weights, *others = (_aligned(one) for one in (gates.table, vectors, gates.bias, gates.output))
        arrays = [table, _pairs(weights) if self._kernel.bfloat16 else weights, *others]
        self._kept.extend(arrays)
        return _Direction(*(one.ctypes.data for one in arrays))

    def read(self, numbers: NDArray[numpy.int32], lengths: NDArray[numpy.int64]) -> Floats:
        """See ``Recurrence.read``.

        Raises IndexError for an empty text, one outside the word numbers, and a word number that the table lacks.
        """
        numbers = numpy.ascontiguousarray(numbers, numpy.int32)
        lengths = numpy.ascontiguousarray(lengths, numpy.int64)
        # Long texts first: otherwise one of them would be left at the end, when no others can be read beside it.
        order, starts = lengths.argsort(), numpy.empty_like(lengths)
        logits = numpy.empty(len(lengths), numpy.float32)
        addresses = (one.ctypes.data for one in (numbers, lengths, order, starts, logits))
        error = self._kernel.run(self._network, _Job(*addresses, len(lengths), len(numbers)))
        if error:
            raise IndexError(ERRORS[error])
        return logits


class CompiledNgrams:
    """The n-gram logits in compiled code. Thread-safe."""

    def __init__(self, kernel: Kernel, entries: NDArray[numpy.uint64], shift: int) -> None:
        """``entries`` (places) and ``shift`` are those of a ``KeyTable``."""
        self._kernel = kernel
        self._entries = numpy.ascontiguousarray(entries)
        self._table = _KeyTable(self._entries.ctypes.data, shift)

    def logits(self, texts: Sequence[str]) -> Floats:
        """See ``NgramTable.logits``."""
        lengths = numpy.fromiter(map(len, texts), numpy.int64, len(texts))
        return self._kernel.look_up_ngrams(self._table, code_points("".join(texts)), lengths)


def empty_aligned(*shape: int) -> Floats:
    """Return an array without contents at an aligned address."""
    size = 4 * math.prod(shape)
    memory = numpy.empty(size + ALIGNMENT, numpy.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    array: Floats = memory[start : start + size].view(numpy.float32).reshape(shape)
    return array


def _aligned(values: Floats) -> Floats:
    """Return ``values`` as float32 at an aligned address: the same array, if it is, or a copy."""
    if values.dtype == numpy.float32 and values.flags.c_contiguous and values.ctypes.data % ALIGNMENT == 0:
        return values
    copy = empty_aligned(*values.shape)
    copy[...] = values
    return copy


def _pairs(vectors: Floats) -> NDArray[numpy.uint16]:
    """Return weights (hidden / width, hidden, 3, width) as bfloat16 (hidden / width, hidden / 2, 3, width, 2)."""
    groups, hidden, gates, width = vectors.shape
    pairs = _bfloat16(vectors).reshape(groups, hidden // 2, 2, gates, width).transpose(0, 1, 3, 4, 2)
    return numpy.ascontiguousarray(pairs)


def _bfloat16(values: Floats) -> NDArray[numpy.uint16]:
    """Round finite ``values`` to the nearest bfloat16, which is the first half of a float32; ties to even."""
    bits = values.view(numpy.uint32)
    rounded: NDArray[numpy.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)
    return rounded


@cache
def load_kernel(*, bfloat16: bool = False) -> Kernel | None:
    """Return the compiled code, or None if it was not compiled for this machine and this version."""
    try:
        return Kernel(ctypes.CDLL(str(LIBRARY)), bfloat16=bfloat16)
    except (OSError, AttributeError, ValueError):
        return None
