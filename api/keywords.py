"""Find keywords: words that occur more often in the comments of one label than in those of the other.

A word's score is its log-odds ratio between both samples with an informative Dirichlet prior, divided by its standard
deviation (Monroe, Colaresi and Quinn, 2008: "Fightin' Words").
"""

import asyncio
import functools
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import zip_longest
from math import log, sqrt
from time import monotonic

# Weight of the prior, as a share of both samples together that is added to each side.
PRIOR_SHARE = 0.1
# A word in fewer comments characterizes those comments, not their label.
FEWEST_COMMENTS = 3
# 1.96 standard deviations: the bound of a two-sided test at 5 %.
LOWEST_SCORE = 1.96
LONGEST_WORD = 20
# The rest of a long comment adds little, and the model does not read all of it either.
LONGEST_TEXT = 1_000
KEEP_SECONDS = 300
KEPT_AT_MOST = 100

Cut = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword of one label. ``positive`` and ``negative`` count the comments of each sample that contain the word;
    ``score`` is in standard deviations, above 0."""

    word: str
    score: float
    positive: int
    negative: int


@dataclass(frozen=True, slots=True)
class Keywords:
    """The keywords of both labels, highest score first, and the number of comments read; ``complete`` is False if the
    time limit ended the count early."""

    positive: Sequence[Keyword]
    negative: Sequence[Keyword]
    positive_comments: int
    negative_comments: int
    complete: bool


def find_keywords(
    positive: Sequence[str], negative: Sequence[str], cut: Cut, *, limit: int, seconds: float
) -> Keywords:
    """Return up to ``limit`` keywords of each label, counting the words that ``cut`` finds within ``seconds``.

    Texts of both labels are read alternately, so that the time limit truncates both samples alike. If one sample is
    empty, there are no keywords.
    """
    deadline = monotonic() + seconds
    counted: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    read = [0, 0]
    for pair in zip_longest(positive, negative):
        if monotonic() > deadline:
            break
        for side, text in enumerate(pair):
            if text is not None:
                counted[side].update({word for word in cut(text[:LONGEST_TEXT]) if _is_candidate(word)})
                read[side] += 1
    scored = _score(*counted) if all(read) else []
    return Keywords(
        [word for word in scored if word.score >= LOWEST_SCORE][:limit],
        [_negated(word) for word in reversed(scored) if word.score <= -LOWEST_SCORE][:limit],
        positive_comments=read[0],
        negative_comments=read[1],
        complete=read == [len(positive), len(negative)],
    )


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


def _score(positive: Counter[str], negative: Counter[str]) -> list[Keyword]:
    """Return all words that are frequent enough, most positive first."""
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
        score = odds / sqrt(1 / here + 1 / there)
        scored.append(Keyword(word, score, positive[word], negative[word]))
    return sorted(scored, key=lambda word: (-word.score, word.word))


def _negated(word: Keyword) -> Keyword:
    return Keyword(word.word, -word.score, word.positive, word.negative)


@dataclass(slots=True)
class KeywordsCache:
    """Caches keywords for some minutes and shares one task among concurrent requests for the same key."""

    now: Callable[[], float] = monotonic
    _kept: "dict[Hashable, tuple[float, asyncio.Task[Keywords]]]" = field(default_factory=dict)

    async def get(self, key: Hashable, start: "Callable[[], asyncio.Task[Keywords]]") -> Keywords:
        """Return the cached keywords, or the result of the task that ``start`` creates. Errors are not cached."""
        now = self.now()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
        if key not in self._kept:
            while len(self._kept) >= KEPT_AT_MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (now + KEEP_SECONDS, start())
        task = self._kept[key][1]
        try:
            # The task continues for other requests if this one is cancelled.
            return await asyncio.shield(task)
        except BaseException:
            if task.done():
                self._kept.pop(key, None)
            raise
