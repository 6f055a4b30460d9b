"""What there is to show at one moment, gathered from publisher and database, whatever shows it."""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from liuyan.demo.figures import Figures, LabelledText

RATE_SECONDS = 3.0
# A person can read about two comments a second: more would only flicker.
SAMPLE_SECONDS = 0.5
SAMPLES = 60


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment. ``samples`` are some of the comments stored last, newest first; ``rate`` is stored comments/s.

    ``site`` is the address of the admin app and the API, once they answer; ``password`` that of the account ``demo``.
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


class Samples:
    """Picks, from all that is stored, as many comments as a person can read."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - not a secret
        self._texts: deque[LabelledText] = deque(maxlen=SAMPLES)
        self._last = float("-inf")

    def add(self, now: float, latest: Sequence[LabelledText]) -> None:
        """Pick one of those, unless one was picked a moment ago. ``now`` is in seconds, of any clock."""
        fresh = [text for text in latest if text not in self._texts]
        if fresh and now - self._last >= SAMPLE_SECONDS:
            self._texts.appendleft(self._chance.choice(fresh))
            self._last = now

    def newest_first(self) -> tuple[LabelledText, ...]:
        """What was picked."""
        return tuple(self._texts)


class Rate:
    """Comments a second over the last few seconds, from a count that grows."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def measure(self, now: float, count: int) -> float:
        """Note the count at ``now`` (seconds) and return the rate."""
        self._counts.append((now, count))
        while now - self._counts[0][0] > RATE_SECONDS:
            self._counts.popleft()
        began, first = self._counts[0]
        return (count - first) / (now - began) if now > began else 0.0
