"""Cache the probabilities of frequent texts, so that a repeated 好评 costs only a lookup."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Hits and misses since the labeller was loaded; ``size`` is the current number of entries."""

    hits: int
    misses: int
    size: int


class AnswerCache:
    """A bounded map from text to probability. Texts seen only once cannot evict entries.

    A text is admitted when it repeats within the last ``4 x size`` unknown texts. The least recently used entry is
    evicted first. Long texts rarely repeat and are not cached.
    """

    LONGEST = 100

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[str, float] = OrderedDict()
        self._seen_once: OrderedDict[int, None] = OrderedDict()
        self._hits = 0
        self._misses = 0

    def get(self, text: str) -> float | None:
        """Return the cached probability of ``text``, and count a hit or a miss."""
        answer = self._answers.get(text)
        if answer is None:
            self._misses += 1
            return None
        self._answers.move_to_end(text)
        self._hits += 1
        return answer

    def put(self, text: str, probability: float) -> None:
        """Offer an entry. It is stored when the text was offered before."""
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
        """Return hits, misses and the number of entries."""
        return CacheStatistics(self._hits, self._misses, len(self._answers))
