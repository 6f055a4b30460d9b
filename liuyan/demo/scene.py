"""The data that a display shows: figures, samples and the rate."""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from liuyan.demo.figures import Figures, LabelledText

RATE_SECONDS = 3.0
# People read about two comments per second.
SAMPLE_SECONDS = 0.5
SAMPLES = 60


@dataclass(frozen=True, slots=True)
class Scene:
    """The data to show. ``samples`` are recently stored comments, newest first; ``rate`` is in stored comments/s.

    ``site`` is the URL of the admin app and the API, or None until they answer. ``password`` belongs to the account
    ``demo``. ``settings_file`` is the file with the demo's settings, or why there is none.
    """

    stack: str
    state: str
    seconds: float
    published: int
    lag: int
    rate: float
    figures: Figures
    samples: tuple[LabelledText, ...]
    site: str | None
    password: str
    settings_file: str


class Samples:
    """Sample stored comments at a rate that people can read."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - not a secret
        self._texts: deque[LabelledText] = deque(maxlen=SAMPLES)
        self._last = float("-inf")

    def add(self, now: float, latest: Sequence[LabelledText]) -> None:
        """Sample one comment, unless the last one is too recent. ``now`` is in seconds, of any clock."""
        fresh = [text for text in latest if text not in self._texts]
        if fresh and now - self._last >= SAMPLE_SECONDS:
            self._texts.appendleft(self._chance.choice(fresh))
            self._last = now

    def newest_first(self) -> tuple[LabelledText, ...]:
        """Return the samples, newest first."""
        return tuple(self._texts)


class Rate:
    """Comments per second over the last few seconds, computed from a growing count."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def measure(self, now: float, count: int) -> float:
        """Record the count at ``now`` (seconds) and return the rate."""
        self._counts.append((now, count))
        while now - self._counts[0][0] > RATE_SECONDS:
            self._counts.popleft()
        start, first = self._counts[0]
        return (count - first) / (now - start) if now > start else 0.0
