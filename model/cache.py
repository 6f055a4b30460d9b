"""Answers to the most frequent texts, so that the thousandth 好评 costs a look-up."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Counts since the labeller was loaded; ``size`` is the number of answers kept now."""

    hits: int
    misses: int
    size: int


class AnswerCache:
    """A bounded map of text to probability that texts seen only once cannot flush.

    A text is admitted when it comes a second time within the last ``4 x size`` texts that were not known; among the
    admitted ones the longest unused leaves first. Long texts hardly ever repeat and are left out.
    """

    LONGEST = 100

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[str, float] = OrderedDict()
        self._seen_once: OrderedDict[int, None] = OrderedDict()
        self._hits = 0
        self._misses = 0

    def get(self, text: str) -> float | None:
        """The probability that was put for ``text``; counts a hit or a miss."""
        answer = self._answers.get(text)
        if answer is None:
            self._misses += 1
            return None
        self._answers.move_to_end(text)
        self._hits += 1
        return answer

    def put(self, text: str, probability: float) -> None:
        """Offer an answer; it is kept when the text was offered before."""
        if self._size == 0 or len(text) > self.LONGEST:
            return
        trace = hash(text)
        if text not in self._answers and trace not in self._seen_once:
            self._seen_once[trace] = None
            if len(self._seen_once) > 4 * self._size:
                self._seen_once.popitem(last=False)
            return
        self._seen_once.pop(trace, None)
        self._answers[text] = probability
        if len(self._answers) > self._size:
            self._answers.popitem(last=False)

    def statistics(self) -> CacheStatistics:
        """Hits, misses and answers kept."""
        return CacheStatistics(self._hits, self._misses, len(self._answers))
