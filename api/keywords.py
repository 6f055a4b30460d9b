"""Find keywords: words that occur more often in the comments of one label than in those of the other.

A word's score is its log-odds ratio between both samples with an informative Dirichlet prior, divided by its standard
deviation (Monroe, Colaresi and Quinn, 2008: "Fightin' Words").
"""

import functools
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import log, sqrt

# Weight of the prior, as a share of both samples together that is added to each side.
PRIOR_SHARE = 0.1
# A word in fewer comments characterizes those comments, not their label.
FEWEST_COMMENTS = 3
# 1.96 standard deviations: the bound of a two-sided test at 5 %.
LOWEST_SCORE = 1.96
LONGEST_WORD = 20
# The rest of a long comment adds little, and the model does not read all of it either.
LONGEST_TEXT = 1_000

Cut = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class CutText:
    """A comment's text in lower case, and the words in it that can be keywords."""

    folded: str
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword of one label, with a score in standard deviations, above 0.

    ``positive`` and ``negative`` count the comments of each sample whose text contains it, as a search does.
    """

    word: str
    score: float
    positive: int
    negative: int


@dataclass(frozen=True, slots=True)
class Keywords:
    """The keywords of both labels, highest score first."""

    positive: Sequence[Keyword]
    negative: Sequence[Keyword]


def cut_text(text: str, cut: Cut) -> CutText:
    """Cut a text into the words that can be keywords."""
    return CutText(text.lower(), frozenset(candidates(cut, text)))


def candidates(cut: Cut, text: str) -> set[str]:
    """Return the content words of a text, without function words and single characters."""
    return {word for word in cut(text[:LONGEST_TEXT]) if _is_candidate(word)}


def find_keywords(positive: Sequence[CutText], negative: Sequence[CutText], limit: int) -> Keywords:
    """Return up to ``limit`` keywords of each label. If one sample is empty, there are none."""
    if not positive or not negative:
        return Keywords([], [])
    scored = _score(*(Counter(word for text in side for word in text.words) for side in (positive, negative)))
    best = [(word, score) for word, score in scored if score >= LOWEST_SCORE][:limit]
    worst = [(word, -score) for word, score in reversed(scored) if score <= -LOWEST_SCORE][:limit]

    def counted(word: str, score: float) -> Keyword:
        counts = (sum(word.lower() in text.folded for text in side) for side in (positive, negative))
        return Keyword(word, score, *counts)

    return Keywords([counted(*one) for one in best], [counted(*one) for one in worst])


def _is_candidate(word: str) -> bool:
    """Return whether a word says something by itself.

    That is an emoji, or a word of two or more characters with a letter or ideograph, except function words. Single
    ideographs are ambiguous without their context.
    """
    if len(word) > LONGEST_WORD or word.lower() in _function_words():
        return False
    categories = [unicodedata.category(character) for character in word]
    return "So" in categories or (len(word) > 1 and any(category[0] == "L" for category in categories))


@functools.cache
def _function_words() -> frozenset[str]:
    """Return words that only connect others. Negations are not among them: they carry sentiment."""
    return frozenset((files("api") / "function_words.txt").read_text("utf-8").split())


def _score(positive: Counter[str], negative: Counter[str]) -> list[tuple[str, float]]:
    """Return all words that are frequent enough with their scores, most positive first."""
    both = positive + negative
    # Plus one, so that a word never makes up its entire sample.
    prior_words = PRIOR_SHARE * both.total() + 1
    all_positive, all_negative = positive.total() + prior_words, negative.total() + prior_words
    scored = []
    for word, comments in both.items():
        if comments < FEWEST_COMMENTS:
            continue
        prior = PRIOR_SHARE * comments
        here, there = positive[word] + prior, negative[word] + prior
        odds = log(here / (all_positive - here)) - log(there / (all_negative - there))
        scored.append((word, odds / sqrt(1 / here + 1 / there)))
    return sorted(scored, key=lambda one: (-one[1], one[0]))
