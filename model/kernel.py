"""The compiled recurrence of the GRU (model/native): loaded if the installation has it.

`ctypes` releases the GIL while the compiled code runs, so the event loop continues. The code uses the calling thread
only.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float32]

LIBRARY = Path(__file__).parent / "native" / "gru.so"
# WIDEST in gru.c, in units per direction.
WIDEST = 512
# Units are computed in vectors; a GRU of another width gets additional units without effect.
MULTIPLE = 16
# LAYOUT in gru.c. A library of another version reads other arguments.
LAYOUT = 1


@dataclass(frozen=True, slots=True)
class Words:
    """The words of several texts, longest text first.

    ``numbers`` are all word numbers, int32; text t has ``lengths[t]`` of them from ``starts[t]`` on (int64, texts).
    """

    numbers: NDArray[numpy.int32]
    starts: NDArray[numpy.int64]
    lengths: NDArray[numpy.int64]


@dataclass(frozen=True, slots=True)
class Gates:
    """The weights of one direction, with gates in the order reset, update, candidate.

    A word's part of the gates is a row of ``table`` (words, 3 hidden). The state's part is ``state @ recurrent``
    (hidden, 3 hidden), plus ``bias`` (hidden) for the candidate. States s are stored as (s + 1) / 2.
    """

    table: Floats
    recurrent: Floats
    bias: Floats


class Recurrence(Protocol):
    """One direction of the GRU, ready to read texts."""

    def read(self, words: Words, backward: bool) -> tuple[Floats, Floats]:
        """Return the largest states and the sums of states, each (texts, hidden). ``backward`` reads from the end."""


class _Job(ctypes.Structure):
    """`struct job` in gru.c."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("table", "weights", "bias", "words", "start", "length")),
        *((name, ctypes.c_void_p) for name in ("maximum", "total")),
        ("texts", ctypes.c_int64),
        ("hidden", ctypes.c_int32),
        ("backward", ctypes.c_int32),
    )


class Kernel:
    """The compiled code. ``width`` is the number of floats in a vector of this processor: 16, 8 or 4."""

    def __init__(self, library: ctypes.CDLL, width: int | None = None) -> None:
        """Raises AttributeError or ValueError if ``library`` was compiled from another version of the code."""
        if library.layout() != LAYOUT:
            raise ValueError(f"the compiled code has layout {library.layout()}, not {LAYOUT}")
        self._run = library.run
        self._run.argtypes = (ctypes.POINTER(_Job), ctypes.c_int32)
        self._run.restype = None
        widest = int(library.vector_width())
        self.width = min(width or widest, widest)

    def recurrence(self, gates: Gates) -> Recurrence:
        """Return the compiled implementation of one direction. Raises ValueError unless ``accepts`` its width."""
        return CompiledRecurrence(self, gates)

    @staticmethod
    def accepts(hidden: int) -> bool:
        """Return whether the code can read texts with a GRU of this width."""
        return hidden % MULTIPLE == 0 and hidden <= WIDEST

    def run(self, job: _Job) -> None:
        """Read the texts of a job."""
        self._run(ctypes.byref(job), self.width)


class CompiledRecurrence:
    """One direction of the GRU in compiled code. Thread-safe."""

    def __init__(self, kernel: Kernel, gates: Gates) -> None:
        self._kernel = kernel
        self._hidden = hidden = len(gates.bias)
        if not kernel.accepts(hidden):
            raise ValueError(f"a GRU of {hidden} units does not fit the compiled code")
        vectors = gates.recurrent.reshape(hidden, 3, hidden // kernel.width, kernel.width)
        self._weights = numpy.ascontiguousarray(vectors.transpose(2, 0, 1, 3), numpy.float32)
        self._table, self._bias = (numpy.ascontiguousarray(one, numpy.float32) for one in (gates.table, gates.bias))
        if self._table.ndim != 2 or self._table.shape[1] != 3 * hidden:
            raise ValueError("the table does not match the GRU")

    def read(self, words: Words, backward: bool) -> tuple[Floats, Floats]:
        """See ``Recurrence.read``.

        Raises IndexError for an empty text, one outside the word numbers, and a word number that the table lacks.
        """
        numbers = numpy.ascontiguousarray(words.numbers, numpy.int32)
        starts, lengths = (numpy.ascontiguousarray(one, numpy.int64) for one in (words.starts, words.lengths))
        if len(lengths) and (lengths.min() < 1 or starts.min() < 0 or (starts + lengths).max() > len(numbers)):
            raise IndexError("a text is empty or outside the word numbers")
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self._table):
            raise IndexError("a word number is outside the vocabulary")
        shape = (len(lengths), self._hidden)
        maximum, total = numpy.zeros(shape, numpy.float32), numpy.zeros(shape, numpy.float32)
        arrays = (self._table, self._weights, self._bias, numbers, starts, lengths, maximum, total)
        self._kernel.run(_Job(*(one.ctypes.data for one in arrays), len(lengths), self._hidden, backward))
        return maximum, total


@cache
def load_kernel() -> Kernel | None:
    """Return the compiled code, or None if it was not compiled for this machine and this version."""
    try:
        return Kernel(ctypes.CDLL(str(LIBRARY)))
    except (OSError, AttributeError, ValueError):
        return None
