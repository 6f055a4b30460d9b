"""Character n-grams: a weight for each important pair and triple of characters, added to the GRU's logit.

After Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems" (arXiv 1606.07792), which joins a model that
generalises with one that memorises. The GRU reads words; n-grams read characters, independent of segmentation. The
n-gram logit of a text is the sum of the weights of its n-grams, divided by the square root of the number of its
n-grams, known or not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from model.vocabulary import shorten

Keys = NDArray[numpy.int32]
Weights = NDArray[numpy.float32]

SIZES = (2, 3)
# Code points take 21 bits, so that three fit into 64.
CODE_POINT_BITS = numpy.uint64(21)
# Maximum number of leading bits of a key that select its bucket; each bucket takes 4 bytes.
MOST_BITS = 22
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


def spelled(texts: Sequence[str]) -> Spelled:
    """Convert ``texts``, results of ``spell_out``, for n-gram lookups."""
    characters = numpy.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), numpy.uint32)
    ends = numpy.cumsum(numpy.fromiter(map(len, texts), numpy.int64, len(texts)))
    return Spelled(characters.astype(numpy.uint64), ends)


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
    """A lookup table of n-grams. If it is empty, every logit is 0."""

    def __init__(self, ngrams: Ngrams) -> None:
        self._keys = KeyIndex(ngrams.keys)
        # Unknown keys are found at -1, the last entry.
        self._weights = numpy.append(ngrams.weights, numpy.float32(0))

    def logits(self, texts: Sequence[str]) -> Weights:
        """Return the n-gram logits (texts) of ``texts``, results of ``spell_out``."""
        text = spelled(texts)
        added_from = numpy.zeros(1 + len(text.characters))
        for size in SIZES:
            keys, inside = text.keys(size)
            added_from[1 : 1 + len(keys)] += self._weights[self._keys.find(keys)] * inside
        sums = added_from.cumsum()
        starts = numpy.concatenate(([0], text.ends))[: len(texts)]
        added = sums[text.ends] - sums[starts]
        logits: Weights = (added / numpy.sqrt(numpy.maximum(text.counts, 1))).astype(numpy.float32)
        return logits


class KeyIndex:
    """Find keys among ascending keys by their leading bits: six times as fast as bisection."""

    def __init__(self, keys: Keys) -> None:
        ordered = _unsigned(keys)
        # Two to four buckets per key: fewer cost more comparisons, more do not fit into the processor's cache.
        bits = min(1 + len(keys).bit_length(), MOST_BITS)
        self._bucket_shift = numpy.uint32(32 - bits)
        borders = numpy.arange(2**bits + 1, dtype=numpy.uint64) << numpy.uint64(32 - bits)
        self._first = numpy.searchsorted(ordered, borders).astype(numpy.int32)
        self._deepest = int(numpy.diff(self._first).max())
        # A sentinel for buckets after the last key; it never matches.
        self._keys = numpy.append(ordered, numpy.uint32(0))

    def find(self, keys: Keys) -> NDArray[numpy.int32]:
        """Return the position of each of ``keys``; -1 when it is unknown."""
        sought = _unsigned(keys)
        buckets = (sought >> self._bucket_shift).astype(numpy.int32)
        places, ends = self._first[buckets], self._first[buckets + 1]
        found = numpy.full(len(keys), -1, numpy.int32)
        left = numpy.arange(len(keys))
        for _ in range(self._deepest):
            hit = (self._keys[places] == sought) & (places < ends)
            found[left[hit]] = places[hit]
            more = ~hit & (places + 1 < ends)
            left, sought, places, ends = left[more], sought[more], places[more] + 1, ends[more]
        return found


def _unsigned(keys: Keys) -> NDArray[numpy.uint32]:
    """Map keys to unsigned integers in the same order."""
    shifted: NDArray[numpy.uint32] = keys.view(numpy.uint32) ^ numpy.uint32(2**31)
    return shifted


def _hash(codes: NDArray[numpy.uint64]) -> Keys:
    mixed = (codes ^ (codes >> numpy.uint64(30))) * FIRST_FACTOR
    mixed = (mixed ^ (mixed >> numpy.uint64(27))) * SECOND_FACTOR
    return (mixed ^ (mixed >> numpy.uint64(31))).astype(numpy.uint32).view(numpy.int32)
