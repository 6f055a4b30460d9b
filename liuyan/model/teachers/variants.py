"""Comments made out of others for the teachers to judge, so that the student hears more of them than people wrote.

Parts of comments, parts of two joined, and comments with some words out of another: what a change does to the label is
for the teachers to say. After Tang et al. 2019, "Distilling Task-Specific Knowledge from BERT into Simple Neural
Networks", section 3.3.
"""

import re
from collections.abc import Callable, Collection, Mapping
from random import Random

from liuyan.model.data import digest, part_of
from liuyan.model.progress import Report
from liuyan.model.segment import segment

# A clause with what ends it.
CLAUSE = re.compile(r"[^，。！？；,!?;~…\n]+[，。！？；,!?;~…\s]*")
REPLACED = 0.15
SHORTEST = 4
# Made of a comment and another one.
Make = Callable[[Random, str, str], str]


def make_variants(
    texts: Mapping[str, str], count: int, seed: int, taken: Collection[str], report: Report
) -> dict[str, str]:
    """``count`` texts by digest, made of ``texts`` (by digest); fewer where these are too few.

    None of them has a digest in ``taken`` or one that belongs to validation or test.
    """
    random = Random(seed)  # noqa: S311 - the same variants under the same seed, not a secret
    originals = [texts[key] for key in sorted(texts)]
    made: dict[str, str] = {}
    for _ in range(3 * count if originals else 0):
        make: Make = random.choice(MAKES)
        text = make(random, random.choice(originals), random.choice(originals)).strip()
        key = digest(text)
        if len(text) >= SHORTEST and key not in taken and part_of(key) == "train":
            made[key] = text
            report("making variants", len(made), count)
        if len(made) == count:
            break
    return made


def _part(random: Random, text: str, other: str) -> str:
    """Some clauses of ``text`` that follow each other, at most half of it."""
    clauses = CLAUSE.findall(text) or [text]
    length = random.randint(1, max(1, len(clauses) // 2))
    start = random.randint(0, len(clauses) - length)
    return "".join(clauses[start : start + length])


def _joined(random: Random, text: str, other: str) -> str:
    return _part(random, text, "") + _part(random, other, "")


def _replaced(random: Random, text: str, other: str) -> str:
    """``text`` with words of ``other`` in place of some of its own."""
    words, others = segment(text), segment(other)
    return "".join(random.choice(others) if others and random.random() < REPLACED else word for word in words)


MAKES: tuple[Make, ...] = (_part, _joined, _replaced)
