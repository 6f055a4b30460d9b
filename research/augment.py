"""Generate texts from real comments, for teachers to label and a student to learn from.

A student learns only what its teachers' answers show, so more texts than there are real comments help. Comments are cut
into clauses, clauses of two comments are joined, and words, above all rare ones, are replaced by similar words that a
pretrained teacher knows. The texts need not make sense, because the teachers label them. After Tang et al. 2019 (arXiv
1903.12136) and TinyBERT (Jiao et al. 2020, arXiv 1909.10351).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy

from research.hints import Vectors, directions_from_mean

ENDS = frozenset("，。！？；,.!?;~、… \n")
# Maximum number of words of a text, and of each half of a joined text.
LONGEST, LONGEST_HALF, LONGEST_OTHER_HALF = 90, 50, 40
# Numbers of clauses to choose from: mostly one or two.
CLAUSES = (1, 1, 2, 2, 3, 4, 6)
# Number of similar words that may replace a word.
NEIGHBOURS = 15
# Number of words compared with all others at a time.
COMPARED = 1_000
# A single-character word is not replaced if it makes up more than 1/COMMON of all words: it is grammatical.
COMMON = 225
# Number of indices drawn at a time.
DRAWN = 65_536

Words = Sequence[str]
# Replacements by word.
Neighbours = Mapping[str, Words]


@dataclass(frozen=True, slots=True)
class Pool:
    """Segmented texts with their sources and sampling weights."""

    texts: Sequence[Words]
    sources: Sequence[str]
    weights: Sequence[float]


def replaceable(vocabulary: Iterable[str], texts: Iterable[Words]) -> list[str]:
    """Return the Chinese words of ``vocabulary``, in order, without single characters that are common in ``texts``."""
    counts = Counter(word for text in texts for word in text)
    most = counts.total() / COMMON
    return [word for word in vocabulary if _chinese(word) and (len(word) > 1 or counts[word] < most)]


def _chinese(word: str) -> bool:
    return all("\u4e00" <= character <= "\u9fff" for character in word)


def find_neighbours(words: Words, vectors: Vectors) -> dict[str, Words]:
    """Return the ``NEIGHBOURS`` most similar words of each word, by cosine of centred ``vectors`` (words, width)."""
    directions = directions_from_mean(vectors)
    neighbours: dict[str, Words] = {}
    for start in range(0, len(words), COMPARED):
        likeness = directions[start : start + COMPARED] @ directions.T
        likeness.diagonal(start).fill_(-2)  # below any cosine, so that no word is its own neighbour
        rows = likeness.topk(min(NEIGHBOURS, len(words) - 1), 1).indices.tolist()
        for word, row in zip(words[start : start + COMPARED], rows, strict=True):
            neighbours[word] = [words[place] for place in row]
    return neighbours


def augment(pool: Pool, neighbours: Neighbours, seed: int) -> Iterator[str]:
    """Generate texts from ``pool`` without end. They repeat for the same ``seed`` and may contain duplicates."""
    generator = _Generator(neighbours, Random(seed))  # noqa: S311 - not a secret
    before: dict[str, Words] = {}
    for place in _draw(pool.weights, seed):
        text, source = pool.texts[place], pool.sources[place]
        yield join(generator.generate(text, before.get(source, ())))
        before[source] = text


def _draw(weights: Sequence[float], seed: int) -> Iterator[int]:
    generator = numpy.random.default_rng(seed)
    shares = numpy.array(weights) / numpy.sum(weights)
    while True:
        yield from generator.choice(len(shares), DRAWN, p=shares).tolist()


class _Generator:
    def __init__(self, neighbours: Neighbours, random: Random) -> None:
        self._neighbours = neighbours
        self._random = random

    def generate(self, text: Words, other: Words) -> Words:
        """Generate a text from ``text`` and possibly ``other``, a text of the same source."""
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
        """Return a few consecutive clauses of ``text``."""
        clauses = split(text)
        number = min(len(clauses), self._random.choice(CLAUSES))
        start = self._random.randrange(len(clauses) - number + 1)
        return [word for clause in clauses[start : start + number] for word in clause][:longest]

    def _thin(self, text: Words) -> Words:
        """Return some of the clauses of ``text``."""
        clauses = split(text)
        kept = [clause for clause in clauses if self._random.random() < 0.6] or [self._random.choice(clauses)]
        return [word for clause in kept for word in clause][:LONGEST]

    def _replace(self, text: Words, most: float) -> Words:
        """Replace up to a share ``most`` of the words of ``text``, and drop a few others."""
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
    """Split ``text`` into clauses with their final punctuation. A clause has at least three words."""
    clauses: list[list[str]] = [[]]
    for word in text:
        clauses[-1].append(word)
        if word in ENDS and len(clauses[-1]) > 2:
            clauses.append([])
    return [clause for clause in clauses if not ENDS.issuperset(clause)] or [text]


def join(text: Words) -> str:
    """Join words to a text, with a space between two Latin words."""
    joined = ""
    for word in text:
        apart = joined and _latin(joined[-1]) and word and _latin(word[0])
        joined += f" {word}" if apart else word
    return joined


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
