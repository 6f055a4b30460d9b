"""Augmentation: texts made out of real comments, for teachers to judge and a student to learn from.

A student learns from its teachers only what the texts show that it sees them judge. More of them than there are real
ones can be had by cutting comments into clauses, joining clauses of two, and putting words in the place of others like
them, most of all rare ones, of which a pretrained teacher knows more than comments can tell. Nobody needs to know what
the result means: the teachers say. After Tang et al. 2019 (arXiv 1903.12136) and TinyBERT (Jiao et al. 2020,
arXiv 1909.10351).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy

from research.hints import Vectors, directions_from_mean

ENDS = frozenset("，。！？；,.!?;~、… \n")
# Words of a text at most, and of each half of one that is joined.
LONGEST, LONGEST_HALF, LONGEST_OTHER_HALF = 90, 50, 40
# Clauses of a cut text: mostly one or two.
CLAUSES = (1, 1, 2, 2, 3, 4, 6)
# Words that may stand in a word's place, by likeness.
NEIGHBOURS = 15
# Words compared with all others at once.
COMPARED = 1_000
# A word of one character is left as it is when more than one of so many words is it: it is grammar.
COMMON = 225
# Indices drawn at once.
DRAWN = 65_536

Words = Sequence[str]
# The words that may stand in a word's place.
Neighbours = Mapping[str, Words]


@dataclass(frozen=True, slots=True)
class Pool:
    """Segmented texts, where each is from, and how often it is drawn against others."""

    texts: Sequence[Words]
    sources: Sequence[str]
    weights: Sequence[float]


def replaceable(vocabulary: Iterable[str], texts: Iterable[Words]) -> list[str]:
    """The Chinese words of ``vocabulary``, in its order, that mean something by themselves in ``texts``."""
    counts = Counter(word for text in texts for word in text)
    most = counts.total() / COMMON
    return [word for word in vocabulary if _chinese(word) and (len(word) > 1 or counts[word] < most)]


def _chinese(word: str) -> bool:
    return all("\u4e00" <= character <= "\u9fff" for character in word)


def find_neighbours(words: Words, vectors: Vectors) -> dict[str, Words]:
    """For each word the ``NEIGHBOURS`` others whose ``vectors`` (words, width), from their mean, point most its way."""
    directions = directions_from_mean(vectors)
    neighbours: dict[str, Words] = {}
    for start in range(0, len(words), COMPARED):
        likeness = directions[start : start + COMPARED] @ directions.T
        likeness.diagonal(start).fill_(-2)  # below any cosine: nobody is a neighbour of himself
        rows = likeness.topk(min(NEIGHBOURS, len(words) - 1), 1).indices.tolist()
        for word, row in zip(words[start : start + COMPARED], rows, strict=True):
            neighbours[word] = [words[place] for place in row]
    return neighbours


def augment(pool: Pool, neighbours: Neighbours, seed: int) -> Iterator[str]:
    """Texts without end out of those of ``pool``, the same ones in the same order under a seed; some come twice."""
    maker = _Maker(neighbours, Random(seed))  # noqa: S311 - not a secret
    before: dict[str, Words] = {}
    for place in _draw(pool.weights, seed):
        text, source = pool.texts[place], pool.sources[place]
        yield join(maker.make(text, before.get(source, ())))
        before[source] = text


def _draw(weights: Sequence[float], seed: int) -> Iterator[int]:
    generator = numpy.random.default_rng(seed)
    shares = numpy.array(weights) / numpy.sum(weights)
    while True:
        yield from generator.choice(len(shares), DRAWN, p=shares).tolist()


class _Maker:
    def __init__(self, neighbours: Neighbours, random: Random) -> None:
        self._neighbours = neighbours
        self._random = random

    def make(self, text: Words, other: Words) -> Words:
        """One text out of ``text``, and perhaps of ``other``, one of the same source."""
        kind = self._random.random()
        if kind < 0.35:
            return self._replace(self._cut(text, LONGEST), 0.5)
        if kind < 0.55:
            return self._replace(text[:LONGEST], 0.4)
        if kind < 0.7:
            return self._cut(text, LONGEST)
        if kind < 0.8:
            return self._thin(text)
        joined = self._cut(text, LONGEST_HALF)
        if other:
            joined = [*self._cut(other, LONGEST_OTHER_HALF), *joined]
        return self._replace(joined, 0.4) if self._random.random() < 0.5 else joined

    def _cut(self, text: Words, longest: int) -> Words:
        """A few clauses of ``text`` in a row."""
        clauses = split(text)
        number = min(len(clauses), self._random.choice(CLAUSES))
        start = self._random.randrange(len(clauses) - number + 1)
        return [word for clause in clauses[start : start + number] for word in clause][:longest]

    def _thin(self, text: Words) -> Words:
        """Some of the clauses of ``text``."""
        clauses = split(text)
        kept = [clause for clause in clauses if self._random.random() < 0.6] or [self._random.choice(clauses)]
        return [word for clause in kept for word in clause][:LONGEST]

    def _replace(self, text: Words, most: float) -> Words:
        """``text`` with others in the place of a share of its words, up to ``most``, and a few words left out."""
        share = self._random.uniform(0.1, most)
        replaced: list[str] = []
        for word in text:
            others = self._neighbours.get(word)
            if others and self._random.random() < share:
                replaced.append(others[self._random.randrange(len(others))])
            elif self._random.random() >= 0.02:
                replaced.append(word)
        return replaced


def split(text: Words) -> list[Words]:
    """The clauses of ``text``, each with what ends it; one or two words are no clause of their own."""
    clauses: list[list[str]] = [[]]
    for word in text:
        clauses[-1].append(word)
        if word in ENDS and len(clauses[-1]) > 2:
            clauses.append([])
    return [clause for clause in clauses if not ENDS.issuperset(clause)] or [text]


def join(text: Words) -> str:
    """The words as one text, apart where they would become one word otherwise."""
    joined = ""
    for word in text:
        apart = joined and _latin(joined[-1]) and word and _latin(word[0])
        joined += f" {word}" if apart else word
    return joined


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
