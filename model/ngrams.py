"""Character n-grams: a weight for each important pair and triple of characters, added to the GRU's logit.

After Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems" (arXiv 1606.07792), which joins a model that
generalises with one that memorises. The GRU reads words; n-grams read characters, independent of segmentation. The
n-gram logit of a text is the sum of the weights of its n-grams, divided by the square root of the number of its
n-grams, known or not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy
from numpy.typing import NDArray

from model.code_points import code_points, text_ends
from model.kernel import CompiledNgrams, load_kernel
from model.vocabulary import shorten

Keys = NDArray[numpy.int32]
Weights = NDArray[numpy.float32]
Value = TypeVar("Value", numpy.float32, numpy.int32)

SIZES = (2, 3)
# Code points take 21 bits, so that three fit into 64.
CODE_POINT_BITS = numpy.uint64(21)
LARGEST_KEY = numpy.uint32(2**32 - 1)
# The columns of a table's entries.
KEY, VALUE = 0, 1
# The finaliser of splitmix64: every bit of the result depends on all bits of the n-gram.
FIRST_FACTOR, SECOND_FACTOR = numpy.uint64(0xBF58476D1CE4E5B9), numpy.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Spelled:
    """Texts as one array of code points; ``ends`` (texts) are the positions where they end."""

    characters: NDArray[numpy.uint64]
    ends: NDArray[numpy.int64]

    @property
    def lengths(self) -> NDArray[numpy.int64]:
        """The number of characters of each text."""
        return numpy.diff(self.ends, prepend=0)

    @property
    def counts(self) -> NDArray[numpy.int64]:
        """The number of n-grams of each text."""
        counts = numpy.zeros(len(self.ends), numpy.int64)
        for size in SIZES:
            counts += numpy.maximum(self.lengths - size + 1, 0)
        return counts

    def keys(self, size: int) -> tuple[Keys, NDArray[numpy.bool_]]:
        """Return the key of the n-gram of this ``size`` that starts at each character, and whether it ends in the same
        text.

        A key is a hash of 32 bits. With 900,000 weights, 1 in 4,800 unknown n-grams collides with a known one.
        """
        total = max(len(self.characters) - size + 1, 0)
        codes = self.characters[:total].copy()
        for place in range(1, size):
            codes = (codes << CODE_POINT_BITS) | self.characters[place : place + total]
        inside = numpy.ones(len(self.characters), numpy.bool_)
        for back in range(1, size):
            inside[self.ends[self.lengths >= back] - back] = False
        return _hash(codes), inside[:total]


def spell_out(words: Iterable[str], maximum_tokens: int) -> str:
    """Return the characters of ``words`` without whitespace; head and tail if there are over ``maximum_tokens``."""
    return shorten("".join(word for word in words if not word.isspace()), maximum_tokens)


def spell_out_all(texts: Iterable[str], maximum_tokens: int) -> list[str]:
    """Return ``spell_out`` of the words of each of ``texts``. Words contain no whitespace beside other characters."""
    return [shorten("".join(text.split()), maximum_tokens) for text in texts]


def spelled(texts: Sequence[str]) -> Spelled:
    """Convert ``texts``, results of ``spell_out``, for n-gram lookups."""
    return Spelled(code_points("".join(texts)).astype(numpy.uint64), text_ends(texts))


@dataclass(frozen=True, slots=True)
class Ngrams:
    """``weights`` (n-grams), float32, by ``keys`` (n-grams), int32 and ascending."""

    keys: Keys
    weights: Weights

    def __len__(self) -> int:
        return len(self.keys)

    def scaled(self, factor: float) -> "Ngrams":
        """Return a copy with every weight multiplied by ``factor``."""
        return Ngrams(self.keys, self.weights * numpy.float32(factor))


NONE = Ngrams(numpy.zeros(0, numpy.int32), numpy.zeros(0, numpy.float32))


class NgramTable:
    """A lookup table of n-grams. If it is empty, every logit is 0. Thread-safe."""

    def __init__(self, ngrams: Ngrams) -> None:
        table = KeyTable(ngrams.keys, ngrams.weights, numpy.float32(0))
        kernel = load_kernel()
        self._weights = CompiledNgrams(kernel, table.entries, table.shift) if kernel else NumpyNgrams(table)

    def logits(self, texts: Sequence[str]) -> Weights:
        """Return the n-gram logits (texts) of ``texts``, results of ``spell_out``."""
        return self._weights.logits(texts)


class NumpyNgrams:
    """The n-gram logits in NumPy: slower than compiled code. Thread-safe."""

    def __init__(self, weights: "KeyTable[numpy.float32]") -> None:
        self._weights = weights

    def logits(self, texts: Sequence[str]) -> Weights:
        """See ``NgramTable.logits``."""
        text = spelled(texts)
        added_from = numpy.zeros(1 + len(text.characters))
        for size in SIZES:
            keys, inside = text.keys(size)
            added_from[1 : 1 + len(keys)] += self._weights.find(keys) * inside
        sums = added_from.cumsum()
        starts = numpy.concatenate(([0], text.ends))[: len(texts)]
        added = sums[text.ends] - sums[starts]
        logits: Weights = (added / numpy.sqrt(numpy.maximum(text.counts, 1))).astype(numpy.float32)
        return logits


class KeyTable(Generic[Value]):
    """Values of 32 bits by key: a hash table in the order of its keys.

    A key's leading bits are its place; if a smaller key is there, it moves to the next free one. Free places repeat the
    entry that follows, so a search ends at the first key that is not smaller. Two of three searches read one place.
    """

    def __init__(self, keys: Keys, values: NDArray[Value], missing: Value) -> None:
        """``values`` (keys) belong to ascending ``keys``. ``missing`` is the value of all other keys.

        ``entries`` (places), uint64, are pairs of uint32: key and value. ``shift`` is the number of bits of a key that
        are not part of its place.
        """
        ordered = _unsigned(keys)
        # Two to four places per key: with fewer, searches are long; more do not fit into the processor's cache.
        bits = min(1 + len(keys).bit_length(), 32)
        self.shift: int = 32 - bits
        self._missing: NDArray[Value] = numpy.asarray(missing, values.dtype)
        number = numpy.arange(len(keys))
        places: NDArray[numpy.int64] = numpy.maximum.accumulate((ordered >> numpy.uint32(self.shift)) - number) + number
        entries = numpy.empty((len(keys) + 1, 2), numpy.uint32)
        entries[:-1, KEY], entries[:-1, VALUE] = ordered, values.view(numpy.uint32)
        # The last entry ends every search.
        entries[-1] = LARGEST_KEY, self._missing.view(numpy.uint32)
        last = max([2**bits, *(places[-1:] + 1).tolist()])
        # One integer per entry: it is read several times as fast as a row.
        self.entries = numpy.repeat(entries.view(numpy.uint64)[:, 0], numpy.diff(places, prepend=-1, append=last))

    def find(self, keys: Keys) -> NDArray[Value]:
        """Return the value of each of ``keys``."""
        sought = _unsigned(keys)
        places = (sought >> numpy.uint32(self.shift)).astype(numpy.int64)
        entries = self._read(places)
        found = numpy.where(entries[:, KEY] == sought, entries[:, VALUE], self._missing.view(numpy.uint32))
        left = numpy.flatnonzero(entries[:, KEY] < sought)
        sought, places = sought[left], places[left]
        while len(left):
            places += 1
            entries = self._read(places)
            hit = entries[:, KEY] == sought
            found[left[hit]] = entries[hit, VALUE]
            more = entries[:, KEY] < sought
            left, sought, places = left[more], sought[more], places[more]
        values: NDArray[Value] = found.view(self._missing.dtype)
        return values

    def _read(self, places: NDArray[numpy.int64]) -> NDArray[numpy.uint32]:
        return self.entries.take(places).view(numpy.uint32).reshape(-1, 2)


def _unsigned(keys: Keys) -> NDArray[numpy.uint32]:
    """Map keys to unsigned integers in the same order."""
    shifted: NDArray[numpy.uint32] = keys.view(numpy.uint32) ^ numpy.uint32(2**31)
    return shifted


def _hash(codes: NDArray[numpy.uint64]) -> Keys:
    mixed = (codes ^ (codes >> numpy.uint64(30))) * FIRST_FACTOR
    mixed = (mixed ^ (mixed >> numpy.uint64(27))) * SECOND_FACTOR
    return (mixed ^ (mixed >> numpy.uint64(31))).astype(numpy.uint32).view(numpy.int32)
