"""A weight for each pair and each triple of characters that matters, beside the GRU: logits that no word has to pass.

After Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems" (arXiv 1606.07792): what generalises stands
beside what remembers. The GRU reads words; these read characters, whatever the words were cut into. A text's logit is
the sum of its n-grams' weights over the square root of how many n-grams it has, known or not.
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
# Of the first bits of keys, by which they are found; 4 bytes for each of what they can be.
MOST_BITS = 22
# Of splitmix64's finaliser: bits of the result depend on all bits of the n-gram.
FIRST_FACTOR, SECOND_FACTOR = numpy.uint64(0xBF58476D1CE4E5B9), numpy.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Spelled:
    """Texts as one row of code points; ``ends`` (texts) is where each ends in it."""

    characters: NDArray[numpy.uint64]
    ends: NDArray[numpy.int64]

    @property
    def lengths(self) -> NDArray[numpy.int64]:
        """How many characters each text has."""
        return numpy.diff(self.ends, prepend=0)

    @property
    def counts(self) -> NDArray[numpy.int64]:
        """How many n-grams each text has."""
        counts = numpy.zeros(len(self.ends), numpy.int64)
        for size in SIZES:
            counts += numpy.maximum(self.lengths - size + 1, 0)
        return counts

    def keys(self, size: int) -> tuple[Keys, NDArray[numpy.bool_]]:
        """The key of the n-gram of this ``size`` that begins at each character, and whether it ends in the same text.

        A key is a hash of 32 bits: with 900,000 weights one n-gram in 4,800 that has no weight gets that of another.
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
    """The characters of ``words`` without white space: head and tail of more than ``maximum_tokens``."""
    return shorten("".join(word for word in words if not word.isspace()), maximum_tokens)


def spelled(texts: Sequence[str]) -> Spelled:
    """``texts`` as ``spell_out`` gives them, for their n-grams to be looked up."""
    characters = numpy.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), numpy.uint32)
    ends = numpy.cumsum(numpy.fromiter(map(len, texts), numpy.int64, len(texts)))
    return Spelled(characters.astype(numpy.uint64), ends)


@dataclass(frozen=True, slots=True)
class Ngrams:
    """``weights`` (n-grams) float32 by ``keys`` (n-grams) int32, which ascend."""

    keys: Keys
    weights: Weights

    def __len__(self) -> int:
        return len(self.keys)

    def scaled(self, factor: float) -> "Ngrams":
        """The same with every weight times ``factor``."""
        return Ngrams(self.keys, self.weights * numpy.float32(factor))


NONE = Ngrams(numpy.zeros(0, numpy.int32), numpy.zeros(0, numpy.float32))


class NgramTable:
    """N-grams as they serve. Without any, every logit is 0."""

    def __init__(self, ngrams: Ngrams) -> None:
        self._keys = KeyIndex(ngrams.keys)
        # What is not known is found at -1, the last one.
        self._weights = numpy.append(ngrams.weights, numpy.float32(0))

    def logits(self, texts: Sequence[str]) -> Weights:
        """What the n-grams of each of ``texts`` (out of ``spell_out``) add to its logit (texts)."""
        text = spelled(texts)
        begun = numpy.zeros(1 + len(text.characters))
        for size in SIZES:
            keys, inside = text.keys(size)
            begun[1 : 1 + len(keys)] += self._weights[self._keys.find(keys)] * inside
        sums = begun.cumsum()
        starts = numpy.concatenate(([0], text.ends))[: len(texts)]
        added = sums[text.ends] - sums[starts]
        logits: Weights = (added / numpy.sqrt(numpy.maximum(text.counts, 1))).astype(numpy.float32)
        return logits


class KeyIndex:
    """Where a key stands among keys that ascend: by its first bits at once, which is six times as fast as bisection."""

    def __init__(self, keys: Keys) -> None:
        ordered = _unsigned(keys)
        # Two to four buckets a key: with fewer, keys are looked at in vain; with more, the buckets leave the cache.
        bits = min(1 + len(keys).bit_length(), MOST_BITS)
        self._behind = numpy.uint32(32 - bits)
        borders = numpy.arange(2**bits + 1, dtype=numpy.uint64) << numpy.uint64(32 - bits)
        self._first = numpy.searchsorted(ordered, borders).astype(numpy.int32)
        self._deepest = int(numpy.diff(self._first).max())
        # One more than there is, for buckets that begin behind the last key; it is never taken for a key.
        self._keys = numpy.append(ordered, numpy.uint32(0))

    def find(self, keys: Keys) -> NDArray[numpy.int32]:
        """The place of each of ``keys``, -1 where it is not among them."""
        wanted = _unsigned(keys)
        buckets = (wanted >> self._behind).astype(numpy.int32)
        places, ends = self._first[buckets], self._first[buckets + 1]
        found = numpy.full(len(keys), -1, numpy.int32)
        left = numpy.arange(len(keys))
        for _ in range(self._deepest):
            hit = (self._keys[places] == wanted) & (places < ends)
            found[left[hit]] = places[hit]
            more = ~hit & (places + 1 < ends)
            left, wanted, places, ends = left[more], wanted[more], places[more] + 1, ends[more]
        return found


def _unsigned(keys: Keys) -> NDArray[numpy.uint32]:
    """The keys in the same order, from 0 on."""
    shifted: NDArray[numpy.uint32] = keys.view(numpy.uint32) ^ numpy.uint32(2**31)
    return shifted


def _hash(codes: NDArray[numpy.uint64]) -> Keys:
    mixed = (codes ^ (codes >> numpy.uint64(30))) * FIRST_FACTOR
    mixed = (mixed ^ (mixed >> numpy.uint64(27))) * SECOND_FACTOR
    return (mixed ^ (mixed >> numpy.uint64(31))).astype(numpy.uint32).view(numpy.int32)
