"""The most telling words of each label: words that one side's comments hold more often than the other's.

A word's score is its log-odds ratio between both samples with an informative Dirichlet prior (Monroe, Colaresi and
Quinn, 2008: "Fightin' Words"), divided by its standard deviation: frequent words need a difference, rare ones evidence.
"""

import asyncio
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import log, sqrt
from time import monotonic

# What the prior counts for: as if each side had also seen so large a share of both samples together.
PRIOR_SHARE = 0.1
# A word in fewer comments tells of them and not of a side.
FEWEST_COMMENTS = 3
# Nothing that is within chance: 1.96 standard deviations.
LOWEST_SCORE = 1.96
LONGEST_WORD = 20
# What follows in a long comment adds little; the model does not read all of it either.
LONGEST_TEXT = 1_000
KEEP_SECONDS = 300
KEPT_AT_MOST = 100

Cut = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word of one side. ``positive`` and ``negative`` are the comments of each sample that hold it; ``score`` is
    above 0 and counts standard deviations."""

    word: str
    score: float
    positive: int
    negative: int


@dataclass(frozen=True, slots=True)
class Keywords:
    """The words of both sides, the most telling first, and how many comments were read; not ``complete`` when time was
    up before all of them were."""

    positive: Sequence[Keyword]
    negative: Sequence[Keyword]
    positive_comments: int
    negative_comments: int
    complete: bool


def find_keywords(
    positive: Sequence[str], negative: Sequence[str], cut: Cut, *, limit: int, seconds: float
) -> Keywords:
    """The ``limit`` most telling words of each side, by what ``cut`` makes of its texts within ``seconds``.

    Both sides are read in turn, so that time that is up cuts both alike. Where one side is empty, nothing is told.
    """
    deadline = monotonic() + seconds
    counted: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    read = [0, 0]
    for pair in zip_longest(positive, negative):
        if monotonic() > deadline:
            break
        for side, text in enumerate(pair):
            if text is not None:
                counted[side].update({word for word in cut(text[:LONGEST_TEXT]) if _tells(word)})
                read[side] += 1
    scored = _score(*counted) if all(read) else []
    return Keywords(
        [word for word in scored if word.score >= LOWEST_SCORE][:limit],
        [_turned(word) for word in reversed(scored) if word.score <= -LOWEST_SCORE][:limit],
        positive_comments=read[0],
        negative_comments=read[1],
        complete=read == [len(positive), len(negative)],
    )


def _tells(word: str) -> bool:
    """Letters, ideographs and emoji, no punctuation, numbers or placeholders."""
    return len(word) <= LONGEST_WORD and any(
        (category := unicodedata.category(character))[0] == "L" or category == "So" for character in word
    )


def _score(positive: Counter[str], negative: Counter[str]) -> list[Keyword]:
    """All words that are frequent enough, the most positive first."""
    both = positive + negative
    # One more than there are, so that a word is never all of its side.
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


def _turned(word: Keyword) -> Keyword:
    return Keyword(word.word, -word.score, word.positive, word.negative)


@dataclass(slots=True)
class KeywordsCache:
    """Keeps answers for some minutes, and lets those who ask the same at once wait for one answer."""

    now: Callable[[], float] = monotonic
    _kept: "dict[Hashable, tuple[float, asyncio.Task[Keywords]]]" = field(default_factory=dict)

    async def get(self, key: Hashable, ask: "Callable[[], asyncio.Task[Keywords]]") -> Keywords:
        """The kept answer, else what the task of ``ask`` answers; an error is not kept."""
        now = self.now()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
        if key not in self._kept:
            while len(self._kept) >= KEPT_AT_MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (now + KEEP_SECONDS, ask())
        task = self._kept[key][1]
        try:
            # Whoever goes away takes nothing from those who still wait.
            return await asyncio.shield(task)
        except BaseException:
            if task.done():
                self._kept.pop(key, None)
            raise
